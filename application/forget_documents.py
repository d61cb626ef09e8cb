"""Forget a document: gone from every search when this returns; turns that cited it keep their evidence."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from application.ports import Clock, UnitOfWorkFactory
from domain.access.model import Principal, Scope
from domain.access.readable import granted_collections
from domain.library.generations import IndexPlace, StalePassage
from domain.retrieval.ports import IndexGenerations


async def unindex(stale: Sequence[StalePassage], unit_of_work: UnitOfWorkFactory, indexes: IndexGenerations) -> None:
    """
    Take passages out of their indexes and off the list of those still to be taken out.

    Those that an ingestion has put back meanwhile stay. The transaction is open while an index is written to, so that
    an ingestion that is about to put some of them back waits until they are out.
    """
    if not stale:
        return
    async with unit_of_work() as uow:
        still = await uow.documents.take_stale(stale)
        by_place: dict[IndexPlace, list[UUID]] = {}
        for passage_id, place in still:
            by_place.setdefault(place or indexes.first, []).append(passage_id)
        for place, passage_ids in by_place.items():
            await (await indexes.at(place)).remove(passage_ids)
        await uow.documents.discard_stale(still)
        await uow.commit()


@dataclass(frozen=True, slots=True)
class ForgetDocument:
    """Raises ScopeMissing, DocumentNotFound or a PortError; once the database has it, a retry ends the work."""

    unit_of_work: UnitOfWorkFactory
    indexes: IndexGenerations
    clock: Clock

    async def execute(self, principal: Principal, document_id: UUID) -> None:
        principal.require(Scope.INGEST)
        async with self.unit_of_work() as uow:
            granted = granted_collections(principal, await uow.collections.all())
            await uow.documents.get(document_id, granted)
            stale = await uow.documents.forget(document_id, at=self.clock.now())
            await uow.commit()
        await unindex(stale, self.unit_of_work, self.indexes)
