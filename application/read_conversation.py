"""Read back what was asked and answered."""

from dataclasses import dataclass
from uuid import UUID

from application.ports import UnitOfWorkFactory
from domain.access.model import Principal, Scope
from domain.conversation.model import Conversation, Feedback, Turn
from domain.library.model import Page


@dataclass(frozen=True, slots=True)
class ReadConversation:
    unit_of_work: UnitOfWorkFactory

    async def conversation(self, principal: Principal, conversation_id: UUID) -> Conversation:
        """Raises ConversationNotFound: unknown, or another owner's."""
        principal.require(Scope.ASK)
        async with self.unit_of_work() as uow:
            return await uow.conversations.get(conversation_id, principal.owner)

    async def conversations(self, principal: Principal, *, limit: int, cursor: str | None) -> Page[Conversation]:
        """Newest first. Raises BadCursor."""
        principal.require(Scope.ASK)
        async with self.unit_of_work() as uow:
            return await uow.conversations.list(principal.owner, limit=limit, cursor=cursor)

    async def feedback(self, principal: Principal, turn_id: UUID) -> Feedback:
        """Raises FeedbackNotFound: none given, no such turn, or another owner's."""
        principal.require(Scope.ASK)
        async with self.unit_of_work() as uow:
            return await uow.feedbacks.get(turn_id, principal.owner)

    async def turn(self, principal: Principal, turn_id: UUID) -> Turn:
        """Raises TurnNotFound: unknown, or another owner's."""
        principal.require(Scope.ASK)
        async with self.unit_of_work() as uow:
            return await uow.turns.get(turn_id, principal.owner)

    async def turns(self, principal: Principal, conversation_id: UUID, *, limit: int, cursor: str | None) -> Page[Turn]:
        """Newest first. Raises ConversationNotFound or BadCursor."""
        principal.require(Scope.ASK)
        async with self.unit_of_work() as uow:
            await uow.conversations.get(conversation_id, principal.owner)
            return await uow.turns.of_conversation(conversation_id, principal.owner, limit=limit, cursor=cursor)
