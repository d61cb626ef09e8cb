"""What its cited passages say of a claim, as far as words can tell."""

import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Final

from domain.grounding.addresses import addresses
from domain.grounding.calibration import SUPPORTED_CHANCE, UNSUPPORTED_CHANCE, chance_of_support, lowered
from domain.grounding.claims import is_claim, without_markers
from domain.grounding.copying import is_copied
from domain.grounding.dates import MONTH_OR_WEEKDAY
from domain.grounding.figures import missing_figures
from domain.grounding.instructions import in_instruction
from domain.grounding.model import Citation, Claim, Evidence, Verdict, Verifier, WrittenSentence
from domain.grounding.overlap import coverage, length_weights, terms_of, units_of
from domain.grounding.polarity import Conflict, conflict, says_opposite
from domain.grounding.ports import CitedText, Judgement
from domain.grounding.quotes import align_quote, changes_sense, find_verbatim
from domain.grounding.signals import signals_of
from domain.grounding.sources import Source, joined, source_of
from domain.sentences import sentence_spans
from domain.text import Analyzer, Term

VERIFIER: Final = Verifier("lexical", "3")

_QUOTES: Final = frozenset("“«„「『")
_VERBATIM_SCORE: Final = 0.99
_REWORKED, _CLOSE = 0.72, 0.85
"""
Shares of the claim's words, long ones weighing more, that one sentence holds. From the first on the claim reworks that
sentence, and a word put in another's place is meant; from the second on it says the same, so that a denial, another
certainty or another order is meant, too.
"""
_REWORKED_TOO: Final = 0.5
"""Share of the sentence's words that the claim has, from which on it reworks the sentence and does not sum it up."""
_NOTHING_NEW: Final = 0.5
_OBEYS: Final = 0.4
"""Share of the claim's words, the same weights, that an instruction holds when the claim does what it wants."""
_LIKE_A_WORD: Final = 0.5
"""Share of a word's letters that is in the source where a form of it is."""
_OPENING: Final = 1
"""Where a claim's first word may begin, an opening quotation mark before it; there any word has its capital."""
_SHOUTED: Final = 5
"""Letters from which on a word in capitals is not merely an abbreviation that the text may spell out."""
_FEW: Final = 2
"""Of more content words than these one may stand anywhere by chance, if the claim names what the text does not."""
_STRAY: Final = 0.35
"""Share of the claim's words in its nearest sentence below which a name or a figure of its own makes it another one."""
_UNRELATED: Final = 0.1
"""Share of the claim's words, the same weights, below which texts share what any two texts share."""
_LEAST: Final = ((Verdict.SUPPORTED, SUPPORTED_CHANCE), (Verdict.PARTIAL, UNSUPPORTED_CHANCE))
_DATED: Final = re.compile(MONTH_OR_WEEKDAY)
"""Names that play no part in what happened: they may stand anywhere."""
_ORDER: Final = 0.75
"""Share of the common words that stand in the source's order; cats chase dogs shares .67 with dogs chase cats."""


def judge(
    sentence: WrittenSentence, index: int, evidence: Sequence[Evidence], *, analyzer: Analyzer, language: str
) -> Claim | None:
    """
    The claim that a sentence makes, with its quotes and verdict; None when it makes none.

    The verdict is ``judgement``'s on the passages that it cites, ``uncited`` when it cites none, and at best
    ``partial`` when it names evidence that there is not.
    """
    if sentence.heading or not is_claim(sentence.text, language=language):
        return None
    cited = [piece for piece in evidence if piece.n in sentence.markers]
    found = Judgement(Verdict.UNCITED, 0.0)
    citations: tuple[Citation, ...] = ()
    if cited:
        quotes = (align_quote(sentence.text, piece, analyzer=analyzer, language=language) for piece in cited)
        citations = tuple(quote for quote in quotes if quote is not None)
        texts = [CitedText(piece.text) for piece in cited]
        parts = _parts(sentence.text)
        found = min(
            [judgement(part, texts, analyzer=analyzer, language=language, sought=True) for part in parts],
            key=attrgetter("score"),
        )
        if sentence.stray and found.verdict is Verdict.SUPPORTED:
            found = Judgement(Verdict.PARTIAL, round(lowered(found.score, Verdict.PARTIAL), 4))
    copied = is_copied(sentence.text, (piece.text for piece in evidence))
    return Claim(index, sentence.start, sentence.end, found.verdict, found.score, copied, citations)


