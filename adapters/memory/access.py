"""API keys, in memory."""

from uuid import UUID

from adapters.memory.paging import page_after
from adapters.memory.store import InMemoryStore, Transaction
from domain.access.model import ApiKey
from domain.access.ports import ApiKeys
from domain.errors import ApiKeyNotFound
from domain.library.model import Page


class InMemoryApiKeys(ApiKeys):
    def __init__(self, store: InMemoryStore, transaction: Transaction) -> None:
        self._keys = store.api_keys
        self._transaction = transaction

    async def add(self, key: ApiKey) -> None:
        self._transaction.put(self._keys, key.id, key)

    async def find(self, secret_sha256: bytes) -> ApiKey | None:
        return next((key for key in self._keys.values() if key.secret_sha256 == secret_sha256), None)

    async def get(self, key_id: UUID) -> ApiKey:
        if key_id not in self._keys:
            raise ApiKeyNotFound(key_id)
        return self._keys[key_id]

    async def list(self, *, limit: int, cursor: str | None) -> Page[ApiKey]:
        newest = sorted(self._keys.values(), key=lambda key: (key.created_at, key.id), reverse=True)
        return page_after(newest, key=lambda key: str(key.id), limit=limit, cursor=cursor)

    async def remove(self, key_id: UUID) -> None:
        await self.get(key_id)
        self._transaction.drop(self._keys, key_id)
