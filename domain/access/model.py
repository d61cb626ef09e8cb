"""Who is asking, and for whom."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from domain.errors import ForbiddenCharacter, OutOfRange, ScopeMissing
from domain.library.model import collection_name
from domain.text import clean_text

MAX_KEY_NAME_CHARS: Final = 200
MAX_USER_CHARS: Final = 128


class Scope(StrEnum):
    ASK = "ask"
    INGEST = "ingest"
    ADMIN = "admin"
    ACT_AS = "act_as"


@dataclass(frozen=True, slots=True)
class Owner:
    """
    Whom conversations and limits belong to: an end user of a key's tenant, or a key itself (``user`` is empty then).

    A key that asks for nobody is a tenant of its own here, named by its id; so what two keys ask for themselves stays
    apart also when they share a tenant, and no name of an end user leads to it.
    """

    tenant: str
    user: str = ""


@dataclass(frozen=True, slots=True)
class Principal:
    """
    Who is asking. ``collections`` limits the caller to those names; None means every collection.

    ``admin`` implies every other scope. ``key`` is the id of the key that opened the door, ``user`` the end user that
    it asks for; ``tenant`` is whom that user is a user of.
    """

    tenant: str
    name: str
    scopes: frozenset[Scope]
    collections: frozenset[str] | None = None
    user: str = ""
    key: str = ""

    @property
    def owner(self) -> Owner:
        return Owner(self.tenant, self.user) if self.user else Owner(self.key or self.tenant)

    def may(self, scope: Scope) -> bool:
        return scope in self.scopes or Scope.ADMIN in self.scopes

    def require(self, scope: Scope) -> None:
        """Raise ScopeMissing unless the principal holds ``scope``."""
        if not self.may(scope):
            raise ScopeMissing(scope)

    def acting_for(self, user: str) -> "Principal":
        """
        The same caller, asking for an end user: an opaque id of 1 to 128 printable characters.

        Without ``act_as`` it is refused, never ignored: a caller who believes that its users are kept apart, and is
        wrong, would show one of them what another has asked. Raises ScopeMissing, or a Refused for the id itself.
        """
        self.require(Scope.ACT_AS)
        user = clean_text(user, field="Ibid-User", limit=MAX_USER_CHARS)
        if not user.isprintable():
            raise ForbiddenCharacter("Ibid-User", "a character that is not printable")
        return replace(self, user=user)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """
    A key as it is kept: with the SHA-256 of its secret, so that a stored row opens nothing.

    A plain hash is enough, and a slow one would be waste: the secret is 256 random bits, which nobody guesses at any
    speed, and it is hashed again with every request. A tenant of its own, unless it was put into one with other keys.
    """

    id: UUID
    secret_sha256: bytes
    name: str
    tenant: str
    scopes: frozenset[Scope]
    collections: frozenset[str] | None
    created_at: datetime
    expires_at: datetime | None = None

    @property
    def principal(self) -> Principal:
        return Principal(self.tenant, self.name, self.scopes, self.collections, key=str(self.id))

    def valid_at(self, moment: datetime) -> bool:
        return self.expires_at is None or moment < self.expires_at


def check_grant(
    scopes: Collection[Scope], collections: Iterable[str] | None, expires_at: datetime | None, *, now: datetime
) -> None:
    """Raise OutOfRange for a grant that opens nothing, or that promises a limit which it would not have."""
    if not frozenset(scopes):
        raise OutOfRange("scopes", "must name at least one scope")
    if Scope.ADMIN in scopes and collections is not None:
        raise OutOfRange("collections", "must be left out with the scope admin, which opens every collection")
    for name in collections or ():
        collection_name(name, field="collections")
    # The last years of the calendar cannot be told in every time zone.
    if expires_at is not None and (expires_at <= now or expires_at.year >= 9000):
        raise OutOfRange("expires_at", "must be a time to come, before the year 9000")