def _parts(text: str) -> Sequence[str]:
    """The sentences of a quotation of several, each of which has to be borne out; else the text as it is."""
    if text.isascii() or _QUOTES.isdisjoint(text):
        return [text]
    parts = [span.of(text) for span in sentence_spans(text)]
    return parts if len(parts) > 1 else [text]


def judgement(
    text: str, cited: Sequence[CitedText], *, analyzer: Analyzer, language: str, sought: bool = False
) -> Judgement:
    """
    What the cited texts, taken together, say of a claim.

    ``supported`` when the source says it in the same words, or when the calibrated chance reaches SUPPORTED_CHANCE and
    nothing shows that the claim departs from the sentence it reworks; what word overlap cannot tell (the scope of a
    negation, who did what to whom) is ``partial``. A sentence reworked with another figure, or denied, is
    ``unsupported``, as is a claim whose chance is below UNSUPPORTED_CHANCE.

    ``sought``: its words have just been looked for in the texts, to quote them, and looking again costs nothing.
    """
    if not cited:
        return Judgement(Verdict.UNCITED, 0.0)
    if sought and any([_says_the_same(text, one.text, analyzer, language) for one in cited]):  # noqa: C419 - speed
        return Judgement(Verdict.SUPPORTED, _VERBATIM_SCORE)
    claim = without_markers(text)
    terms = terms_of(claim, analyzer, language)
    sources = [source_of(one.text, analyzer, language) for one in cited]
    for one, source in zip(cited, sources, strict=True):
        if not sought and source.may_say(terms, one.text) and _says_the_same(text, one.text, analyzer, language):
            return Judgement(Verdict.SUPPORTED, _VERBATIM_SCORE)
    source = joined(sources)
    weights = length_weights(terms)
    if _obeys(weights, source):
        return Judgement(Verdict.UNSUPPORTED, 0.0)
    place = source.best_sentence(weights)
    chance = chance_of_support(signals_of(claim, terms, weights, source, place, language=language))
    chance = lowered(chance, best_left(claim, terms, weights, source, place, language))
    verdict = next((one for one, least in _LEAST if chance >= least), Verdict.UNSUPPORTED)
    return Judgement(verdict, round(chance, 4))


def adds_nothing(text: str, evidence: Sequence[str], *, analyzer: Analyzer, language: str) -> bool:
    """
    Whether a sentence that asserts nothing (a heading, a question, code) has its words from the evidence, or has none.

    At least half of them by weight, and every address and figure.
    """
    words = without_markers(text)
    source = joined([source_of(one, analyzer, language) for one in evidence])
    weights = length_weights(terms_of(words, analyzer, language))
    if any(address not in source.text for address in addresses(words)) or missing_figures(words, source.text)[0]:
        return False
    return not weights or coverage(weights, source.stems) >= _NOTHING_NEW


def _says_the_same(text: str, source: str, analyzer: Analyzer, language: str) -> bool:
    span = find_verbatim(text, source)
    if span is None:
        return False
    units = units_of(source, analyzer, language)
    return not (changes_sense(source, span, units) or in_instruction(source, span, units))


