"""Read which API keys there are; never their secrets, which nobody has."""

from dataclasses import dataclass
from uuid import UUID

from application.ports import UnitOfWorkFactory
from domain.access.model import ApiKey, Principal, Scope
from domain.library.model import Page


@dataclass(frozen=True, slots=True)
class ReadKeys:
    """For ``admin`` alone."""

    unit_of_work: UnitOfWorkFactory

    async def get(self, principal: Principal, key_id: UUID) -> ApiKey:
        """Raises ScopeMissing or ApiKeyNotFound."""
        principal.require(Scope.ADMIN)
        async with self.unit_of_work() as uow:
            return await uow.api_keys.get(key_id)

    async def list(self, principal: Principal, *, limit: int, cursor: str | None) -> Page[ApiKey]:
        """Newest first. Raises ScopeMissing or BadCursor."""
        principal.require(Scope.ADMIN)
        async with self.unit_of_work() as uow:
            return await uow.api_keys.list(limit=limit, cursor=cursor)
