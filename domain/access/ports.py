"""What access control needs from outside."""

from abc import abstractmethod
from typing import Protocol

from domain.access.model import ApiKey


class ApiKeys(Protocol):
    """The keys that open this service, found by the hash of their secret."""

    @abstractmethod
    async def find(self, secret_sha256: bytes) -> ApiKey | None:
        """The key whose secret has this SHA-256 (32 bytes), or None. Expired keys are returned too."""
