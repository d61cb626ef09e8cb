"""Conversations, turns and what is thought of them, in memory."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from adapters.memory.paging import page_after
from adapters.memory.store import InMemoryStore, Lease, Transaction
from domain.access.model import Owner
from domain.conversation.model import Conversation, Feedback, Turn, TurnStatus
from domain.conversation.ports import Conversations, Feedbacks, Turns
from domain.errors import ConversationBusy, ConversationNotFound, FeedbackNotFound, TooManyRunning, TurnNotFound
from domain.library.model import UNTOLD, Page


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

    async def list(self, owner: Owner, *, limit: int, cursor: str | None) -> Page[Conversation]:
        mine = [one for one in self._store.conversations.values() if one.owner == owner]
        mine.sort(key=lambda one: (one.created_at, one.id), reverse=True)
        return page_after(mine, key=lambda one: str(one.id), limit=limit, cursor=cursor)

    async def update(self, conversation: Conversation) -> None:
        await self.get(conversation.id, conversation.owner)
        self._transaction.put(self._store.conversations, conversation.id, conversation)

    async def delete(self, conversation_id: UUID, owner: Owner) -> None:
        await self.get(conversation_id, owner)
        self._transaction.drop(self._store.conversations, conversation_id)
        gone = {turn.id for turn in self._store.turns.values() if turn.conversation_id == conversation_id}
        for turn_id in gone:
            self._transaction.drop(self._store.turns, turn_id)
            self._transaction.drop(self._store.leases, turn_id)
            self._transaction.drop(self._store.feedbacks, turn_id)
            self._transaction.drop(self._store.cancels, turn_id)
        for entry in [key for key in self._store.journal if key[0] in gone]:
            self._transaction.drop(self._store.journal, entry)
        for key in [key for key, claim in self._store.claims.items() if claim.turn in gone]:
            self._transaction.drop(self._store.claims, key)


class InMemoryTurns(Turns):
    def __init__(self, store: InMemoryStore, transaction: Transaction) -> None:
        self._store = store
        self._transaction = transaction

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
        begun_s = turn.created_at.timestamp()
        mine = [
            one for one in self._running() if one.owner == turn.owner and self._store.leases[one.id].until > begun_s
        ]
        if of_user_at_most is not None and len(mine) >= of_user_at_most:
            raise TooManyRunning(of_user_at_most)
        for other in self._running():
            if other.conversation_id != turn.conversation_id:
                continue
            if self._store.leases[other.id].until > begun_s:
                raise ConversationBusy(turn.conversation_id)
            self._interrupt(other)
        if opens is not None:
            self._transaction.put(self._store.conversations, opens.id, opens)
        self._transaction.put(self._store.turns, turn.id, turn)
        self._transaction.put(self._store.leases, turn.id, Lease(holder, lease_until.timestamp()))
        return UNTOLD

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

    async def ask_to_cancel(self, turn_id: UUID, owner: Owner, *, at: datetime) -> None:
        turn = self._store.turns.get(turn_id)
        if turn is not None and turn.owner == owner and turn.status is TurnStatus.RUNNING:
            self._transaction.put(self._store.cancels, turn_id, None)

    async def to_be_cancelled(self, holder: str) -> Sequence[UUID]:
        mine = [turn.id for turn in self._running() if self._store.leases[turn.id].holder == holder]
        return [turn_id for turn_id in mine if turn_id in self._store.cancels]

    async def interrupt_lost(
        self, *, now: datetime, lost_holders_all_but: str | None, lost_holder: str | None = None
    ) -> int:
        lost = [turn for turn in self._running() if self._is_lost(turn, now, lost_holders_all_but, lost_holder)]
        for turn in lost:
            self._interrupt(turn)
        return len(lost)

    def _is_lost(self, turn: Turn, now: datetime, only_holder: str | None, lost_holder: str | None) -> bool:
        lease = self._store.leases[turn.id]
        gone = lease.holder == lost_holder or (only_holder is not None and lease.holder != only_holder)
        return gone or lease.until <= now.timestamp()

    def _running(self) -> list[Turn]:
        return [turn for turn in self._store.turns.values() if turn.status is TurnStatus.RUNNING]

    def _interrupt(self, turn: Turn) -> None:
        self._transaction.put(self._store.turns, turn.id, replace(turn, status=TurnStatus.INTERRUPTED))


class InMemoryFeedbacks(Feedbacks):
    def __init__(self, store: InMemoryStore, transaction: Transaction) -> None:
        self._store = store
        self._transaction = transaction

    async def put(self, feedback: Feedback, owner: Owner) -> Feedback:
        turn = self._store.turns.get(feedback.turn_id)
        if turn is None or turn.owner != owner:
            raise TurnNotFound(feedback.turn_id)
        earlier = self._store.feedbacks.get(feedback.turn_id)
        if earlier is not None:
            feedback = replace(feedback, created_at=earlier.created_at)
        self._transaction.put(self._store.feedbacks, feedback.turn_id, feedback)
        return feedback

    async def get(self, turn_id: UUID, owner: Owner) -> Feedback:
        turn = self._store.turns.get(turn_id)
        if turn is None or turn.owner != owner or turn_id not in self._store.feedbacks:
            raise FeedbackNotFound(turn_id)
        return self._store.feedbacks[turn_id]
