"""
Ingest documents: parse, cut, embed, index, switch. The order is what makes it safe to be killed anywhere.

The new passages go into the index first, then one transaction stores the version and makes it the active one, then
the passages that it lacks leave the index. Whoever reads in between sees the old version or the new one, whole,
because hits are read back from the database; whoever was killed in between does it again with the same ids.

Of several requests that name the same document, the one that came last decides, whichever is worked on last.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import Final
from uuid import UUID

from application.embedders import Embedders
from application.forget_documents import unindex
from application.give_way import GiveWay
from application.indexed_passages import indexed_passages
from application.passage_vectors import PassageVectors
from application.ports import Clock, DocumentOutcome, IdSource, Ingestion, Outcome, StagedDocument, UnitOfWorkFactory
from application.prepare_documents import Preparation, PreparedDocument, Preparer
from domain.access.embedding_plan import Embedded
from domain.errors import PortRefused
from domain.library.chunking import CHUNK_CHARS
from domain.library.generations import Generation
from domain.library.model import Document
from domain.library.versions import version_of
from domain.retrieval.model import IndexedPassage, Vector
from domain.retrieval.ports import IndexGenerations

LEFT: Final = "a later request has changed or removed it; it was left as it is"


@dataclass(frozen=True, slots=True)
class IngestDocuments:
    """
    Take one batch of staged documents of an ingestion to their outcomes; a document that fails fails alone.

    ``texts_a_call``: how many texts the settings' embedder sends in one call; 0: it buys nothing.
    """

    unit_of_work: UnitOfWorkFactory
    preparer: Preparer
    embedders: Embedders
    indexes: IndexGenerations
    clock: Clock
    ids: IdSource
    keep_vectors: bool = True
    way: GiveWay = field(default_factory=GiveWay)
    texts_a_call: int = 0

    async def execute(self, ingestion: Ingestion, batch: Sequence[StagedDocument]) -> None:
        """
        Raises a PortError with nothing of the batch recorded: it can be run again.

        A collection that is switched to another generation meanwhile makes it begin again, for that one. Before each
        step that takes the event loop or the index some milliseconds, questions go first.
        """
        while not await self._attempt(ingestion, batch):
            pass

    async def _attempt(self, ingestion: Ingestion, batch: Sequence[StagedDocument]) -> bool:
        await self.way.wait()
        registered = await self._register(ingestion, batch)
        if registered is None:
            await self._record_deleted(ingestion, batch)
            return True
        documents, later, language, generation = registered
        outcomes: dict[int, DocumentOutcome] = {}
        changed: list[Preparation] = []
        for staged in batch:
            if staged.source.uri in later:
                outcomes[staged.ordinal] = _left(staged.source.uri)
                continue
            version, before = version_of(staged.source, ingestion.base_url), documents[staged.source.uri]
            if before.version == version:
                outcomes[staged.ordinal] = DocumentOutcome(staged.source.uri, Outcome.UNCHANGED)
            else:
                at = self.clock.now()
                cut = generation.chunk_chars
                changed.append(Preparation(staged, before, version, ingestion.base_url, language, at, cut))
        prepared: list[PreparedDocument] = []
        for one in await self.preparer.prepare(changed) if changed else ():
            if isinstance(one, PreparedDocument):
                since = documents[one.activation.document.uri].updated_at
                of_request = replace(one.activation, requested_at=ingestion.created_at, prepared_from=since)
                prepared.append(replace(one, activation=of_request))
            else:
                outcomes[one.ordinal] = one.outcome
        return await self._index_and_switch(ingestion, generation, prepared, outcomes)

    async def _register(
        self, ingestion: Ingestion, batch: Sequence[StagedDocument]
    ) -> tuple[Mapping[str, Document], Set[str], str, Generation] | None:
        """
        The documents, the uris that a later request has spoken of, the language that they are in, how they are indexed.

        None: the collection was deleted meanwhile.
        """
        uris = [staged.source.uri for staged in batch]
        async with self.unit_of_work() as uow:
            at = self.clock.now()
            ids = [self.ids.new() for _ in uris]
            later = await uow.documents.register(
                ingestion.collection, uris, ids=ids, at=at, requested_at=ingestion.created_at
            )
            documents = await uow.documents.by_uri(ingestion.collection, uris)
            collections = {one.name: one for one in await uow.collections.all()}
            collection = collections.get(ingestion.collection)
            generation = None if collection is None else collection.generation
            if generation is None:
                place = self.embedders.place
                generation = await uow.generations.adopt(ingestion.collection, place, CHUNK_CHARS, at=at)
            await uow.commit()
        if collection is None or generation is None:
            return None
        return documents, later, collection.language, generation

    async def _record_deleted(self, ingestion: Ingestion, batch: Sequence[StagedDocument]) -> None:
        why = "the collection was deleted before the document was in"
        outcomes = {one.ordinal: DocumentOutcome(one.source.uri, Outcome.FAILED, why) for one in batch}
        async with self.unit_of_work() as uow:
            await uow.ingestions.record(ingestion.id, outcomes)
            await uow.commit()

    async def _index_and_switch(
        self,
        ingestion: Ingestion,
        generation: Generation,
        prepared: Sequence[PreparedDocument],
        outcomes: dict[int, DocumentOutcome],
    ) -> bool:
        """False, and nothing done but in the index: the generation is the active one no more."""
        await self.way.wait()
        vectors, bought, spent = await self._vectors(ingestion, generation, prepared)
        await self.way.wait()
        index = await self.indexes.at(generation.place)
        wanted = await self._wanted(generation, prepared)
        async with self.way.one_by_one():
            await index.put(points_of([one for one in prepared if _id(one) in wanted], vectors))
        async with self.way.one_by_one(), self.unit_of_work() as uow:
            if prepared and await uow.generations.hold_active(ingestion.collection) not in (generation, None):
                return False
            if self.keep_vectors and bought:
                await uow.embeddings.put(generation.place.embedder, bought)
            activations = [one.activation for one in prepared]
            switched = await uow.documents.activate(activations, place=generation.place)
            # Whoever switched these meanwhile may have taken some of their passages out again. Nobody can any more.
            await index.put(points_of([one for one in prepared if _id(one) in switched.overtaken], vectors))
            for one in prepared:
                outcomes[one.ordinal] = _left(_uri(one)) if _id(one) in switched.left else _in(one)
            if spent != Embedded():
                await uow.ingestions.count_embedded(ingestion.id, spent)
            await uow.ingestions.record(ingestion.id, outcomes)
            await uow.commit()
        await unindex(switched.stale, self.unit_of_work, self.indexes)
        return True

    async def _wanted(self, generation: Generation, prepared: Sequence[PreparedDocument]) -> Set[UUID]:
        if not prepared:
            return frozenset()
        async with self.unit_of_work() as uow:
            wanted = await uow.documents.wanted([one.activation for one in prepared], place=generation.place)
            await uow.commit()
        return wanted

    async def _vectors(
        self, ingestion: Ingestion, generation: Generation, prepared: Sequence[PreparedDocument]
    ) -> tuple[Mapping[bytes, Vector], Mapping[bytes, Vector], Embedded]:
        """Every vector that is needed, by input hash, of these the newly made ones, and what they took."""
        if not prepared:
            return {}, {}, Embedded()
        embedder = self.embedders.named(generation.place.embedder)
        if embedder is None:
            raise PortRefused(
                "embedder",
                f"the collection is indexed by {generation.place.embedder}, which is not set up: set it up, or run "
                "`ibid reindex` for the collection, and then retry this ingestion",
            )
        inputs = {digest: text for one in prepared for digest, text in zip(one.hashes, one.inputs, strict=True)}
        kept = PassageVectors(self.unit_of_work, self.keep_vectors)
        vectors, bought = await kept.of(embedder, inputs)
        a_call = self.texts_a_call if embedder is self.embedders.default else 0
        return vectors, bought, await kept.embedded(inputs, bought, a_call, ingestion.granted)


def points_of(prepared: Sequence[PreparedDocument], vectors: Mapping[bytes, Vector]) -> list[IndexedPassage]:
    """Prepared documents as an index takes them."""
    points: list[IndexedPassage] = []
    for one in prepared:
        dense = [vectors[digest] for digest in one.hashes]
        points += indexed_passages(one.activation.document, one.activation.version.passages, dense, one.sparse)
    return points


def _id(one: PreparedDocument) -> UUID:
    return one.activation.document.id


def _uri(one: PreparedDocument) -> str:
    return one.activation.document.uri


def _in(one: PreparedDocument) -> DocumentOutcome:
    return DocumentOutcome(_uri(one), one.outcome, passages=len(one.activation.version.passages))


def _left(uri: str) -> DocumentOutcome:
    return DocumentOutcome(uri, Outcome.UNCHANGED, LEFT)
