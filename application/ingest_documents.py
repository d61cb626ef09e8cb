"""
Ingest documents: parse, cut, embed, index, switch. The order is what makes it safe to be killed anywhere.

The new passages go into the index first, then one transaction stores the version and makes it the active one, then
the passages that it lacks leave the index. Whoever reads in between sees the old version or the new one, whole,
because hits are read back from the database; whoever was killed in between does it again with the same ids.

Of several requests that name the same document, the one that came last decides, whichever is worked on last.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from application.forget_documents import unindex
from application.indexed_passages import indexed_passages
from application.ports import Clock, DocumentOutcome, IdSource, Ingestion, Outcome, StagedDocument, UnitOfWorkFactory
from application.prepare_documents import Preparation, PreparedDocument, Preparer
from domain.library.model import Document
from domain.library.versions import version_of
from domain.retrieval.model import IndexedPassage, Purpose, Vector
from domain.retrieval.ports import Embedder, PassageWriter

LEFT: Final = "a later request has changed or removed it; it was left as it is"


@dataclass(frozen=True, slots=True)
class IngestDocuments:
    """Take one batch of staged documents of an ingestion to their outcomes; a document that fails fails alone."""

    unit_of_work: UnitOfWorkFactory
    preparer: Preparer
    embedder: Embedder
    passage_writer: PassageWriter
    clock: Clock
    ids: IdSource
    keep_vectors: bool = True

    async def execute(self, ingestion: Ingestion, batch: Sequence[StagedDocument]) -> None:
        """Raises a PortError with nothing of the batch recorded: it can be run again."""
        documents, later, language = await self._register(ingestion, batch)
        if language is None:
            await self._record_deleted(ingestion, batch)
            return
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
                changed.append(Preparation(staged, before, version, ingestion.base_url, language, at))
        prepared: list[PreparedDocument] = []
        for one in await self.preparer.prepare(changed) if changed else ():
            if isinstance(one, PreparedDocument):
                since = documents[one.activation.document.uri].updated_at
                of_request = replace(one.activation, requested_at=ingestion.created_at, prepared_from=since)
                prepared.append(replace(one, activation=of_request))
            else:
                outcomes[one.ordinal] = one.outcome
        await self._index_and_switch(ingestion, prepared, outcomes)

    async def _register(
        self, ingestion: Ingestion, batch: Sequence[StagedDocument]
    ) -> tuple[Mapping[str, Document], Set[str], str | None]:
        """
        The documents, the uris that a later request has spoken of, and the language that they are in.

        No language: the collection was deleted meanwhile.
        """
        uris = [staged.source.uri for staged in batch]
        async with self.unit_of_work() as uow:
            at = self.clock.now()
            ids = [self.ids.new() for _ in uris]
            later = await uow.documents.register(
                ingestion.collection, uris, ids=ids, at=at, requested_at=ingestion.created_at
            )
            documents = await uow.documents.by_uri(ingestion.collection, uris)
            languages = {one.name: one.language for one in await uow.collections.all()}
            await uow.commit()
        return documents, later, languages.get(ingestion.collection)

    async def _record_deleted(self, ingestion: Ingestion, batch: Sequence[StagedDocument]) -> None:
        why = "the collection was deleted before the document was in"
        outcomes = {one.ordinal: DocumentOutcome(one.source.uri, Outcome.FAILED, why) for one in batch}
        async with self.unit_of_work() as uow:
            await uow.ingestions.record(ingestion.id, outcomes)
            await uow.commit()

    async def _index_and_switch(
        self, ingestion: Ingestion, prepared: Sequence[PreparedDocument], outcomes: dict[int, DocumentOutcome]
    ) -> None:
        vectors, bought = await self._vectors(prepared)
        wanted = await self._wanted(prepared)
        await self.passage_writer.put(_points([one for one in prepared if _id(one) in wanted], vectors))
        async with self.unit_of_work() as uow:
            if self.keep_vectors and bought:
                await uow.embeddings.put(self.embedder.name, bought)
            switched = await uow.documents.activate([one.activation for one in prepared])
            # Whoever switched these meanwhile may have taken some of their passages out again. Nobody can any more.
            await self.passage_writer.put(_points([one for one in prepared if _id(one) in switched.overtaken], vectors))
            for one in prepared:
                outcomes[one.ordinal] = _left(_uri(one)) if _id(one) in switched.left else _in(one)
            await uow.ingestions.record(ingestion.id, outcomes)
            await uow.commit()
        await unindex(switched.stale, self.unit_of_work, self.passage_writer)

    async def _wanted(self, prepared: Sequence[PreparedDocument]) -> Set[UUID]:
        if not prepared:
            return frozenset()
        async with self.unit_of_work() as uow:
            wanted = await uow.documents.wanted([one.activation for one in prepared])
            await uow.commit()
        return wanted

    async def _vectors(
        self, prepared: Sequence[PreparedDocument]
    ) -> tuple[Mapping[bytes, Vector], Mapping[bytes, Vector]]:
        """Every vector that is needed, by input hash, and of these the newly made ones."""
        inputs = {digest: text for one in prepared for digest, text in zip(one.hashes, one.inputs, strict=True)}
        if not inputs:
            return {}, {}
        kept: Mapping[bytes, Vector] = {}
        if self.keep_vectors:
            async with self.unit_of_work() as uow:
                kept = await uow.embeddings.get(self.embedder.name, list(inputs))
        missing = [digest for digest in inputs if digest not in kept]
        made = await self.embedder.embed([inputs[digest] for digest in missing], purpose=Purpose.PASSAGE)
        bought = dict(zip(missing, made, strict=True))
        if not self.keep_vectors:
            return bought, bought
        # Rounded now as they will be when they are read back, so that an index made again is the same one.
        async with self.unit_of_work() as uow:
            return {**kept, **uow.embeddings.as_kept(bought)}, bought


def _points(prepared: Sequence[PreparedDocument], vectors: Mapping[bytes, Vector]) -> list[IndexedPassage]:
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
