"""Conversations on PostgreSQL."""

from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Executable, Text, Uuid, bindparam, delete, insert, select, tuple_, update

from adapters.neon.cursors import Position, decode, encode
from adapters.neon.tables import TIME, conversations
from adapters.neon.transaction import AnyRow, Transaction
from domain.access.model import Owner
from domain.conversation.model import Conversation
from domain.conversation.ports import Conversations
from domain.errors import ConversationNotFound
from domain.library.model import Page

_c = conversations.c
_mine = (_c.tenant == bindparam("of_tenant", type_=Text), _c.user == bindparam("of_user", type_=Text))
_this = _c.id == bindparam("conversation", type_=Uuid())

_ADD = insert(conversations)
_GET = select(conversations).where(_this, *_mine)
_NEWEST = select(conversations).where(*_mine).order_by(_c.created_at.desc(), _c.id.desc()).limit(bindparam("rows"))
_OLDER = _NEWEST.where(
    tuple_(_c.created_at, _c.id) < tuple_(bindparam("at", type_=TIME), bindparam("last", type_=Uuid()))
)
_UPDATE = (
    update(conversations)
    .where(_this, *_mine)
    .values(title=bindparam("new_title"), collections=bindparam("new_collections", type_=ARRAY(Text)))
    .returning(_c.id)
)
# Turns, feedback, keys and what the turns cite go with it, by their foreign keys.
_DELETE = delete(conversations).where(_this, *_mine).returning(_c.id)


def conversation_row(conversation: Conversation) -> dict[str, Any]:
    return {
        "id": conversation.id,
        "tenant": conversation.owner.tenant,
        "user": conversation.owner.user,
        "title": conversation.title,
        "collections": list(conversation.collections),
        "created_at": conversation.created_at,
    }


class NeonConversations(Conversations):
    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def add(self, conversation: Conversation) -> None:
        await self._transaction.run(_ADD, conversation_row(conversation))

    async def get(self, conversation_id: UUID, owner: Owner) -> Conversation:
        return _conversation(await self._found(_GET, conversation_id, owner), owner)

    async def list(self, owner: Owner, *, limit: int, cursor: str | None) -> Page[Conversation]:
        listing = f"conversations of {owner}"
        wanted: dict[str, Any] = {"of_tenant": owner.tenant, "of_user": owner.user, "rows": limit + 1}
        if cursor is not None:
            wanted["at"], wanted["last"] = decode(listing, cursor)
        rows = await self._transaction.run(_NEWEST if cursor is None else _OLDER, wanted)
        found = [_conversation(row, owner) for row in rows]
        last = found[limit - 1] if len(found) > limit else None
        return Page(found[:limit], encode(listing, Position(last.created_at, last.id)) if last else None)

    async def update(self, conversation: Conversation) -> None:
        new = {"new_title": conversation.title, "new_collections": list(conversation.collections)}
        await self._found(_UPDATE, conversation.id, conversation.owner, **new)

    async def delete(self, conversation_id: UUID, owner: Owner) -> None:
        await self._found(_DELETE, conversation_id, owner)

    async def _found(self, statement: Executable, conversation_id: UUID, owner: Owner, **values: Any) -> AnyRow:
        wanted = {"conversation": conversation_id, "of_tenant": owner.tenant, "of_user": owner.user, **values}
        row = (await self._transaction.run(statement, wanted)).one_or_none()
        if row is None:
            raise ConversationNotFound(conversation_id)
        return row


def _conversation(row: AnyRow, owner: Owner) -> Conversation:
    return Conversation(row.id, owner, row.title, tuple(row.collections), row.created_at)
