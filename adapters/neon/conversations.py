"""Conversations on PostgreSQL."""

from uuid import UUID

from sqlalchemy import bindparam, insert, select

from adapters.neon.tables import conversations
from adapters.neon.transaction import Transaction
from domain.access.model import Owner
from domain.conversation.model import Conversation
from domain.conversation.ports import Conversations
from domain.errors import ConversationNotFound

_ADD = insert(conversations)
_GET = select(conversations).where(
    conversations.c.id == bindparam("id"),
    conversations.c.tenant == bindparam("tenant"),
    conversations.c.user == bindparam("user"),
)


class NeonConversations(Conversations):
    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def add(self, conversation: Conversation) -> None:
        await self._transaction.run(
            _ADD,
            {
                "id": conversation.id,
                "tenant": conversation.owner.tenant,
                "user": conversation.owner.user,
                "title": conversation.title,
                "collections": list(conversation.collections),
                "created_at": conversation.created_at,
            },
        )

    async def get(self, conversation_id: UUID, owner: Owner) -> Conversation:
        wanted = {"id": conversation_id, "tenant": owner.tenant, "user": owner.user}
        row = (await self._transaction.run(_GET, wanted)).one_or_none()
        if row is None:
            raise ConversationNotFound(conversation_id)
        return Conversation(row.id, owner, row.title, tuple(row.collections), row.created_at)
