"""What happens while a question is answered, in order; the JSON answer is these events folded."""

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias
from uuid import UUID

from domain.conversation.model import Turn
from domain.grounding.model import Claim, Evidence
from domain.quick_init import quick_init


@quick_init
@dataclass(frozen=True, slots=True)
class TurnStarted:
    turn_id: UUID
    conversation_id: UUID


@quick_init
@dataclass(frozen=True, slots=True)
class EvidenceFound:
    """The evidence that the answer will be written from; empty when there will be none."""

    evidence: tuple[Evidence, ...]
    degraded: tuple[str, ...]


class TextWritten(NamedTuple):
    """The one event that comes by the hundred: a tuple, which is made in half the time."""

    delta: str


@quick_init
@dataclass(frozen=True, slots=True)
class ClaimJudged:
    claim: Claim


@dataclass(frozen=True, slots=True)
class AnswerReset:
    """All text and claims so far are void; ``next_model`` None: no more text follows."""

    reason: str
    next_model: str | None


@dataclass(frozen=True, slots=True)
class TurnDone:
    """The last event of every turn but a failed one: the whole turn, as it was stored."""

    turn: Turn


@dataclass(frozen=True, slots=True)
class TurnFailed:
    """The last event of a failed turn."""

    turn_id: UUID
    error: Exception


AskEvent: TypeAlias = TurnStarted | EvidenceFound | TextWritten | ClaimJudged | AnswerReset | TurnDone | TurnFailed
