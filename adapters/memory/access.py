"""API keys held in memory: the admin key that the settings give, and any others handed in."""

from collections.abc import Iterable

from domain.access.model import ApiKey
from domain.access.ports import ApiKeys


class InMemoryApiKeys(ApiKeys):
    def __init__(self, keys: Iterable[ApiKey]) -> None:
        self._by_hash = {key.secret_sha256: key for key in keys}

    async def find(self, secret_sha256: bytes) -> ApiKey | None:
        return self._by_hash.get(secret_sha256)
