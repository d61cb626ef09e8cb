"""What becomes of the words' verdict on a claim when somebody else is asked, too."""

import re
from typing import Final

from domain.grounding.calibration import SUPPORTED_CHANCE, UNSUPPORTED_CHANCE
from domain.grounding.instructions import instructs
from domain.grounding.model import Verdict
from domain.grounding.ports import CitedClaim, Judgement

SETTLED: Final = 0.99
"""The chance of a claim in the very words of its source: nobody need be asked."""
_RANK: Final = (Verdict.UNSUPPORTED, Verdict.PARTIAL, Verdict.SUPPORTED)
_VERDICT: Final = re.compile(
    r"\b(?:statements?|claims?|sentences?|verdicts?|everything)\b[^.!?\n]{0,40}\b(?:un)?supported\b|\bjudges?\s*:|"
    r"\b(?:to|for) (?:the |any )?(?:judges?|verifiers?|graders?)\b",
    re.IGNORECASE,
)
_FROM: Final = (0.0, UNSUPPORTED_CHANCE, SUPPORTED_CHANCE, 1.0)


def is_open(words: Judgement) -> bool:
    """Whether another opinion could change what the words say."""
    return words.verdict in (Verdict.SUPPORTED, Verdict.PARTIAL) and words.score < SETTLED


def talks_to_judge(claim: CitedClaim) -> bool:
    """Whether a cited text instructs its reader, or speaks of verdicts: it may be written to win one."""
    return any(instructs(one.text) or _VERDICT.search(one.text) for one in claim.cited)


def with_opinion(words: Judgement, opinion: Verdict, *, may_raise: bool = True) -> Judgement:
    """
    The verdict of both: an opinion lowers any, and raises ``partial`` to ``supported`` where it may.

    What the words call ``unsupported`` stays so whatever is said: there the source speaks of something else, or
    against the claim, or wants it said; so no text that talks a model round gains a verdict by it. The score stays
    among those of its verdict, in the order of the words' chances: how often the opinion is right is not known here.
    """
    if not is_open(words) or opinion is words.verdict or opinion not in _RANK:
        return words
    rank = _RANK.index(opinion)
    raised = rank > _RANK.index(words.verdict)
    if raised and not may_raise:
        return words
    low, high = _FROM[rank], _FROM[rank + 1]
    # Raised to the least of what is supported, lowered to the most of what is not: never far from the words' own.
    score = low + 0.1 * words.score * (high - low) if raised else low + (0.9 + 0.099 * words.score) * (high - low)
    return Judgement(opinion, round(score, 4))


def one_step_lower(verdict: Verdict) -> Verdict:
    return _RANK[max(0, _RANK.index(verdict) - 1)]
