"""Count requests: by whom a key asks for, and, where there is no key, by the address that they come from."""

from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from domain.access.model import Principal
from domain.access.ports import RateLimits
from domain.access.rates import RateStanding

DEFAULT_PER_MINUTE: Final = 60_000
"""A thousand a second, more than one process answers: it stops a client that runs away, and no other."""


@dataclass(frozen=True, slots=True)
class LimitRate:
    """
    ``strangers`` are counted in this process alone: nobody without a key makes it write to a database.

    A caller with a key is never held back for what others do at its address.
    """

    callers: RateLimits
    strangers: RateLimits
    per_minute: int = DEFAULT_PER_MINUTE

    async def of_principal(self, principal: Principal) -> RateStanding:
        """Raises PortUnavailable."""
        owner = principal.owner
        return await self.callers.take(_bucket(owner.tenant, owner.user), limit=self.per_minute)

    async def of_address(self, address: str) -> RateStanding:
        return await self.strangers.take(_bucket(address), limit=self.per_minute)


def _bucket(*names: str) -> bytes:
    # NUL stands in no name, so no two lists of names make one bucket.
    return blake2b("\0".join(names).encode(errors="replace"), digest_size=16).digest()
