"""Read back what was asked and answered."""

from dataclasses import dataclass
from uuid import UUID

from application.ports import UnitOfWorkFactory
from domain.access.model import Principal, Scope
from domain.conversation.model import Turn
from domain.library.model import Page


@dataclass(frozen=True, slots=True)
class ReadConversation:
    unit_of_work: UnitOfWorkFactory

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
