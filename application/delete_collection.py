"""Delete a collection: its documents are in no search any more when this returns; turns keep their evidence."""

from dataclasses import dataclass

from application.forget_documents import unindex
from application.ports import Clock, UnitOfWork, UnitOfWorkFactory
from domain.access.model import Principal
from domain.access.readable import require_to_administer
from domain.retrieval.ports import IndexGenerations


@dataclass(frozen=True, slots=True)
class DeleteCollection:
    """
    Raises ScopeMissing, CollectionNotFound or a PortError.

    From the commit on nothing of the collection is read back, whatever the index still holds; a crash before its
    passages have left the index is made good by the next start.
    """

    unit_of_work: UnitOfWorkFactory
    indexes: IndexGenerations
    clock: Clock

    async def execute(self, principal: Principal, name: str) -> None:
        require_to_administer(principal, name)
        async with self.unit_of_work() as uow:
            await uow.collections.hold(name)
            removed = await uow.documents.remove_all(name)
            await self._cancel_ingestions(uow, name)
            await uow.collections.remove(name)
            await uow.commit()
        await unindex(removed, self.unit_of_work, self.indexes)

    async def _cancel_ingestions(self, uow: UnitOfWork, name: str) -> None:
        """What still waits must not go into a later collection of the same name."""
        for ingestion_id in await uow.ingestions.unfinished():
            if (await uow.ingestions.get(ingestion_id, None)).collection == name:
                await uow.ingestions.cancel(ingestion_id, at=self.clock.now())
