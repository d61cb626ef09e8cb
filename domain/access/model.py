"""Who is asking, and for whom."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.errors import ScopeMissing


class Scope(StrEnum):
    ASK = "ask"
    INGEST = "ingest"
    ADMIN = "admin"
    ACT_AS = "act_as"


@dataclass(frozen=True, slots=True)
class Owner:
    """Whom conversations and limits belong to: a key's tenant, and the end user it acts for (empty: the key itself)."""

    tenant: str
    user: str = ""


@dataclass(frozen=True, slots=True)
class Principal:
    """
    Who is asking. ``collections`` limits the caller to those names; None means every collection.

    ``admin`` implies every other scope.
    """

    tenant: str
    name: str
    scopes: frozenset[Scope]
    collections: frozenset[str] | None = None
    user: str = ""

    @property
    def owner(self) -> Owner:
        return Owner(self.tenant, self.user)

    def may(self, scope: Scope) -> bool:
        return scope in self.scopes or Scope.ADMIN in self.scopes

    def require(self, scope: Scope) -> None:
        """Raise ScopeMissing unless the principal holds ``scope``."""
        if not self.may(scope):
            raise ScopeMissing(scope)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it is kept: only the SHA-256 of the secret, so that a stored row opens nothing."""

    secret_sha256: bytes
    principal: Principal
    expires_at: datetime | None = None

    def valid_at(self, moment: datetime) -> bool:
        return self.expires_at is None or moment < self.expires_at
