"""Collections and their documents, in memory."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from adapters.memory.generations import active_generation, holds
from adapters.memory.paging import page_after
from adapters.memory.store import InMemoryStore, Transaction
from domain.access.readable import ReadableCollections
from domain.errors import CollectionNotFound, DocumentNotFound, DocumentVersionGone, DocumentVersionNotFound
from domain.library.chunking import CHUNK_CHARS
from domain.library.generations import IndexPlace, LiveGeneration, StalePassage
from domain.library.model import UNTOLD, Collection, Document, DocumentVersion, Page, PassageInDocument, SpanOfVersion
from domain.library.ports import Activation, Collections, Documents, EmbeddingStore, Switched
from domain.retrieval.model import Vector


class InMemoryCollections(Collections):
    def __init__(self, store: InMemoryStore, transaction: Transaction) -> None:
        self._store = store
        self._transaction = transaction

    async def add(self, collection: Collection) -> bool:
        if collection.name in self._store.collections:
            return False
        self._transaction.put(self._store.collections, collection.name, collection)
        return True

    async def all(self) -> Sequence[Collection]:
        return [self._indexed(self._store.collections[name]) for name in sorted(self._store.collections)]

    async def presumed(self) -> tuple[Sequence[Collection], str | None]:
        return await self.all(), None

    def _indexed(self, collection: Collection) -> Collection:
        return replace(collection, generation=active_generation(self._store, collection.name))

    async def list(self, *, limit: int, cursor: str | None) -> Page[Collection]:
        newest = sorted(await self.all(), key=lambda one: (one.created_at, one.name), reverse=True)
        return page_after(newest, key=lambda one: one.name, limit=limit, cursor=cursor)

    async def get(self, name: str) -> Collection:
        if name not in self._store.collections:
            raise CollectionNotFound(name)
        return self._indexed(self._store.collections[name])

    async def hold(self, name: str) -> Collection:
        return await self.get(name)

    async def change(self, collection: Collection) -> None:
        self._transaction.put(self._store.collections, collection.name, collection)

    async def remove(self, name: str) -> None:
        self._transaction.drop(self._store.collections, name)
        for key in [key for key in self._store.generations if key[0] == name]:
            self._transaction.drop(self._store.generations, key)


class InMemoryDocuments(Documents):
    def __init__(self, store: InMemoryStore, transaction: Transaction) -> None:
        self._store = store
        self._transaction = transaction

    async def register(
        self,
        collection: str,
        uris: Sequence[str],
        *,
        ids: Sequence[UUID],
        at: datetime,
        requested_at: datetime | None = None,
    ) -> Set[str]:
        if collection not in self._store.collections:
            return frozenset()
        known, later = self._by_uri(collection), set[str]()
        for uri, new_id in zip(uris, ids, strict=True):
            if uri not in known:
                gone = self._store.forgotten_at.get((collection, uri))
                if gone is not None and requested_at is not None and gone > requested_at:
                    later.add(uri)
                    continue
                known[uri] = Document(new_id, collection, uri, uri, None, None, {}, None, at, at)
                self._transaction.put(self._store.documents, new_id, known[uri])
            if self._is_later(known[uri].id, requested_at):
                later.add(uri)
            elif requested_at is not None:
                self._transaction.put(self._store.requested_at, known[uri].id, requested_at)
        return later

    def _is_later(self, document_id: UUID, requested_at: datetime | None) -> bool:
        last = self._store.requested_at.get(document_id)
        return last is not None and requested_at is not None and last > requested_at

    async def by_uri(self, collection: str, uris: Sequence[str]) -> Mapping[str, Document]:
        known = self._by_uri(collection)
        return {uri: known[uri] for uri in uris if uri in known}

    def _by_uri(self, collection: str) -> dict[str, Document]:
        return {
            document.uri: document for document in self._store.documents.values() if document.collection == collection
        }

    async def wanted(self, activations: Sequence[Activation], *, place: IndexPlace | None = None) -> Set[UUID]:
        wanted = [one for one in activations if self._may_switch(one)]
        await self.discard_stale(StalePassage(passage.id, place) for one in wanted for passage in one.version.passages)
        return {one.document.id for one in wanted}

    def _may_switch(self, activation: Activation) -> bool:
        document_id = activation.document.id
        return document_id in self._store.documents and not self._is_later(document_id, activation.requested_at)

    async def activate(self, activations: Sequence[Activation], *, place: IndexPlace | None = None) -> Switched:
        stale: list[StalePassage] = []
        left, overtaken = set[UUID](), set[UUID]()
        for activation in activations:
            document, version = activation.document, activation.version
            before = self._active_passages(document.id, activation.chunk_chars)
            if not self._may_switch(activation):
                # What the index was given for it must leave again, but for what is active in spite of it.
                left.add(document.id)
                stale += [StalePassage(one.id, place) for one in version.passages if one.id not in before]
                continue
            if activation.prepared_from not in (None, self._store.documents[document.id].updated_at):
                overtaken.add(document.id)
            self._transaction.put(self._store.documents, document.id, document)
            if (document.id, version.version) not in self._store.versions:
                self._transaction.put(self._store.versions, (document.id, version.version), version)
            cut = (document.id, version.version, activation.chunk_chars)
            if cut not in self._store.cuts:
                self._transaction.put(self._store.cuts, cut, version.passages)
                self._transaction.put(self._store.inputs, cut, activation.input_hashes)
            for noted in [noted for noted in self._store.noted if noted[0] == document.id]:
                self._transaction.drop(self._store.noted, noted)
            now = {passage.id for passage in version.passages}
            stale += [StalePassage(passage_id, place) for passage_id in before if passage_id not in now]
            for passage_id in now:
                self._transaction.drop(self._store.stale, StalePassage(passage_id, place))
        self._mark_stale(stale)
        return Switched(stale, left, overtaken)

    def _active_passages(self, document_id: UUID, chunk_chars: int) -> list[UUID]:
        document = self._store.documents.get(document_id)
        if document is None or document.version is None:
            return []
        return [passage.id for passage in self._store.cuts.get((document_id, document.version, chunk_chars), ())]

    def _indexed_passages(self, document: Document) -> list[StalePassage]:
        """Where each passage is: in every generation of its collection."""
        of = [one for one in self._store.generations.values() if one.collection == document.collection]
        where: set[tuple[int, IndexPlace | None]] = {(one.generation.chunk_chars, one.place) for one in of}
        return [
            StalePassage(passage_id, place)
            for chunk_chars, place in where or {(CHUNK_CHARS, None)}
            for passage_id in self._active_passages(document.id, chunk_chars)
        ]

    def _mark_stale(self, stale: Iterable[StalePassage]) -> None:
        for one in stale:
            self._transaction.put(self._store.stale, one, None)

    async def stale(self) -> Sequence[StalePassage]:
        return list(self._store.stale)

    async def take_stale(self, passages: Sequence[StalePassage]) -> Sequence[StalePassage]:
        return [one for one in passages if one in self._store.stale]

    async def discard_stale(self, passages: Iterable[StalePassage]) -> None:
        for one in passages:
            self._transaction.drop(self._store.stale, one)

    async def get(self, document_id: UUID, readable: ReadableCollections) -> Document:
        document = self._store.documents.get(document_id)
        if document is None or document.version is None or document.collection not in readable:
            raise DocumentNotFound(document_id)
        return document

    async def list(
        self, readable: ReadableCollections, *, collection: str | None, uri: str | None, limit: int, cursor: str | None
    ) -> Page[Document]:
        found = [
            document
            for document in self._store.documents.values()
            if document.version is not None
            and document.collection in readable
            and collection in (None, document.collection)
            and uri in (None, document.uri)
        ]
        found.sort(key=lambda document: (document.created_at, document.id), reverse=True)
        return page_after(found, key=lambda document: str(document.id), limit=limit, cursor=cursor)

    async def text(self, document_id: UUID, version: str, readable: ReadableCollections) -> str:
        if self._store.forgotten.get(document_id) in readable:
            raise DocumentVersionGone(document_id)
        await self.get(document_id, readable)
        if (document_id, version) not in self._store.versions:
            raise DocumentVersionNotFound(version)
        return self._store.versions[document_id, version].text

    async def passages(
        self,
        passage_ids: Sequence[UUID],
        readable: ReadableCollections,
        *,
        cuts: Mapping[str, int] | None = None,
        state: str = UNTOLD,
    ) -> Mapping[UUID, PassageInDocument]:
        wanted = set(passage_ids)
        found: dict[UUID, PassageInDocument] = {}
        for document in self._store.documents.values():
            if document.version is None or document.collection not in readable:
                continue
            version = self._store.versions[document.id, document.version]
            cut = (cuts or {}).get(document.collection, CHUNK_CHARS)
            for passage in self._store.cuts.get((document.id, document.version, cut), ()):
                if passage.id in wanted:
                    found[passage.id] = PassageInDocument(passage, version.sections[passage.section], document)
        return found

    async def pieces(
        self, spans: Sequence[SpanOfVersion], readable: ReadableCollections
    ) -> Mapping[SpanOfVersion, str]:
        found = {}
        for span in spans:
            document = self._store.documents.get(span.document_id)
            version = self._store.versions.get((span.document_id, span.version))
            if document is not None and document.collection in readable and version is not None:
                found[span] = version.text[span.start : span.end]
        return found

    async def active(
        self, after: UUID | None, *, limit: int, of: LiveGeneration | None = None
    ) -> Sequence[tuple[Document, DocumentVersion]]:
        chunk_chars = CHUNK_CHARS if of is None else of.generation.chunk_chars
        found = [
            one
            for one in self._store.documents.values()
            if one.version is not None
            and (after is None or one.id > after)
            and (of is None or holds(self._store, of, one))
        ]
        found.sort(key=lambda one: one.id)
        return await self.read([one.id for one in found[:limit]], chunk_chars=chunk_chars)

    async def read(
        self, document_ids: Sequence[UUID], *, chunk_chars: int
    ) -> Sequence[tuple[Document, DocumentVersion]]:
        found: list[tuple[Document, DocumentVersion]] = []
        for document_id in sorted(document_ids):
            document = self._store.documents.get(document_id)
            if document is not None and document.version is not None:
                cut = tuple(self._store.cuts.get((document_id, document.version, chunk_chars), ()))
                whole = replace(self._store.versions[document_id, document.version], passages=cut)
                found.append((document, whole))
        return found

    async def uris(self, collection: str, *, requested_until: datetime | None = None) -> Sequence[str]:
        return sorted(
            uri
            for uri, document in self._by_uri(collection).items()
            if document.version is not None and not self._is_later(document.id, requested_until)
        )

    async def counts(self, collections: Sequence[str]) -> Mapping[str, int]:
        active = Counter(one.collection for one in self._store.documents.values() if one.version is not None)
        return {name: active[name] for name in collections if active[name]}

    async def any_in(self, collection: str) -> bool:
        return bool(self._by_uri(collection))

    async def inputs_in(self, collections: Set[str], input_hashes: Sequence[bytes]) -> Set[bytes]:
        there = {one.id for one in self._store.documents.values() if one.collection in collections}
        cuts = [cut for cut in self._store.cuts if cut[0] in there]
        return {digest for cut in cuts for digest in self._store.inputs[cut]} & set(input_hashes)

    async def remove_all(self, collection: str) -> Sequence[StalePassage]:
        removed: list[StalePassage] = []
        for document in self._by_uri(collection).values():
            removed += self._indexed_passages(document)
            self._drop_versions(document.id)
            self._transaction.drop(self._store.documents, document.id)
        for document_id in [one for one, name in self._store.forgotten.items() if name == collection]:
            self._transaction.drop(self._store.forgotten, document_id)
        for name in [name for name in self._store.forgotten_at if name[0] == collection]:
            self._transaction.drop(self._store.forgotten_at, name)
        self._mark_stale(removed)
        return removed

    def _drop_versions(self, document_id: UUID) -> None:
        for key in [key for key in self._store.versions if key[0] == document_id]:
            self._transaction.drop(self._store.versions, key)
        for cut in [cut for cut in self._store.cuts if cut[0] == document_id]:
            self._transaction.drop(self._store.cuts, cut)

    async def forget(self, document_id: UUID, *, at: datetime) -> Sequence[StalePassage]:
        document = self._store.documents.get(document_id)
        if document is None:
            raise DocumentNotFound(document_id)
        removed = self._indexed_passages(document)
        self._mark_stale(removed)
        self._drop_versions(document_id)
        self._transaction.drop(self._store.documents, document_id)
        self._transaction.put(self._store.forgotten, document_id, document.collection)
        self._transaction.put(self._store.forgotten_at, (document.collection, document.uri), at)
        return removed


class InMemoryEmbeddingStore(EmbeddingStore):
    def __init__(self, store: InMemoryStore, transaction: Transaction) -> None:
        self._store = store
        self._transaction = transaction

    async def get(self, embedder: str, input_hashes: Sequence[bytes]) -> Mapping[bytes, Vector]:
        kept = self._store.embeddings
        return {digest: kept[embedder, digest] for digest in input_hashes if (embedder, digest) in kept}

    async def put(self, embedder: str, vectors: Mapping[bytes, Vector]) -> None:
        for digest, vector in vectors.items():
            if (embedder, digest) not in self._store.embeddings:
                self._transaction.put(self._store.embeddings, (embedder, digest), tuple(vector))

    def as_kept(self, vectors: Mapping[bytes, Vector]) -> Mapping[bytes, Vector]:
        return vectors
