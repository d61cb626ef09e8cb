"""What can be counted of a claim and the text it cites: the numbers that its chance of support is reckoned from."""

from collections.abc import Mapping, Sequence
from math import log
from typing import Final, NamedTuple

from domain.grounding.assertion import asks_rather_than_says
from domain.grounding.figures import missing_figures
from domain.grounding.polarity import says_opposite
from domain.grounding.senses import Senses, one_sided, points_against, senses_of, turns
from domain.grounding.sources import Source
from domain.text import Term

_RELATED: Final = 0.3
"""Below this cover the texts are about different things: what else is missing says nothing more."""
_TELLING_WORDS: Final = 20
"""Content words from which on a text is long enough to say anything."""
_SHORT_WORDS: Final = 66
"""Content words up to which a text is one thought, and its length says little."""
_LONGEST: Final = 1.3
"""Some 240 content words: the longest texts that were measured."""
_MOST_NAMES: Final = 3.0
_ONE_SENTENCE, _ALL_IN_ONE = 0.6, 0.8
"""
Of what the text holds of the claim, the share that its best sentence has to hold for that sentence's sense to be the
claim's: none of it counts below the first, all from the second on.
"""


class Signals(NamedTuple):
    """
    All 0 to 1, or true as 1, unless said otherwise; the more, the better for the claim down to ``telling``.

    Wording is read in the sentence that holds most of the claim, and counts as far as that sentence stands alone.
    """

    cover: float
    """The share of the claim's words that the text holds, by letters, long words weighing more."""
    precision: float
    """The share of the sentence's words that the claim has."""
    alone: float
    """How far one sentence holds what the text holds of the claim."""
    telling: float
    """How near the text is to twenty content words."""
    length: float
    """The logarithm of its length beyond 66 content words, 0 to 1.3."""
    figures: float
    """The share of the claim's figures that the text lacks, times its cover above ``_RELATED``."""
    names: float
    """How many names it lacks, by letters, up to three, times the same."""
    asks: float
    """A short text whose sentence asks or plans rather than says."""
    opposite: float
    """One has a word and the other its opposite."""
    undirected: float
    """The claim speaks of more or less, the sentence of neither."""
    other_words: float
    """The claim speaks of more or less in none of the sentence's words."""
    against: float
    """Beside the words that both have, more and less are exchanged."""
    one_sided: float
    """One speaks of more alone, the other of less alone."""
    turned: float
    """One is turned round an odd number of times more than the other."""
    denied_oddly: float
    """The same by denials alone."""
    claim_denies: float
    """The claim denies, or denies a difference, and the sentence does not."""
    source_denies: float
    """The sentence denies and the claim does not."""


def signals_of(
    claim: str,
    terms: Sequence[Term],
    weights: Mapping[str, float],
    source: Source,
    place: int | None,
    *,
    language: str,
) -> Signals:
    """
    Compare a claim without its markers with what it cites.

    ``weights`` are its terms' ``length_weights``, ``place`` is the source's ``best_sentence`` for them.
    """
    total = sum(weights.values()) or 1.0
    stems = source.stems
    held = {stem: 1.0 if stem in stems else source.share_held(stem) for stem in weights}
    cover = sum([weights[stem] * share for stem, share in held.items()]) / total
    related = max(0.0, cover - _RELATED)
    sentence = "" if place is None else source.sentences[place]
    own = frozenset() if place is None else source.units[place].stems
    alone = _alone(weights, own, source)
    wrong, figures = missing_figures(claim, source.text)
    return Signals(
        cover=cover,
        precision=len(own & weights.keys()) / len(own) if own else 0.0,
        alone=alone,
        telling=min(1.0, source.words / _TELLING_WORDS),
        length=min(_LONGEST, max(0.0, log((1 + source.words) / _SHORT_WORDS))),
        figures=related * len(wrong) / figures if figures else 0.0,
        names=related * _missing_names(claim, terms, held),
        asks=float(source.words < _SHORT_WORDS and asks_rather_than_says(sentence, language)),
        opposite=float(says_opposite(claim, sentence, language=language)),
        **_wording(claim, terms, source, place, sentence, alone, language),
    )


def _alone(weights: Mapping[str, float], own: frozenset[str], source: Source) -> float:
    everywhere = sum([weight for stem, weight in weights.items() if stem in source.stems])
    share = sum([weight for stem, weight in weights.items() if stem in own]) / everywhere if everywhere else 0.0
    return min(1.0, max(0.0, (share - _ONE_SENTENCE) / (_ALL_IN_ONE - _ONE_SENTENCE)))


def _missing_names(claim: str, terms: Sequence[Term], held: Mapping[str, float]) -> float:
    names = {term.stem for term in terms if claim[term.start].isupper()}
    return min(_MOST_NAMES, sum([1 - held[stem] for stem in names]))


def _wording(
    claim: str, terms: Sequence[Term], source: Source, place: int | None, sentence: str, alone: float, language: str
) -> Mapping[str, float]:
    if not alone:
        return _UNWORDED
    here, there = senses_of(claim, language), senses_of(sentence, language)
    found = {
        "undirected": bool(here.directions) and not there.directions,
        "other_words": bool(here.directions) and here.words.isdisjoint(there.words),
        "against": place is not None and _against(here, terms, there, source, place),
        "one_sided": one_sided(here, there),
        "turned": (turns(here) - turns(there)) % 2 == 1,
        "denied_oddly": (here.denials - there.denials) % 2 == 1,
        "claim_denies": here.denies_difference and not there.denies_difference,
        "source_denies": there.denials > 0 and here.denials == 0,
    }
    return {name: alone * is_so for name, is_so in found.items()}


_UNWORDED: Final = dict.fromkeys(Signals._fields[Signals._fields.index("undirected") :], 0.0)
"""Of a claim whose words stand in several sentences: none of them alone tells its sense."""


def _against(here: Senses, terms: Sequence[Term], there: Senses, source: Source, place: int) -> bool:
    if not (here.directions and there.directions):
        return False
    return points_against(here, {stem: start for stem, start, _ in terms}, there, source.units[place].places())
