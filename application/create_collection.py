"""Make a collection, empty, with what is to be known of it."""

from dataclasses import dataclass, replace

from application.ports import Clock, UnitOfWorkFactory
from domain.access.model import Principal, Scope
from domain.access.readable import require_to_administer
from domain.errors import CollectionExists
from domain.library.model import Collection, check_collection


@dataclass(frozen=True, slots=True)
class CreateCollection:
    """Raises ScopeMissing, a Refused that names the field, CollectionExists or a PortError."""

    unit_of_work: UnitOfWorkFactory
    clock: Clock

    async def execute(self, principal: Principal, collection: Collection) -> Collection:
        """``created_at`` of the given collection is not looked at."""
        principal.require(Scope.ADMIN)
        made = check_collection(replace(collection, created_at=self.clock.now()))
        require_to_administer(principal, made.name)
        async with self.unit_of_work() as uow:
            if not await uow.collections.add(made):
                raise CollectionExists(made.name)
            await uow.commit()
        return made
