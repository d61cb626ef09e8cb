"""What access control needs from outside."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from domain.access.model import ApiKey
from domain.access.quotas import AllowanceLeft, ProviderCall, Reservation, StorageLeft, Window
from domain.access.rates import RateStanding
from domain.library.model import Page


class ApiKeys(Protocol):
    """The keys that were issued. Expired ones are kept, and given out, until they are removed."""

    @abstractmethod
    async def add(self, key: ApiKey) -> None:
        """Keep a new key."""

    @abstractmethod
    async def find(self, secret_sha256: bytes) -> ApiKey | None:
        """The key whose secret has this SHA-256 (32 bytes), or None."""

    @abstractmethod
    async def get(self, key_id: UUID) -> ApiKey:
        """Raises ApiKeyNotFound."""

    @abstractmethod
    async def list(self, *, limit: int, cursor: str | None) -> Page[ApiKey]:
        """Newest first. Raises BadCursor."""

    @abstractmethod
    async def remove(self, key_id: UUID) -> None:
        """From the commit on its secret opens nothing. Raises ApiKeyNotFound."""


class RateLimits(Protocol):
    """Counts requests by caller. Atomic: of any number at once, no more than the limit are within it."""

    @abstractmethod
    async def take(self, bucket: bytes, *, limit: int) -> RateStanding:
        """
        Count one request against a bucket (a caller's, at most 64 bytes) and say where it stands.

        A window of ``WINDOW_S`` begins with a bucket's first request; the first one after it begins the next. A clock
        that jumps neither locks a caller out for longer than two windows nor opens one early. Raises PortUnavailable.
        """


class ProviderBudgets(Protocol):
    """
    What is left of the providers' plans, counted by every process together and across restarts.

    Each call that a plan counts is reserved before it is made, retries too, so that no plan is ever exceeded. Where
    no allowance limits a call, nothing is counted, and reserving costs nothing.
    """

    @abstractmethod
    async def reserve(self, call: ProviderCall, *, inputs: int = 1) -> Reservation:
        """
        Take one call, with so many inputs, from every allowance that it draws on: all or nothing.

        Raises QuotaSpent, with the time to come back, or PortUnavailable("database").
        """

    @abstractmethod
    async def settle(self, reservation: Reservation, *, made: bool) -> None:
        """
        The call is over. ``made`` False: it never reached the provider, and does not count.

        Raises PortUnavailable.
        """

    @abstractmethod
    async def exhaust(self, call: ProviderCall, window: Window) -> None:
        """The provider itself says that the allowance of this window is used up. Raises PortUnavailable."""

    @abstractmethod
    async def left(self) -> Sequence[AllowanceLeft]:
        """What is left of every allowance. Raises PortUnavailable."""


class Footprint(Protocol):
    """A store outside whose plan is limited by size."""

    @abstractmethod
    async def storage(self) -> StorageLeft:
        """How much of it is taken now, by the store's own word or by estimate. Raises PortUnavailable."""
