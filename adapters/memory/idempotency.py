"""Idempotency keys, in memory."""

from datetime import datetime
from uuid import UUID

from adapters.memory.store import Claim, InMemoryStore, Transaction
from application.ports import IDEMPOTENCY_WINDOW, IdempotencyKeys, KeyedRequest
from domain.errors import IdempotencyKeyReused


class InMemoryIdempotencyKeys(IdempotencyKeys):
    def __init__(self, store: InMemoryStore, transaction: Transaction) -> None:
        self._store = store
        self._transaction = transaction

    async def claim(self, request: KeyedRequest, effect: UUID, *, turn: UUID | None, at: datetime) -> UUID:
        key = (request.owner, request.path, request.key)
        earlier = self._store.claims.get(key)
        if earlier is None or earlier.at <= at - IDEMPOTENCY_WINDOW:
            self._transaction.put(self._store.claims, key, Claim(request.body_sha256, effect, turn, at))
            return effect
        if earlier.body_sha256 != request.body_sha256:
            raise IdempotencyKeyReused
        return earlier.effect
