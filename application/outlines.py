"""What a turn's stream told, in as few bytes as the stored turn leaves to be said."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from application.events import AskEvent, ClaimJudged, EvidenceFound, TextWritten, TurnStarted
from domain.conversation.model import Turn

_STARTED: Final = -1
_EVIDENCE: Final = -2
_CLAIM: Final = -3


@dataclass(frozen=True, slots=True)
class Outline:
    """
    In what order a turn's events came, all but the last, where the turn itself says what was in them.

    Of ``steps`` each is one event: how many characters of the answer a text brought, or, below 0, what else it was.
    ``degraded`` is what had been left out when the evidence was told; a turn's own may have grown since.
    """

    steps: "array[int]"
    degraded: tuple[str, ...] = ()

    @property
    def weight(self) -> int:
        return len(self.steps) * self.steps.itemsize

    def events(self, turn: Turn) -> list[AskEvent] | None:
        """The events; None where the turn is not the one that was told, since another process has ended it before."""
        chars = sum([step for step in self.steps if step > 0])
        if chars != len(turn.answer) or self.steps.count(_CLAIM) != len(turn.claims):
            return None
        events: list[AskEvent] = []
        claims, at = iter(turn.claims), 0
        for step in self.steps:
            if step >= 0:
                events.append(TextWritten(turn.answer[at : at + step]))
                at += step
            elif step == _CLAIM:
                events.append(ClaimJudged(next(claims)))
            elif step == _EVIDENCE:
                events.append(EvidenceFound(turn.evidence, self.degraded))
            else:
                events.append(TurnStarted(turn.id, turn.conversation_id))
        return events


def outline_of(events: Sequence[AskEvent], turn: Turn) -> Outline | None:
    """None: the events told what the turn does not say, a text that was taken back for one."""
    steps, texts, claims = array("i"), list[str](), list[object]()
    degraded: tuple[str, ...] = ()
    for event in events:
        if isinstance(event, TextWritten):
            texts.append(event.delta)
            steps.append(len(event.delta))
        elif isinstance(event, ClaimJudged):
            claims.append(event.claim)
            steps.append(_CLAIM)
        elif isinstance(event, EvidenceFound) and event.evidence == turn.evidence:
            degraded = event.degraded
            steps.append(_EVIDENCE)
        elif isinstance(event, TurnStarted):
            steps.append(_STARTED)
        else:
            return None
    if "".join(texts) != turn.answer or (*claims,) != turn.claims:
        return None
    return Outline(steps, degraded)
