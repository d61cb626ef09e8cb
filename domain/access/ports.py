"""What access control needs from outside."""

from abc import abstractmethod
from typing import Protocol
from uuid import UUID

from domain.access.model import ApiKey
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
