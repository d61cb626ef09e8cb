"""Conversations and turns, in memory."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from adapters.memory.paging import page_after
from adapters.memory.store import InMemoryStore, Lease, Transaction
from domain.access.model import Owner
from domain.conversation.model import Conversation, Turn, TurnStatus
from domain.conversation.ports import Conversations, Turns
from domain.errors import ConversationBusy, ConversationNotFound, TurnNotFound
from domain.library.model import Page


class InMemoryConversations(Conversations):
    def __init__(self, store: InMemoryStore, transaction: Transaction) -> None:
        self._store = store
        self._transaction = transaction

    async def add(self, conversation: Conversation) -> None:
        self._transaction.put(self._store.conversations, conversation.id, conversation)

    async def get(self, conversation_id: UUID, owner: Owner) -> Conversation:
        conversation = self._store.conversations.get(conversation_id)
        if conversation is None or conversation.owner != owner:
            raise ConversationNotFound(conversation_id)
        return conversation


class InMemoryTurns(Turns):
    def __init__(self, store: InMemoryStore, transaction: Transaction) -> None:
        self._store = store
        self._transaction = transaction

    async def begin(self, turn: Turn, *, holder: str, lease_until: datetime) -> None:
        for other in self._running():
            if other.conversation_id != turn.conversation_id:
                continue
            if self._store.leases[other.id].until > turn.created_at.timestamp():
                raise ConversationBusy(turn.conversation_id)
            self._interrupt(other)
        self._transaction.put(self._store.turns, turn.id, turn)
        self._transaction.put(self._store.leases, turn.id, Lease(holder, lease_until.timestamp()))

    async def finish(self, turn: Turn) -> None:
        stored = self._store.turns.get(turn.id)
        if stored is not None and stored.status is TurnStatus.RUNNING:
            self._transaction.put(self._store.turns, turn.id, turn)

    async def get(self, turn_id: UUID, owner: Owner) -> Turn:
        turn = self._store.turns.get(turn_id)
        if turn is None or turn.owner != owner:
            raise TurnNotFound(turn_id)
        return turn

    async def of_conversation(
        self, conversation_id: UUID, owner: Owner, *, limit: int, cursor: str | None
    ) -> Page[Turn]:
        turns = [
            turn
            for turn in self._store.turns.values()
            if turn.conversation_id == conversation_id and turn.owner == owner
        ]
        turns.sort(key=lambda turn: (turn.created_at, turn.id), reverse=True)
        return page_after(turns, key=lambda turn: str(turn.id), limit=limit, cursor=cursor)

    async def interrupt_lost(self, *, now: datetime, lost_holders_all_but: str | None) -> int:
        lost = [turn for turn in self._running() if self._is_lost(turn, now, lost_holders_all_but)]
        for turn in lost:
            self._interrupt(turn)
        return len(lost)

    def _is_lost(self, turn: Turn, now: datetime, only_holder: str | None) -> bool:
        lease = self._store.leases[turn.id]
        return lease.until <= now.timestamp() or (only_holder is not None and lease.holder != only_holder)

    def _running(self) -> list[Turn]:
        return [turn for turn in self._store.turns.values() if turn.status is TurnStatus.RUNNING]

    def _interrupt(self, turn: Turn) -> None:
        self._transaction.put(self._store.turns, turn.id, replace(turn, status=TurnStatus.INTERRUPTED))