def _obeys(weights: Mapping[str, float], source: Source) -> bool:
    """
    The rule ``instruction_cited_to_itself``: what asks for a sentence is no evidence for it.

    An instruction may hold word for word what it wants said, and a sentence that obeys would pass for a quotation. So
    instructions and questions are no part of the source, and a claim that has more of its words from one of them than
    from any sentence that asserts something is not borne out.
    """
    asked = max((coverage(weights, stems) for stems in source.unsaid), default=0.0)
    return asked >= _OBEYS and all(asked > coverage(weights, unit.stems) for unit in source.units)


def best_left(
    claim: str, terms: Sequence[Term], weights: Mapping[str, float], source: Source, place: int | None, language: str
) -> Verdict:
    """The best verdict that is left to a claim after what it says otherwise than the sentence that it reworks."""
    wrong, _ = missing_figures(claim, source.text)
    if any(address not in source.text for address in addresses(claim)):
        return Verdict.UNSUPPORTED
    if place is None or coverage(weights, source.stems) < _UNRELATED:
        return Verdict.UNSUPPORTED
    sentence, stems = source.sentences[place], source.units[place].stems
    held = coverage(weights, stems)
    strange = any([_is_strange(claim, term, source) for term in terms if claim[term.start].isupper()])  # noqa: C419
    chance_met = strange and len(stems & weights.keys()) == 1 and len(weights) > _FEW
    if chance_met or (wrong and held < _STRAY):
        return Verdict.UNSUPPORTED
    if held < _REWORKED or len(stems & weights.keys()) < _REWORKED_TOO * len(stems):
        return Verdict.PARTIAL if wrong else Verdict.SUPPORTED
    differs = conflict(claim, sentence, language=language) if held >= _CLOSE else None
    if wrong or differs is Conflict.CONTRADICTS or says_opposite(claim, sentence, language=language):
        return Verdict.UNSUPPORTED
    theirs = source.units[place].terms
    turned = held >= _CLOSE and not _same_order(claim, terms, theirs)
    if differs or strange or turned or _substitutes(terms, theirs, source):
        return Verdict.PARTIAL
    return Verdict.SUPPORTED


def _is_strange(claim: str, term: Term, source: Source) -> bool:
    """Whether a word with a capital is written like a name, and the source has nothing like it."""
    if term.stem in source.stems:
        return False
    word = claim[term.start : term.end]
    if len(word) >= _SHOUTED and word.isupper():
        return True  # no form of another word is meant
    return (term.start > _OPENING or not word[1:].islower()) and source.share_held(term.stem) < _LIKE_A_WORD


def _substitutes(claim: Sequence[Term], theirs: Sequence[Term], source: Source) -> bool:
    """Whether a word that no cited text has stands between the very words that another stands between there."""
    between = {(before.stem, after.stem) for before, _, after in zip(theirs, theirs[1:], theirs[2:], strict=False)}
    return any(
        term.stem not in source.stems and (before.stem, after.stem) in between
        for before, term, after in zip(claim, claim[1:], claim[2:], strict=False)
    )


def _same_order(claim: str, terms: Sequence[Term], source: Sequence[Term]) -> bool:
    """Whether the common words stand in nearly the source's order, and names and numbers each in exactly that."""
    places: dict[str, list[int]] = {}
    for place, term in enumerate(source):
        places.setdefault(term.stem, []).append(place)
    common = {term.stem: term.start for term in terms if term.stem in places}
    names = [stem for stem, start in common.items() if claim[start].isupper() and not _DATED.match(claim, start)]
    numbers = [stem for stem, start in common.items() if claim[start].isdigit()]
    strict = all(_in_order(stems, places) == len(stems) for stems in (names, numbers))
    return strict and _in_order(list(common), places) >= _ORDER * len(common)


def _in_order(stems: Sequence[str], places: dict[str, list[int]]) -> int:
    """How many of the stems, in their order, find ascending places: the longest common subsequence, by patience."""
    piles: list[int] = []
    for stem in stems:
        for place in reversed(places[stem]):
            at = bisect_left(piles, place)
            piles[at : at + 1] = [place]
    return len(piles)
