"""How an answer comes to be written: the task, the draft that grows, and the draft of a single writer."""

from abc import abstractmethod
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Protocol

from application.ports import AnswerWriter, Clock
from domain.conversation.model import Attempt, AttemptOutcome, Question, Usage
from domain.conversation.prompt import Exchange
from domain.grounding.model import Evidence
from domain.quick_init import quick_init


@quick_init
@dataclass(frozen=True, slots=True)
class AnswerTask:
    """
    What an answer is to be written from. ``evidence`` best first; ``history`` oldest first; ``standalone`` is the
    question as it reads without the history; ``instructions`` are those of the asked collections; ``access`` names
    everything that decides what the caller may read, so that no answer is ever kept for another.
    """

    question: Question
    evidence: tuple[Evidence, ...]
    language: str
    standalone: str | None = None
    history: tuple[Exchange, ...] = ()
    instructions: tuple[str, ...] = ()
    access: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Retracted:
    """All text so far is void; ``next_model`` writes what follows."""

    next_model: str


class Draft(Protocol):
    """
    One answer while it is written. What it says of itself is true at any moment, after a cancellation too.

    ``evidence`` is what it is written from, no more and no less; ``attempts`` and ``usage`` are of the calls so far,
    ``model`` of whoever wrote the text that stands.
    """

    @property
    @abstractmethod
    def evidence(self) -> tuple[Evidence, ...]: ...

    @property
    @abstractmethod
    def degraded(self) -> tuple[str, ...]: ...

    @property
    @abstractmethod
    def model(self) -> str: ...

    @property
    @abstractmethod
    def attempts(self) -> tuple[Attempt, ...]: ...

    @property
    @abstractmethod
    def usage(self) -> Usage: ...

    @abstractmethod
    def write(self) -> AsyncGenerator[str | Retracted, None]:
        """The text, piece by piece. Nothing, or nothing after the last Retracted: the evidence gives no answer."""


class Drafting(Protocol):
    @abstractmethod
    def draft(self, task: AnswerTask) -> Draft:
        """Decide what goes in; nothing is written, asked or paid for yet."""


@dataclass(frozen=True, slots=True)
class SingleWriter(Drafting):
    """Drafts of one writer that does not fail."""

    writer: AnswerWriter
    clock: Clock

    def draft(self, task: AnswerTask) -> "SingleDraft":
        return SingleDraft(self.writer, self.clock, task)


@dataclass(slots=True)
class SingleDraft(Draft):
    writer: AnswerWriter
    clock: Clock
    task: AnswerTask
    _attempts: list[Attempt] = field(default_factory=list)

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        return self.task.evidence

    @property
    def degraded(self) -> tuple[str, ...]:
        return ()

    @property
    def model(self) -> str:
        return self.writer.name

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        return tuple(self._attempts)

    @property
    def usage(self) -> Usage:
        return Usage()

    async def write(self) -> AsyncGenerator[str | Retracted, None]:
        began_ms = self.clock.elapsed_ms()
        outcome = AttemptOutcome.CANCELLED
        try:
            some = False
            async for piece in self.writer.write(self.task.question, self.evidence, language=self.task.language):
                some = True
                yield piece
            outcome = AttemptOutcome.OK if some else AttemptOutcome.EMPTY
        except Exception:
            outcome = AttemptOutcome.ERROR
            raise
        finally:
            took_ms = round(self.clock.elapsed_ms() - began_ms)
            self._attempts.append(Attempt(self.writer.name, outcome.value, took_ms))
