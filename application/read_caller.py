"""Tell a caller who it is taken for."""

from dataclasses import dataclass

from application.ports import UnitOfWorkFactory
from domain.access.model import Principal, Scope
from domain.access.readable import ReadableCollections, readable_collections


@dataclass(frozen=True, slots=True)
class Caller:
    """``readable`` is None for a caller that may read nothing whatever there is."""

    principal: Principal
    readable: ReadableCollections | None
    requests_per_minute: int


@dataclass(frozen=True, slots=True)
class ReadCaller:
    """Any key may ask; raises a PortError at most."""

    unit_of_work: UnitOfWorkFactory
    requests_per_minute: int

    async def execute(self, principal: Principal) -> Caller:
        if not (principal.may(Scope.ASK) or principal.may(Scope.INGEST)):
            return Caller(principal, None, self.requests_per_minute)
        async with self.unit_of_work() as uow:
            collections = await uow.collections.all()
        readable = readable_collections(principal, collections)
        return Caller(principal, readable, self.requests_per_minute)
