"""How likely a found passage answers the question, on one scale for all searches."""

from collections.abc import Sequence
from math import exp, sqrt
from typing import Final

from domain.grounding.overlap import length_weight, units_of
from domain.retrieval.model import FusedHit
from domain.text import Analyzer

# Logistics fitted on the top six hits of even-numbered questions against the passages that hold the answer: Chroma's
# chunking set over all three corpora and (counted four times, lest small collections be refused for their small idf)
# over 4 to 40 of their passages, MTRAG over its pooled passages; BM25 and static 256-d vectors. On the odd-numbered
# questions AUROC is .89 (Chroma), .86 (MTRAG), .95 to .98 (small). A bias, and the weight of overlap, BM25 and cosine.
_BOTH_HALVES: Final = (-4.798, 3.397, 0.120, 4.016)
_NO_DENSE: Final = (-4.147, 4.522, 0.206, 0.0)
_RUN: Final = 2
"""Adjoining sentences in which the question's words are looked for."""


def relevance(
    question: str, text: str, headings: Sequence[str], hit: FusedHit, *, analyzer: Analyzer, language: str
) -> float:
    """
    The calibrated chance, 0 to 1, that a passage answers a question.

    ``headings`` are the document's title and the passage's heading path: their words count as the passage's own. A
    missing dense score means that half was not asked or missed it; the other half then decides.
    """
    wanted = {term.stem for term in analyzer.terms(question, language=language)}
    named = {term.stem for heading in headings for term in analyzer.terms(heading, language=language)}
    intercept, of_overlap, of_sparse, of_dense = _BOTH_HALVES if hit.dense is not None else _NO_DENSE
    per_term = max(0.0, hit.sparse or 0.0) / sqrt(max(1, len(wanted)))
    logit = (
        intercept
        + of_overlap * _best_share(wanted, named, text, analyzer, language)
        + of_sparse * per_term
        + of_dense * (hit.dense or 0.0)
    )
    return 1 / (1 + exp(-max(-30.0, min(30.0, logit))))


def _best_share(wanted: set[str], named: set[str], text: str, analyzer: Analyzer, language: str) -> float:
    """The largest share of the question's words, longer ones counting more, that two adjoining sentences hold."""
    total = sum(map(length_weight, wanted))
    units = units_of(text, analyzer, language)
    best = 0.0
    for first in range(len(units)):
        held = frozenset().union(named, *(unit.stems for unit in units[first : first + _RUN])) & wanted
        best = max(best, sum(map(length_weight, held)))
    return best / total if total else 0.0
