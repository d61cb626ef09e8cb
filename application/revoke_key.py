"""Revoke an API key: the next request with it is refused."""

from dataclasses import dataclass
from uuid import UUID

from application.ports import UnitOfWorkFactory
from application.remembered_keys import RememberedKeys
from domain.access.model import Principal, Scope


@dataclass(frozen=True, slots=True)
class RevokeKey:
    """Raises ScopeMissing, ApiKeyNotFound or a PortError."""

    unit_of_work: UnitOfWorkFactory
    remembered: RememberedKeys

    async def execute(self, principal: Principal, key_id: UUID) -> None:
        principal.require(Scope.ADMIN)
        try:
            async with self.unit_of_work() as uow:
                await uow.api_keys.remove(key_id)
                await uow.commit()
        finally:
            # Also when this task is cancelled, or the answer to the commit is lost: the row may be gone by then.
            self.remembered.forget()
