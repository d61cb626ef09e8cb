"""Issue an API key: its secret is told once, here, and kept nowhere."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from application.ports import Clock, IdSource, UnitOfWorkFactory
from domain.access.model import MAX_KEY_NAME_CHARS, ApiKey, Principal, Scope, check_grant
from domain.library.model import collection_name
from domain.text import clean_text

SECRET_BYTES: Final = 32
"""256 random bits: what makes a plain SHA-256 of them safe to keep."""


@dataclass(frozen=True, slots=True)
class IssueKeyCommand:
    """``tenant`` None: the key is a tenant of its own. ``collections`` None: not limited."""

    principal: Principal
    name: str
    scopes: Sequence[Scope]
    collections: Sequence[str] | None = None
    expires_at: datetime | None = None
    tenant: str | None = None


@dataclass(frozen=True, slots=True)
class IssuedKey:
    key: ApiKey
    secret: str

    def __repr__(self) -> str:
        return f"IssuedKey({self.key.id}, secret=***)"


@dataclass(frozen=True, slots=True)
class IssueKey:
    """Raises ScopeMissing (only ``admin`` issues keys), a Refused that names the field, or a PortError."""

    unit_of_work: UnitOfWorkFactory
    clock: Clock
    ids: IdSource

    async def execute(self, command: IssueKeyCommand) -> IssuedKey:
        command.principal.require(Scope.ADMIN)
        now = self.clock.now()
        name = clean_text(command.name, field="name", limit=MAX_KEY_NAME_CHARS)
        check_grant(command.scopes, command.collections, command.expires_at, now=now)
        key_id = self.ids.new()
        tenant = str(key_id) if command.tenant is None else collection_name(command.tenant, field="tenant")
        secret = "ibid_" + secrets.token_urlsafe(SECRET_BYTES)
        key = ApiKey(
            key_id,
            hashlib.sha256(secret.encode()).digest(),
            name,
            tenant,
            frozenset(command.scopes),
            None if command.collections is None else frozenset(command.collections),
            now,
            command.expires_at,
        )
        async with self.unit_of_work() as uow:
            await uow.api_keys.add(key)
            await uow.commit()
        return IssuedKey(key, secret)
