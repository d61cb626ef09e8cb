"""From a bearer token to the principal behind it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from application.ports import Clock, UnitOfWorkFactory
from application.remembered_keys import RememberedKeys
from domain.access.model import ApiKey, Principal
from domain.errors import NotAuthenticated


@dataclass(frozen=True, slots=True)
class Authenticate:
    """
    Find who holds an API key. Only the key's SHA-256 is looked up, so neither a timing nor a stored row tells a key.

    ``first_keys`` are those of the settings, by the SHA-256 of their secrets: they need no database. Any other costs
    one statement, and none when it is remembered.
    """

    first_keys: Mapping[bytes, Principal]
    unit_of_work: UnitOfWorkFactory
    remembered: RememberedKeys
    clock: Clock

    async def execute(self, token: str | None, *, user: str | None = None) -> Principal:
        """
        ``user`` is the end user that the caller asks for, if any.

        Raises NotAuthenticated: no token, an unknown one, an expired one; which is not told. Raises ScopeMissing or a
        Refused as ``Principal.acting_for`` does, or a PortError.
        """
        if not token:
            raise NotAuthenticated
        digest = hashlib.sha256(token.encode()).digest()
        principal = self.first_keys.get(digest) or await self._issued(digest)
        return principal if user is None else principal.acting_for(user)

    async def _issued(self, digest: bytes) -> Principal:
        key = self.remembered.find(digest) or await self._looked_up(digest)
        if key is None or not key.valid_at(self.clock.now()):
            raise NotAuthenticated
        return key.principal

    async def _looked_up(self, digest: bytes) -> ApiKey | None:
        since = self.remembered.age
        async with self.unit_of_work() as uow:
            key = await uow.api_keys.find(digest)
        if key is not None:
            self.remembered.keep(key, since=since)
        return key
