"""How likely a found passage answers the question, on one scale for all searches."""

from collections.abc import Hashable, Mapping, Sequence, Set
from functools import lru_cache
from itertools import compress
from math import exp
from typing import Final, NamedTuple, cast

from domain.grounding.kinship import akin
from domain.grounding.overlap import stems_of_headings
from domain.grounding.salience import salience
from domain.retrieval.model import FusedHit
from domain.text import Analyzer

# Logistics fitted on the top six hits of even-numbered questions against the passages that hold the answer: Chroma's
# questions over their corpora, without the right one, and over 3,500 passages of another subject; MTRAG's over its
# pool and over those; questions made of sections. bench/grounding_quality.py shows what comes of it on the odd ones.
# BM25 has no weight: its scores grow with the collection, and the best of thousands of passages always looked good.
_BIAS, _OF_OVERLAP, _OF_DENSE = -5.03, 3.35, 4.62
_LEXICAL_BIAS, _LEXICAL_OF_OVERLAP = -4.26, 4.97
_CACHED_PASSAGES: Final = 1_024
"""Some 1.5 MB: what one question finds, others find as well."""
_RUN: Final = 24
"""Content words, some two sentences, in which the question's words are looked for."""


def relevance(
    question: str,
    text: str,
    headings: tuple[str, ...],
    hit: FusedHit,
    *,
    analyzer: Analyzer,
    language: str,
    dense_asked: bool = True,
) -> float:
    """
    The calibrated chance, 0 to 1, that a passage answers a question.

    ``headings`` are the document's title and the passage's heading path: their words count as the passage's own. A
    passage that the dense half missed counts as having no likeness at all; ``dense_asked`` False says that there was
    no dense half, and words alone decide.
    """
    asked = _asked(question, cast(Hashable, analyzer), language)
    named = stems_of_headings(headings, asked.analyzer, language)
    overlap = _best_share(asked, named, text, language)
    if dense_asked:
        logit = _BIAS + _OF_OVERLAP * overlap + _OF_DENSE * (hit.dense or 0.0)
    else:
        logit = _LEXICAL_BIAS + _LEXICAL_OF_OVERLAP * overlap
    return 1 / (1 + exp(-logit))


class _Asked(NamedTuple):
    """What passages are looked through for: the question's stems by their weight, as ``analyzer`` finds them."""

    analyzer: Analyzer
    remembered: Hashable
    """The same, for who remembers what it found."""
    wanted: Mapping[str, float]
    total: float


@lru_cache(maxsize=64)  # asked for by each passage of a question
def _asked(question: str, remembered: Hashable, language: str) -> _Asked:
    analyzer = akin(question, cast(Analyzer, remembered), language)
    wanted = salience(question, analyzer=analyzer, language=language)
    return _Asked(analyzer, cast(Hashable, analyzer), wanted, sum(wanted.values()))


def _best_share(asked: _Asked, named: Set[str], text: str, language: str) -> float:
    """The largest share of the question's weight that a run of the passage holds, its headings always counted in."""
    wanted = asked.wanted
    best = now = sum([weight for stem, weight in wanted.items() if stem in named])
    counts = dict.fromkeys(wanted.keys() - named, 0)
    stems = _stems(text, asked.remembered, language)
    inside = list(compress(enumerate(stems), map(counts.__contains__, stems)))
    first = 0
    for place, stem in inside:
        while inside[first][0] <= place - _RUN:
            left = inside[first][1]
            first += 1
            counts[left] -= 1
            if not counts[left]:
                now -= wanted[left]
        counts[stem] += 1
        if counts[stem] == 1:
            now += wanted[stem]
            best = max(best, now)
    return best / asked.total if asked.total else 0.0


@lru_cache(maxsize=_CACHED_PASSAGES)
def _stems(text: str, remembered: Hashable, language: str) -> Sequence[str]:
    return cast(Analyzer, remembered).stems(text, language=language)
