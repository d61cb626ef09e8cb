"""What conversations need from outside."""

from abc import abstractmethod
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from domain.access.model import Owner
from domain.conversation.calls import CallEnd, ModelCall
from domain.conversation.model import Conversation, Feedback, Question, Turn, Usage
from domain.conversation.prompt import Exchange
from domain.library.model import Page


class Conversations(Protocol):
    """Conversations, each seen by its owner alone."""

    @abstractmethod
    async def add(self, conversation: Conversation) -> None:
        """Store a new conversation."""

    @abstractmethod
    async def get(self, conversation_id: UUID, owner: Owner) -> Conversation:
        """Raises ConversationNotFound: unknown, or another owner's."""

    @abstractmethod
    async def list(self, owner: Owner, *, limit: int, cursor: str | None) -> Page[Conversation]:
        """An owner's conversations, newest first. Raises BadCursor."""

    @abstractmethod
    async def update(self, conversation: Conversation) -> None:
        """Store the title and the collections. Raises ConversationNotFound."""

    @abstractmethod
    async def delete(self, conversation_id: UUID, owner: Owner) -> None:
        """
        Remove a conversation with its turns and everything that belongs to them: feedback, keys, what they cite.

        A turn of it that still runs is removed too; finishing it then stores nothing. Raises ConversationNotFound.
        """


class Turns(Protocol):
    """
    Turns, each seen by its owner alone. What is read back equals what was stored, field for field.

    A running turn is held by a lease: the process that answers it has until ``lease_until`` to finish.
    """

    @abstractmethod
    async def begin(
        self,
        turn: Turn,
        *,
        holder: str,
        lease_until: datetime,
        of_user_at_most: int | None = None,
        opens: Conversation | None = None,
        presumed: str | None = None,
    ) -> str | None:
        """
        Store a new running turn, held by the process ``holder``, and with it the new conversation that it ``opens``.

        Returns in which state the library is then, for ``Documents.passages``; UNTOLD where that takes a look of its
        own. None, and nothing is stored: it opens one, and the collections are not what ``Collections.presumed`` said.

        A running turn of the same conversation whose lease has passed by the new turn's ``created_at`` becomes
        interrupted first. Raises ConversationBusy when another still runs, and TooManyRunning when ``of_user_at_most``
        turns of the owner run already, in whatever process; of any that begin at once no more get through.
        """

    @abstractmethod
    async def finish(self, turn: Turn) -> None:
        """Store the end of a running turn, once, whole; a turn that has ended already is left as it is."""

    @abstractmethod
    async def get(self, turn_id: UUID, owner: Owner) -> Turn:
        """Raises TurnNotFound: unknown, or another owner's."""

    @abstractmethod
    async def of_conversation(
        self, conversation_id: UUID, owner: Owner, *, limit: int, cursor: str | None
    ) -> Page[Turn]:
        """A conversation's turns, newest first. Raises BadCursor."""

    @abstractmethod
    async def ask_to_cancel(self, turn_id: UUID, owner: Owner, *, at: datetime) -> None:
        """Let the process that holds a running turn know that it is to end; an ended turn stays as it is."""

    @abstractmethod
    async def to_be_cancelled(self, holder: str) -> Sequence[UUID]:
        """The running turns of a holder that were asked to end."""

    @abstractmethod
    async def interrupt_lost(
        self, *, now: datetime, lost_holders_all_but: str | None, lost_holder: str | None = None
    ) -> int:
        """
        Running turns whose lease has passed become interrupted; returns how many did.

        ``lost_holders_all_but`` names the only process that can be alive (the owner of an embedded data directory):
        then turns of any other holder are lost at once. None: other processes may be alive, leases alone decide, but
        for ``lost_holder``, a process that is known to have ended.
        """


class Feedbacks(Protocol):
    """What owners think of their turns."""

    @abstractmethod
    async def put(self, feedback: Feedback, owner: Owner) -> Feedback:
        """
        Store feedback in place of the turn's earlier one, whose ``created_at`` stays; returns what is stored.

        Raises TurnNotFound: unknown, or another owner's.
        """

    @abstractmethod
    async def get(self, turn_id: UUID, owner: Owner) -> Feedback:
        """Raises FeedbackNotFound: none given, no such turn, or another owner's."""


@dataclass(frozen=True, slots=True)
class Rewritten:
    """
    A question as it reads without its conversation. ``skipped``: a better way of rewriting it was not to be had.

    ``carried``: words of the conversation stand beside the question's own, and only these say whether it was answered.
    ``usage`` is what rewriting it has cost.
    """

    question: str
    skipped: bool = False
    carried: bool = False
    usage: Usage = field(default_factory=Usage)


class QuestionRewriter(Protocol):
    """Makes a follow-up understandable by itself, for the search and for whoever writes the answer."""

    @abstractmethod
    async def rewrite(self, question: Question, history: Sequence[Exchange], *, language: str) -> Rewritten:
        """
        ``history`` oldest first, never empty. A question that stands alone comes back as it is.

        Adds nothing that neither the question nor the history holds. Raises nothing but PortUnavailable("database").
        """


class ChatModel(Protocol):
    """
    Language models by name, one call of one model at a time: trimming and fallback are the caller's business.

    Nothing that a model, its provider or the network does is raised: it is said by the ``CallEnd``. A caller that goes
    away (by cancellation, or by closing the iterator) ends the call at the provider.
    """

    @abstractmethod
    def stream(self, call: ModelCall) -> AsyncGenerator[str | CallEnd, None]:
        """The model's text, as it comes, in pieces that are never empty; then one CallEnd, last."""

    @abstractmethod
    async def whole(self, call: ModelCall) -> tuple[str, CallEnd]:
        """The model's text at once; void, and perhaps empty, unless the end says that it stands."""

    @abstractmethod
    async def spent(self, call_id: str) -> Usage | None:
        """What a call that broke off has cost; None: unknown. Takes 2 seconds at most."""
