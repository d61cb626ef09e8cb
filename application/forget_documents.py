"""Forget a document: gone from every search when this returns; turns that cited it keep their evidence."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from application.ports import Clock, UnitOfWorkFactory
from domain.access.model import Principal, Scope
from domain.access.readable import granted_collections
from domain.retrieval.ports import PassageWriter


async def unindex(passage_ids: Sequence[UUID], unit_of_work: UnitOfWorkFactory, writer: PassageWriter) -> None:
    """
    Take passages out of the index and off the list of those still to be taken out.

    Those that an ingestion has put back meanwhile stay. The transaction is open while the index is written to, so that
    an ingestion that is about to put some of them back waits until they are out.
    """
    if not passage_ids:
        return
    async with unit_of_work() as uow:
        stale = await uow.documents.take_stale(passage_ids)
        await writer.remove(stale)
        await uow.documents.discard_stale(stale)
        await uow.commit()


@dataclass(frozen=True, slots=True)
class ForgetDocument:
    """Raises ScopeMissing, DocumentNotFound or a PortError; once the database has it, a retry ends the work."""

    unit_of_work: UnitOfWorkFactory
    passage_writer: PassageWriter
    clock: Clock

    async def execute(self, principal: Principal, document_id: UUID) -> None:
        principal.require(Scope.INGEST)
        async with self.unit_of_work() as uow:
            granted = granted_collections(principal, await uow.collections.all())
            await uow.documents.get(document_id, granted)
            stale = await uow.documents.forget(document_id, at=self.clock.now())
            await uow.commit()
        await unindex(stale, self.unit_of_work, self.passage_writer)
