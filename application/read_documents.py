"""Read documents: list them, one of them, the text of one of their versions."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from application.ports import UnitOfWork, UnitOfWorkFactory
from domain.access.model import Principal
from domain.access.readable import ReadableCollections, readable_collections
from domain.library.model import Document, Page


@dataclass(frozen=True, slots=True)
class ReadDocuments:
    """Every read is inside what the principal may read; anything else raises as if it were not there."""

    unit_of_work: UnitOfWorkFactory

    async def list(
        self, principal: Principal, *, collection: str | None, uri: str | None, limit: int, cursor: str | None
    ) -> Page[Document]:
        """Raises CollectionNotFound or BadCursor."""
        async with self.unit_of_work() as uow:
            asked = None if collection is None else [collection]
            readable = await self._readable(uow, principal, asked)
            return await uow.documents.list(readable, collection=collection, uri=uri, limit=limit, cursor=cursor)

    async def get(self, principal: Principal, document_id: UUID) -> Document:
        """Raises DocumentNotFound."""
        async with self.unit_of_work() as uow:
            return await uow.documents.get(document_id, await self._readable(uow, principal))

    async def text(self, principal: Principal, document_id: UUID, version: str | None) -> tuple[str, str]:
        """The text and its version; without one the active version's. Raises as ``Documents.text`` does."""
        async with self.unit_of_work() as uow:
            readable = await self._readable(uow, principal)
            if version is None:
                version = (await uow.documents.get(document_id, readable)).version or ""
            return await uow.documents.text(document_id, version, readable), version

    @staticmethod
    async def _readable(
        uow: UnitOfWork, principal: Principal, asked: Sequence[str] | None = None
    ) -> ReadableCollections:
        return readable_collections(principal, await uow.collections.all(), asked=asked)
