"""
Ingest documents: parse, cut, embed, index, switch. The order is what makes it safe to be killed anywhere.

The new passages go into the index first, then one transaction stores the version and makes it the active one, then
the passages that it lacks leave the index. Whoever reads in between sees the old version or the new one, whole,
because hits are read back from the database; whoever was killed in between does it again with the same ids.
"""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from application.forget_documents import unindex
from application.ports import Clock, DocumentOutcome, IdSource, Ingestion, Outcome, StagedDocument, UnitOfWorkFactory
from domain.errors import DocumentUnreadable
from domain.library.chunking import in_context, passage_input
from domain.library.model import Document, DocumentVersion, Passage
from domain.library.ports import Activation, DocumentParser
from domain.library.versions import described, filter_values, make_version, version_of
from domain.retrieval.model import IndexedPassage, Purpose, SparseVector, Vector
from domain.retrieval.ports import Embedder, PassageWriter, SparseEncoder


@dataclass(frozen=True, slots=True)
class _Prepared:
    """One document ready to be indexed; ``inputs`` are what is embedded, one per passage."""

    ordinal: int
    outcome: Outcome
    activation: Activation
    inputs: tuple[str, ...]
    hashes: tuple[bytes, ...]
    sparse: Sequence[SparseVector]


@dataclass(frozen=True, slots=True)
class IngestDocuments:
    """Take one batch of staged documents of an ingestion to their outcomes; a document that fails fails alone."""

    unit_of_work: UnitOfWorkFactory
    parser: DocumentParser
    embedder: Embedder
    sparse_encoder: SparseEncoder
    passage_writer: PassageWriter
    clock: Clock
    ids: IdSource
    keep_vectors: bool = True

    async def execute(self, ingestion: Ingestion, batch: Sequence[StagedDocument]) -> None:
        """Raises a PortError with nothing of the batch recorded: it can be run again."""
        documents, language = await self._register(ingestion, batch)
        outcomes: dict[int, DocumentOutcome] = {}
        changed: list[tuple[StagedDocument, str]] = []
        for staged in batch:
            version = version_of(staged.source, ingestion.base_url)
            if documents[staged.source.uri].version == version:
                outcomes[staged.ordinal] = DocumentOutcome(staged.source.uri, Outcome.UNCHANGED)
            else:
                changed.append((staged, version))
        prepared: list[_Prepared] = []
        for staged, version in changed:
            ready = await asyncio.to_thread(self._prepare, staged, version, documents, ingestion.base_url, language)
            if isinstance(ready, _Prepared):
                prepared.append(ready)
            else:
                outcomes[staged.ordinal] = ready
        await self._index_and_switch(ingestion, prepared, outcomes)

    async def _register(
        self, ingestion: Ingestion, batch: Sequence[StagedDocument]
    ) -> tuple[Mapping[str, Document], str]:
        uris = [staged.source.uri for staged in batch]
        async with self.unit_of_work() as uow:
            at = self.clock.now()
            await uow.documents.register(ingestion.collection, uris, ids=[self.ids.new() for _ in uris], at=at)
            documents = await uow.documents.by_uri(ingestion.collection, uris)
            languages = {one.name: one.language for one in await uow.collections.all()}
            await uow.commit()
        return documents, languages.get(ingestion.collection, "en")

    def _prepare(
        self,
        staged: StagedDocument,
        version: str,
        documents: Mapping[str, Document],
        base_url: str | None,
        language: str,
    ) -> "_Prepared | DocumentOutcome":
        source = staged.source
        try:
            parsed = self.parser.parse(source)
            if not parsed.text.strip():
                raise DocumentUnreadable(source.uri, "there is no text in it")
        except DocumentUnreadable as error:
            return DocumentOutcome(source.uri, Outcome.FAILED, error.reason)
        before = documents[source.uri]
        made = make_version(before.id, version, parsed)
        document = replace(described(before, source, parsed, base_url), version=version, updated_at=self.clock.now())
        inputs = tuple(_input(document.title, made, passage) for passage in made.passages)
        return _Prepared(
            ordinal=staged.ordinal,
            outcome=Outcome.ADDED if before.version is None else Outcome.UPDATED,
            activation=Activation(document, made),
            inputs=inputs,
            hashes=tuple(hashlib.sha256(text.encode()).digest() for text in inputs),
            sparse=self.sparse_encoder.encode_passages(inputs, language=language),
        )

    async def _index_and_switch(
        self, ingestion: Ingestion, prepared: Sequence[_Prepared], outcomes: dict[int, DocumentOutcome]
    ) -> None:
        vectors, bought = await self._vectors(prepared)
        await self.passage_writer.put([point for one in prepared for point in _points(one, vectors)])
        for one in prepared:
            outcomes[one.ordinal] = DocumentOutcome(one.activation.document.uri, one.outcome)
        async with self.unit_of_work() as uow:
            if self.keep_vectors and bought:
                await uow.embeddings.put(self.embedder.name, bought)
            stale = await uow.documents.activate([one.activation for one in prepared]) if prepared else ()
            await uow.ingestions.record(ingestion.id, outcomes)
            await uow.commit()
        await unindex(stale, self.unit_of_work, self.passage_writer)

    async def _vectors(self, prepared: Sequence[_Prepared]) -> tuple[Mapping[bytes, Vector], Mapping[bytes, Vector]]:
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
        return {**kept, **bought}, bought


def _input(title: str, version: DocumentVersion, passage: Passage) -> str:
    section = version.sections[passage.section]
    context = in_context(version.text, section, passage.start, passage.end)
    return passage_input(title, section.heading_path, context)


def _points(one: _Prepared, vectors: Mapping[bytes, Vector]) -> list[IndexedPassage]:
    document, version = one.activation.document, one.activation.version
    metadata = filter_values(document.metadata)
    return [
        IndexedPassage(
            id=passage.id,
            document_id=document.id,
            collection=document.collection,
            uri=document.uri,
            peer_reviewed=document.peer_reviewed,
            metadata=metadata,
            dense=vectors[digest],
            sparse=sparse,
        )
        for passage, digest, sparse in zip(version.passages, one.hashes, one.sparse, strict=True)
    ]
