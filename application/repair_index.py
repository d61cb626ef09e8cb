"""
Make the index again from the database: what it lacks goes in, what it has too much goes out.

Nothing is fetched. Vectors come from the database where they were kept, and are bought only where the caller allows it.
"""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from application.indexed_passages import indexed_passages
from application.ports import UnitOfWorkFactory
from application.prepare_documents import embedded_texts, indexed_texts
from domain.library.model import Document, DocumentVersion
from domain.retrieval.model import Purpose, Vector
from domain.retrieval.ports import Embedder, PassageWriter, SparseEncoder

DOCUMENTS_AT_ONCE: Final = 50
IDS_AT_ONCE: Final = 2_000


@dataclass(slots=True)
class RepairReport:
    """
    What was found and done, in passages.

    ``unaffordable`` ones have no kept vector and were left out, because none was to be bought.
    """

    passages: int = 0
    missing: int = 0
    orphaned: int = 0
    bought: int = 0
    unaffordable: int = 0


@dataclass(frozen=True, slots=True)
class RepairIndex:
    """Raises a PortError; what was done until then stays done, and running it again goes on."""

    unit_of_work: UnitOfWorkFactory
    passage_writer: PassageWriter
    embedder: Embedder
    sparse_encoder: SparseEncoder
    keep_vectors: bool = True

    async def agrees(self) -> bool:
        """Whether index and database hold equally many passages: cheap, and wrong only by chance."""
        async with self.unit_of_work() as uow:
            return await uow.documents.passage_count() == await self.passage_writer.count()

    async def execute(self, *, rebuild: bool = False, buy: bool = True) -> RepairReport:
        """
        ``rebuild``: take everything out first. ``buy``: embed what has no kept vector.

        Nobody may ingest meanwhile but by way of the same index; what comes in while this runs stays in.
        """
        indexed = await self._indexed()
        if rebuild:
            await self._remove(sorted(indexed))
            indexed = set()
        report, active = RepairReport(), set[UUID]()
        after: UUID | None = None
        while batch := await self._documents(after):
            after = batch[-1][0].id
            for document, version in batch:
                await self._put_missing(document, version, indexed, report, buy=buy)
                active.update(passage.id for passage in version.passages)
            report.passages = len(active)
        orphans = await self._still_orphaned(indexed - active)
        await self._remove(orphans)
        report.orphaned = len(orphans)
        await self.passage_writer.settle()
        return report

    async def _indexed(self) -> set[UUID]:
        found: set[UUID] = set()
        after: UUID | None = None
        while True:
            ids, after = await self.passage_writer.ids(after, limit=IDS_AT_ONCE)
            found.update(ids)
            if after is None:
                return found

    async def _documents(self, after: UUID | None) -> Sequence[tuple[Document, DocumentVersion]]:
        async with self.unit_of_work() as uow:
            return await uow.documents.active(after, limit=DOCUMENTS_AT_ONCE)

    async def _put_missing(
        self, document: Document, version: DocumentVersion, indexed: set[UUID], report: RepairReport, *, buy: bool
    ) -> None:
        chosen = [place for place, passage in enumerate(version.passages) if passage.id not in indexed]
        if not chosen:
            return
        inputs = embedded_texts(document.title, version)
        hashes = [hashlib.sha256(text.encode()).digest() for text in inputs]
        wanted = {hashes[place]: inputs[place] for place in chosen}
        vectors, bought = await self._vectors(wanted, buy=buy)
        payable = [place for place in chosen if hashes[place] in vectors]
        language = await self._language(document.collection)
        terms = indexed_texts(document.title, version)
        texts = [terms[place] for place in payable]
        sparse = await asyncio.to_thread(self.sparse_encoder.encode_passages, texts, language=language)
        passages = [version.passages[place] for place in payable]
        dense = [vectors[hashes[place]] for place in payable]
        await self.passage_writer.put(indexed_passages(document, passages, dense, sparse))
        report.missing += len(payable)
        report.unaffordable += len(chosen) - len(payable)
        report.bought += bought

    async def _vectors(self, wanted: Mapping[bytes, str], *, buy: bool) -> tuple[Mapping[bytes, Vector], int]:
        async with self.unit_of_work() as uow:
            kept = await uow.embeddings.get(self.embedder.name, list(wanted)) if self.keep_vectors else {}
            missing = [digest for digest in wanted if digest not in kept]
        if not missing or not buy:
            return kept, 0
        made = await self.embedder.embed([wanted[digest] for digest in missing], purpose=Purpose.PASSAGE)
        new = dict(zip(missing, made, strict=True))
        if not self.keep_vectors:
            return {**kept, **new}, len(new)
        async with self.unit_of_work() as uow:
            await uow.embeddings.put(self.embedder.name, new)
            new = dict(uow.embeddings.as_kept(new))
            await uow.commit()
        return {**kept, **new}, len(new)

    async def _language(self, collection: str) -> str:
        async with self.unit_of_work() as uow:
            languages = {one.name: one.language for one in await uow.collections.all()}
        return languages.get(collection, "en")

    async def _still_orphaned(self, passage_ids: set[UUID]) -> list[UUID]:
        """Those that no active version holds now either: an ingestion may have ended since the first look."""
        if not passage_ids:
            return []
        async with self.unit_of_work() as uow:
            alive = await uow.documents.active_passages(sorted(passage_ids))
        return sorted(passage_ids - set(alive))

    async def _remove(self, passage_ids: Sequence[UUID]) -> None:
        for start in range(0, len(passage_ids), IDS_AT_ONCE):
            await self.passage_writer.remove(passage_ids[start : start + IDS_AT_ONCE])
