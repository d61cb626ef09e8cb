"""Follow ingestions: their state, and what became of each document."""

from dataclasses import dataclass
from uuid import UUID

from application.ports import DocumentOutcome, Ingestion, UnitOfWorkFactory
from domain.access.model import Owner, Principal, Scope
from domain.library.model import Page


@dataclass(frozen=True, slots=True)
class ReadIngestions:
    """A caller sees its own ingestions; ``admin`` sees everybody's."""

    unit_of_work: UnitOfWorkFactory

    async def get(self, principal: Principal, ingestion_id: UUID) -> Ingestion:
        """Raises IngestionNotFound."""
        async with self.unit_of_work() as uow:
            return await uow.ingestions.get(ingestion_id, whose(principal))

    async def list(self, principal: Principal, *, limit: int, cursor: str | None) -> Page[Ingestion]:
        """Newest first. Raises BadCursor."""
        async with self.unit_of_work() as uow:
            return await uow.ingestions.list(whose(principal), limit=limit, cursor=cursor)

    async def documents(
        self, principal: Principal, ingestion_id: UUID, *, limit: int, cursor: str | None
    ) -> Page[DocumentOutcome]:
        """Raises IngestionNotFound or BadCursor."""
        async with self.unit_of_work() as uow:
            await uow.ingestions.get(ingestion_id, whose(principal))
            return await uow.ingestions.documents(ingestion_id, limit=limit, cursor=cursor)


def whose(principal: Principal) -> Owner | None:
    """Whose ingestions a caller may see and change; None: everybody's. Raises ScopeMissing."""
    principal.require(Scope.INGEST)
    return None if principal.may(Scope.ADMIN) else principal.owner
