"""Questions, turns and conversations."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from domain.access.model import Owner
from domain.grounding.model import Abstention, Claim, Evidence, Reference, Verification, Verifier
from domain.quick_init import quick_init, replaced
from domain.retrieval.model import SearchFilters
from domain.text import clean_text

MAX_QUESTION_CHARS: Final = 4_000
MAX_TITLE_CHARS: Final = 80
"""A title made of a question; one that a person gives may be longer."""
MAX_GIVEN_TITLE_CHARS: Final = 200
MAX_COMMENT_CHARS: Final = 2_000


class TurnStatus(StrEnum):
    RUNNING = "running"
    ANSWERED = "answered"
    ABSTAINED = "abstained"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    FAILED = "failed"


@quick_init
@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: 1 to 4,000 characters after trimming. ``selected_text`` is what the reader has marked."""

    text: str
    selected_text: str | None = None

    @staticmethod
    def checked(text: str, selected_text: str | None = None) -> "Question":
        """Raises BlankQuestion, TextTooLong or ForbiddenCharacter."""
        text = clean_text(text, field="question", limit=MAX_QUESTION_CHARS)
        if selected_text is not None:
            selected_text = clean_text(selected_text, field="selected_text", limit=MAX_QUESTION_CHARS)
        return Question(text, selected_text)


@quick_init
@dataclass(frozen=True, slots=True)
class AskOptions:
    """How one question wants to be answered. ``verification_said`` False: as its collections have it."""

    filters: SearchFilters = field(default_factory=SearchFilters)
    top_k: int = 6
    citation_style: str = "apa"
    verification: Verification = Verification.FLAG
    verification_said: bool = True


@dataclass(frozen=True, slots=True)
class Conversation:
    """
    ``collections`` empty: all that its owner may read at each question.

    ``title`` empty: not named yet; the first question names it.
    """

    id: UUID
    owner: Owner
    title: str
    collections: tuple[str, ...]
    created_at: datetime

    @staticmethod
    def checked_title(title: str) -> str:
        """1 to 200 characters after trimming. Raises BlankQuestion, TextTooLong or ForbiddenCharacter."""
        return clean_text(title, field="title", limit=MAX_GIVEN_TITLE_CHARS)

    @staticmethod
    def title_for(question: Question) -> str:
        """The first line of the first question, cut at a word so that it fits a list."""
        line = question.text.splitlines()[0]
        if len(line) <= MAX_TITLE_CHARS:
            return line
        return line[: MAX_TITLE_CHARS - 1].rsplit(" ", 1)[0] + "…"


@quick_init
@dataclass(frozen=True, slots=True)
class Usage:
    """What was used: tokens as the provider counts them, US dollars. ``cost_estimated``: not the provider's figure."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float = 0.0
    cost_estimated: bool = False
    cached: bool = False

    @staticmethod
    def total(parts: "Iterable[Usage]") -> "Usage":
        held = tuple(parts)
        return Usage(
            sum(part.prompt_tokens for part in held),
            sum(part.completion_tokens for part in held),
            round(sum(part.cost_usd for part in held), 9),
            any(part.cost_estimated for part in held),
        )


class AttemptOutcome(StrEnum):
    """How one call of one model ended."""

    OK = "ok"
    ERROR = "error"
    TIMEOUT = "timeout"
    RATE_LIMITED = "rate_limited"
    REFUSED = "refused"
    TRUNCATED = "truncated"
    EMPTY = "empty"
    CANCELLED = "cancelled"


@quick_init
@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at an answer by one writer; ``usage`` is what this one has cost."""

    model: str
    outcome: str
    ms: int
    usage: Usage = field(default_factory=Usage)


