"""
Make the indexes again from the database: what they lack goes in, what they have too much goes out.

Nothing is fetched. Vectors come from the database where they were kept, and are bought only where the caller allows it.
"""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from application.adopt_generations import AdoptGenerations
from application.embedders import Embedders
from application.indexed_passages import indexed_passages
from application.ports import Clock, UnitOfWorkFactory
from application.prepare_documents import embedded_texts, indexed_texts
from domain.library.generations import GenerationState, IndexPlace, LiveGeneration
from domain.library.model import Document, DocumentVersion
from domain.retrieval.model import Purpose, Vector
from domain.retrieval.ports import IndexGenerations, PassageIndex, SparseEncoder

DOCUMENTS_AT_ONCE: Final = 50
IDS_AT_ONCE: Final = 2_000


@dataclass(slots=True)
class RepairReport:
    """
    What was found and done, in passages; one that two generations hold counts twice.

    ``unaffordable`` ones have no kept vector and were left out, because none was to be bought, or no longer can be.
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
    indexes: IndexGenerations
    embedders: Embedders
    sparse_encoder: SparseEncoder
    clock: Clock
    keep_vectors: bool = True

    async def agrees(self) -> bool:
        """
        Whether indexes and database hold equally many passages: cheap, and wrong only by chance.

        What is kept for rolling back leaves passages behind when documents change: of those there may be more.
        """
        by_place = await self._by_place()
        async with self.unit_of_work() as uow:
            counts = await uow.generations.passage_counts()
        for place, generations in by_place.items():
            held = await (await self.indexes.at(place)).count()
            expected = counts.get(place, 0)
            exact = all(of.state is GenerationState.ACTIVE for of in generations)
            if held < expected or (exact and held > expected):
                return False
        return True

    async def execute(self, *, rebuild: bool = False, buy: bool = True) -> RepairReport:
        """
        ``rebuild``: take everything out first. ``buy``: embed what has no kept vector.

        Nobody may ingest meanwhile but by way of the same indexes; what comes in while this runs stays in.
        """
        report = RepairReport()
        for place, generations in (await self._by_place()).items():
            await self._repair(place, generations, report, rebuild=rebuild, buy=buy)
        return report

    async def _by_place(self) -> Mapping[IndexPlace, Sequence[LiveGeneration]]:
        await AdoptGenerations(self.unit_of_work, self.embedders, self.clock).execute()
        async with self.unit_of_work() as uow:
            live = await uow.generations.live()
        places: dict[IndexPlace, list[LiveGeneration]] = {self.indexes.first: []}
        for of in live:
            places.setdefault(of.place, []).append(of)
        return places

    async def _repair(
        self,
        place: IndexPlace,
        generations: Sequence[LiveGeneration],
        report: RepairReport,
        *,
        rebuild: bool,
        buy: bool,
    ) -> None:
        index = await self.indexes.at(place)
        indexed = await indexed_ids(index)
        if rebuild:
            await remove_all(index, sorted(indexed))
            indexed = set()
        held = set[UUID]()
        for of in generations:
            after: UUID | None = None
            while batch := await self._documents(of, after):
                after = batch[-1][0].id
                for document, version in batch:
                    await self._put_missing(index, place, document, version, indexed, report, buy=buy)
                    held.update(passage.id for passage in version.passages)
        report.passages += len(held)
        report.orphaned += await remove_orphans(self.unit_of_work, index, place, indexed - held)
        await index.settle()

    async def _documents(self, of: LiveGeneration, after: UUID | None) -> Sequence[tuple[Document, DocumentVersion]]:
        async with self.unit_of_work() as uow:
            return await uow.documents.active(after, limit=DOCUMENTS_AT_ONCE, of=of)

    async def _put_missing(
        self,
        index: PassageIndex,
        place: IndexPlace,
        document: Document,
        version: DocumentVersion,
        indexed: set[UUID],
        report: RepairReport,
        *,
        buy: bool,
    ) -> None:
        chosen = [at for at, passage in enumerate(version.passages) if passage.id not in indexed]
        if not chosen:
            return
        inputs = embedded_texts(document.title, version)
        hashes = [hashlib.sha256(text.encode()).digest() for text in inputs]
        wanted = {hashes[at]: inputs[at] for at in chosen}
        vectors, bought = await self._vectors(place, wanted, buy=buy)
        payable = [at for at in chosen if hashes[at] in vectors]
        language = await self._language(document.collection)
        terms = indexed_texts(document.title, version)
        texts = [terms[at] for at in payable]
        sparse = await asyncio.to_thread(self.sparse_encoder.encode_passages, texts, language=language)
        passages = [version.passages[at] for at in payable]
        dense = [vectors[hashes[at]] for at in payable]
        await index.put(indexed_passages(document, passages, dense, sparse))
        report.missing += len(payable)
        report.unaffordable += len(chosen) - len(payable)
        report.bought += bought

    async def _vectors(
        self, place: IndexPlace, wanted: Mapping[bytes, str], *, buy: bool
    ) -> tuple[Mapping[bytes, Vector], int]:
        async with self.unit_of_work() as uow:
            kept = await uow.embeddings.get(place.embedder, list(wanted)) if self.keep_vectors else {}
            missing = [digest for digest in wanted if digest not in kept]
        embedder = self.embedders.named(place.embedder)
        if not missing or not buy or embedder is None:
            return kept, 0
        made = await embedder.embed([wanted[digest] for digest in missing], purpose=Purpose.PASSAGE)
        new = dict(zip(missing, made, strict=True))
        if not self.keep_vectors:
            return {**kept, **new}, len(new)
        async with self.unit_of_work() as uow:
            await uow.embeddings.put(place.embedder, new)
            new = dict(uow.embeddings.as_kept(new))
            await uow.commit()
        return {**kept, **new}, len(new)

    async def _language(self, collection: str) -> str:
        async with self.unit_of_work() as uow:
            languages = {one.name: one.language for one in await uow.collections.all()}
        return languages.get(collection, "en")


async def indexed_ids(index: PassageIndex, collection: str | None = None) -> set[UUID]:
    """Every passage that an index holds; of one collection, if it is named."""
    found: set[UUID] = set()
    after: UUID | None = None
    while True:
        ids, after = await index.ids(after, limit=IDS_AT_ONCE, collection=collection)
        found.update(ids)
        if after is None:
            return found


async def remove_orphans(
    unit_of_work: UnitOfWorkFactory, index: PassageIndex, place: IndexPlace, suspects: set[UUID]
) -> int:
    """Take out those that no generation holds now either: an ingestion may have ended since the first look."""
    if not suspects:
        return 0
    async with unit_of_work() as uow:
        alive = await uow.generations.held(place, sorted(suspects))
    orphans = sorted(suspects - set(alive))
    await remove_all(index, orphans)
    return len(orphans)


async def remove_all(index: PassageIndex, passage_ids: Sequence[UUID]) -> None:
    for start in range(0, len(passage_ids), IDS_AT_ONCE):
        await index.remove(passage_ids[start : start + IDS_AT_ONCE])
