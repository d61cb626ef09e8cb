"""Make, name and remove conversations."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from application.ports import Clock, IdSource, UnitOfWork, UnitOfWorkFactory
from domain.access.model import Principal, Scope
from domain.access.readable import readable_collections
from domain.conversation.model import Conversation


@dataclass(frozen=True, slots=True)
class ConversationChanges:
    """What to change: None leaves as it is. ``collections`` empty: all that the owner may read at each question."""

    title: str | None = None
    collections: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class EditConversations:
    """``forget_turns`` is told which conversation has gone: what still runs in it need not go on."""

    unit_of_work: UnitOfWorkFactory
    clock: Clock
    ids: IdSource
    forget_turns: Callable[[UUID], None]

    async def make(self, principal: Principal, wanted: ConversationChanges) -> Conversation:
        """Raises ScopeMissing, a Refused that names the field, or CollectionNotFound."""
        principal.require(Scope.ASK)
        made = Conversation(self.ids.new(), principal.owner, "", (), self.clock.now())
        async with self.unit_of_work() as uow:
            made = await self._changed(uow, principal, made, wanted)
            await uow.conversations.add(made)
            await uow.commit()
        return made

    async def change(self, principal: Principal, conversation_id: UUID, wanted: ConversationChanges) -> Conversation:
        """Raises ScopeMissing, ConversationNotFound, a Refused that names the field, or CollectionNotFound."""
        principal.require(Scope.ASK)
        async with self.unit_of_work() as uow:
            conversation = await uow.conversations.get(conversation_id, principal.owner)
            changed = await self._changed(uow, principal, conversation, wanted)
            if changed != conversation:
                await uow.conversations.update(changed)
                await uow.commit()
        return changed

    async def delete(self, principal: Principal, conversation_id: UUID) -> None:
        """With its turns, their feedback and keys; a turn that runs is ended. Raises ConversationNotFound."""
        principal.require(Scope.ASK)
        async with self.unit_of_work() as uow:
            await uow.conversations.delete(conversation_id, principal.owner)
            await uow.commit()
        self.forget_turns(conversation_id)

    @staticmethod
    async def _changed(
        uow: UnitOfWork, principal: Principal, conversation: Conversation, wanted: ConversationChanges
    ) -> Conversation:
        if wanted.title is not None:
            conversation = replace(conversation, title=Conversation.checked_title(wanted.title))
        if wanted.collections is not None:
            names = tuple(dict.fromkeys(wanted.collections))
            if names:
                readable_collections(principal, await uow.collections.all(), asked=names)
            conversation = replace(conversation, collections=names)
        return conversation
