"""Is what was found enough to answer? If not: no answer, with the reason and what came closest."""

from collections.abc import Sequence
from typing import Final

from domain.grounding.model import Abstention, AbstentionReason, Evidence
from domain.text import Analyzer

MIN_SCORE: Final = 0.09
"""
Calibrated relevance that the best piece of evidence must reach, chosen on the even-numbered questions of Chroma's set
so that both errors are about equal there: to answer from the wrong corpora, to refuse with the right one.
bench/grounding_quality.py prints the errors.
"""
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
    if max(piece.score for piece in evidence) >= MIN_SCORE:
        return None
    return insufficient(question, evidence, analyzer=analyzer, language=language)


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
    held = {term.stem for piece in evidence for term in analyzer.terms(piece.text, language=language)}
    absent = {
        term.stem: question[term.start : term.end]
        for term in analyzer.terms(question, language=language)
        if term.stem not in held
    }
    return list(absent.values())[:_NAMED_WORDS]


def _listed(words: Sequence[str]) -> str:
    quoted = [f"“{word}”" for word in words]
    return quoted[0] if len(quoted) == 1 else ", ".join(quoted[:-1]) + " or " + quoted[-1]
