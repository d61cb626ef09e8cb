"""From a bearer token to the principal behind it."""

import hashlib
from dataclasses import dataclass

from application.ports import Clock
from domain.access.model import Principal
from domain.access.ports import ApiKeys
from domain.errors import NotAuthenticated


@dataclass(frozen=True, slots=True)
class Authenticate:
    """
    Find who holds an API key. Only the key's SHA-256 is looked up, so neither a timing nor a stored row tells a key.

    Raises NotAuthenticated: no token, an unknown one, an expired one; which is not told.
    """

    api_keys: ApiKeys
    clock: Clock

    async def execute(self, token: str | None) -> Principal:
        if not token:
            raise NotAuthenticated
        key = await self.api_keys.find(hashlib.sha256(token.encode()).digest())
        if key is None or not key.valid_at(self.clock.now()):
            raise NotAuthenticated
        return key.principal