@quick_init
@dataclass(frozen=True, slots=True)
class Turn:
    """
    One question and its answer: immutable, each change is a new value.

    Only ``running`` turns change; the methods that end one keep "no answer of empty text called answered" and
    "no reference without a citation" true by refusing to build anything else.
    """

    id: UUID
    conversation_id: UUID
    owner: Owner
    created_at: datetime
    question: str
    status: TurnStatus = TurnStatus.RUNNING
    standalone_question: str = ""
    answer: str = ""
    abstention: Abstention | None = None
    claims: tuple[Claim, ...] = ()
    verifier: Verifier | None = None
    evidence: tuple[Evidence, ...] = ()
    references: tuple[Reference, ...] = ()
    notices: tuple[str, ...] = ()
    degraded: tuple[str, ...] = ()
    model: str | None = None
    attempts: tuple[Attempt, ...] = ()
    usage: Usage = field(default_factory=Usage)
    timings_ms: Mapping[str, int] = field(default_factory=dict)

    @staticmethod
    def begin(turn_id: UUID, conversation_id: UUID, owner: Owner, question: Question, at: datetime) -> "Turn":
        return Turn(turn_id, conversation_id, owner, at, question.text, standalone_question=question.text)

    def answered(
        self,
        answer: str,
        *,
        claims: tuple[Claim, ...],
        verifier: Verifier | None,
        references: tuple[Reference, ...],
        model: str,
    ) -> "Turn":
        """Close with an answer. ValueError for an empty text or a reference that no evidence of this turn carries."""
        self._must_run()
        if not answer.strip():
            raise ValueError("an answer of empty text is not an answer")
        listed = {piece.n for piece in self.evidence}
        for reference in references:
            if not reference.evidence or not set(reference.evidence) <= listed:
                raise ValueError("a reference needs a citation of this turn's evidence")
        return replaced(
            self,
            status=TurnStatus.ANSWERED,
            answer=answer,
            claims=claims,
            verifier=verifier,
            references=references,
            model=model,
        )

    def abstained(self, abstention: Abstention) -> "Turn":
        """Close without an answer; what was written so far is void, and nothing is listed that was not used."""
        self._must_run()
        return replaced(self, status=TurnStatus.ABSTAINED, answer="", claims=(), references=(), abstention=abstention)

    def ended(self, status: TurnStatus) -> "Turn":
        """Close a turn that got no proper end: cancelled, interrupted or failed."""
        self._must_run()
        if status not in (TurnStatus.CANCELLED, TurnStatus.INTERRUPTED, TurnStatus.FAILED):
            raise ValueError(f"{status} is not an early end")
        return replaced(self, status=status)

    def _must_run(self) -> None:
        if self.status is not TurnStatus.RUNNING:
            raise ValueError(f"the turn is {self.status} already")


class Rating(StrEnum):
    UP = "up"
    DOWN = "down"


class FeedbackReason(StrEnum):
    WRONG = "wrong"
    INCOMPLETE = "incomplete"
    BAD_CITATION = "bad_citation"
    OUTDATED = "outdated"
    SHOULD_HAVE_ANSWERED = "should_have_answered"
    SHOULD_HAVE_ABSTAINED = "should_have_abstained"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Feedback:
    """What a turn's owner thinks of it: one for each turn, a later one takes the place of the earlier."""

    turn_id: UUID
    rating: Rating
    reasons: tuple[FeedbackReason, ...]
    comment: str | None
    created_at: datetime
    updated_at: datetime

    @property
    def is_first(self) -> bool:
        return self.created_at == self.updated_at

    @staticmethod
    def given(
        turn_id: UUID, rating: Rating, reasons: Sequence[FeedbackReason], comment: str | None, at: datetime
    ) -> "Feedback":
        """
        Each reason counts once; a comment of nothing but white space is none.

        Raises TextTooLong (over 2,000 characters) or ForbiddenCharacter.
        """
        said = None
        if comment is not None and comment.strip():
            said = clean_text(comment, field="comment", limit=MAX_COMMENT_CHARS)
        return Feedback(turn_id, rating, tuple(dict.fromkeys(reasons)), said, at, at)
