"""Read which collections there are, what is known of them, and how many documents each has."""

from collections.abc import Sequence
from dataclasses import dataclass

from application.ports import UnitOfWork, UnitOfWorkFactory
from domain.access.model import Principal, Scope
from domain.access.readable import is_granted, require_to_administer
from domain.library.model import Collection, Page


@dataclass(frozen=True, slots=True)
class CountedCollection:
    collection: Collection
    documents: int


@dataclass(frozen=True, slots=True)
class ReadCollections:
    """For ``admin`` alone; anybody else sees by ``ReadCaller`` which it may ask."""

    unit_of_work: UnitOfWorkFactory

    async def get(self, principal: Principal, name: str) -> CountedCollection:
        """Raises ScopeMissing or CollectionNotFound."""
        require_to_administer(principal, name)
        async with self.unit_of_work() as uow:
            [counted] = await _counted(uow, [await uow.collections.get(name)])
        return counted

    async def list(self, principal: Principal, *, limit: int, cursor: str | None) -> Page[CountedCollection]:
        """Newest first. Raises ScopeMissing or BadCursor."""
        principal.require(Scope.ADMIN)
        async with self.unit_of_work() as uow:
            page = await uow.collections.list(limit=limit, cursor=cursor)
            seen = [one for one in page.items if is_granted(principal, one.name)]
            return Page(await _counted(uow, seen), page.next_cursor)


async def _counted(uow: UnitOfWork, collections: Sequence[Collection]) -> list[CountedCollection]:
    counts = await uow.documents.counts([one.name for one in collections])
    return [CountedCollection(one, counts.get(one.name, 0)) for one in collections]
