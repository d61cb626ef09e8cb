"""Is what was found enough to answer? If not: no answer, with the reason and what came closest."""

from collections.abc import Sequence
from math import exp, log
from typing import Final

from domain.grounding.model import Abstention, AbstentionReason, Evidence
from domain.grounding.overlap import units_of
from domain.grounding.salience import salience
from domain.text import Analyzer

# A logistic over whole questions, fitted on the even-numbered ones that relevance was fitted on, answerable or not:
# a bias, the weight of the best passage's log-odds, of the question's own weight (each part of a long question may be
# put in other words, a short one has nothing to spare) and of the share of it that the passages hold together.
_BIAS, _OF_BEST, _OF_QUESTION, _OF_HELD = -5.73, 2.64, 0.97, 7.15
_LONGEST_QUESTION: Final = 8.0
MIN_CHANCE: Final = 0.25
"""
Chance of an answer below which none is tried. Of questions with an answer some 4 in 100 are then refused; of those
without one 3 to 7 in 100 pass in a small collection, 1 in a large one. bench/grounding_quality.py prints both.
"""
_SHORT_WEIGHT, _SHORT_HELD = 5.5, 0.7
"""
A question of up to four or five words says nothing twice: passages that lack its heaviest word, or hold less than this
share of it, are about something else. "How do I debounce a text input?" is not answered by any page on text inputs.
"""
SURE: Final = 0.9
"""A passage as likely as that decides alone: a reranker may know it by other words than the question's."""
CLOSEST: Final = 3
"""Passages shown with an abstention at most."""
_NAMED_WORDS: Final = 3


def decide_abstention(
    question: str, evidence: Sequence[Evidence], *, analyzer: Analyzer, language: str
) -> Abstention | None:
    """None when the evidence is enough to try an answer; else why not, for the reader, and the closest passages."""
    if not evidence:
        return Abstention(
            AbstentionReason.NOTHING_RETRIEVED,
            "Nothing in the documents matches this question, so there is nothing to answer from.",
        )
    if chance_of_answer(question, evidence, analyzer=analyzer, language=language) >= MIN_CHANCE:
        return None
    return insufficient(question, evidence, analyzer=analyzer, language=language)


def chance_of_answer(question: str, evidence: Sequence[Evidence], *, analyzer: Analyzer, language: str) -> float:
    """
    The calibrated chance, 0 to 1, that the evidence answers the question.

    The best of thousands of passages always looks a bit relevant; so it also counts how much of what the question is
    about, by ``salience``, the passages hold at all.
    """
    best = max(piece.score for piece in evidence)
    if best >= SURE:
        return best
    weights = salience(question, analyzer=analyzer, language=language)
    total = sum(weights.values())
    absent = [weights[stem] for stem in weights.keys() - _held(evidence, analyzer, language)]
    held = 1 - sum(absent) / total if total else 0.0
    if total < _SHORT_WEIGHT and (held < _SHORT_HELD or max(absent, default=0.0) == max(weights.values())):
        return 0.0
    odds = log(max(best, 1e-9) / (1 - best))
    logit = _BIAS + _OF_BEST * odds + _OF_QUESTION * min(total, _LONGEST_QUESTION) + _OF_HELD * held
    return 1 / (1 + exp(-max(-30.0, min(30.0, logit))))


def insufficient(question: str, evidence: Sequence[Evidence], *, analyzer: Analyzer, language: str) -> Abstention:
    """The abstention over evidence that does not answer; names the question's words that no passage holds."""
    message = "The documents do not hold enough to answer this question"
    if absent := _absent_words(question, evidence, analyzer, language):
        message += "; no passage that was found mentions " + _listed(absent)
    closest = sorted(evidence, key=lambda piece: -piece.score)[:CLOSEST]
    return Abstention(AbstentionReason.INSUFFICIENT_EVIDENCE, message + ".", tuple(closest))


def verification_failed(evidence: Sequence[Evidence]) -> Abstention:
    """The abstention when every sentence that was written had to be held back."""
    message = "An answer was written, but its sources did not support it, so it is held back."
    closest = sorted(evidence, key=lambda piece: -piece.score)[:CLOSEST]
    return Abstention(AbstentionReason.VERIFICATION_FAILED, message, tuple(closest))


def _absent_words(question: str, evidence: Sequence[Evidence], analyzer: Analyzer, language: str) -> list[str]:
    held = _held(evidence, analyzer, language)
    absent = {
        term.stem: question[term.start : term.end]
        for term in analyzer.terms(question, language=language)
        if term.stem not in held
    }
    return list(absent.values())[:_NAMED_WORDS]


def _held(evidence: Sequence[Evidence], analyzer: Analyzer, language: str) -> set[str]:
    """The stems of the passages, their titles and their headings."""
    headings = {text for piece in evidence for text in (piece.document.title, *piece.section.heading_path)}
    held = {term.stem for heading in headings for term in analyzer.terms(heading, language=language)}
    return held.union(*(unit.stems for piece in evidence for unit in units_of(piece.text, analyzer, language)))


def _listed(words: Sequence[str]) -> str:
    quoted = [f"“{word}”" for word in words]
    return quoted[0] if len(quoted) == 1 else ", ".join(quoted[:-1]) + " or " + quoted[-1]
