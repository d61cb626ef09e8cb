"""Generations of collections, and the indexes that they are in, in memory."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from adapters.memory.passage_index import InMemoryPassageIndex
from adapters.memory.store import InMemoryStore, Transaction
from domain.errors import CollectionNotFound
from domain.library.generations import Generation, GenerationState, IndexPlace, LiveGeneration
from domain.library.model import Document, Passage
from domain.library.ports import CutVersion, Generations
from domain.retrieval.ports import Embedder, IndexGenerations, PassageIndex


class InMemoryGenerations(Generations):
    def __init__(self, store: InMemoryStore, transaction: Transaction) -> None:
        self._store = store
        self._transaction = transaction

    async def live(self, collection: str | None = None) -> Sequence[LiveGeneration]:
        found = [one for one in self._store.generations.values() if collection in (None, one.collection)]
        return sorted(found, key=lambda one: (one.collection, one.generation.number))

    async def adopt(self, collection: str, place: IndexPlace, chunk_chars: int, *, at: datetime) -> Generation | None:
        if collection not in self._store.collections:
            return None
        if active_generation(self._store, collection) is None:
            self._put(collection, self._next(collection), place, chunk_chars, GenerationState.ACTIVE, None, at)
        return active_generation(self._store, collection)

    def _next(self, collection: str) -> int:
        return 1 + max((number for name, number in self._store.generations if name == collection), default=0)

    def _put(
        self,
        collection: str,
        number: int,
        place: IndexPlace,
        chunk_chars: int,
        state: GenerationState,
        job: UUID | None,
        at: datetime,
    ) -> None:
        one = LiveGeneration(collection, Generation(number, place, chunk_chars), state, at, job)
        self._transaction.put(self._store.generations, (collection, number), one)

    async def unknown(self) -> Mapping[str, Sequence[IndexPlace]]:
        known = {name for name, _ in self._store.generations}
        having = {one.collection for one in self._store.documents.values() if one.version is not None}
        # What was embedded is not noted here: which embedder it was cannot be told.
        return dict.fromkeys(sorted(having - known), ())

    async def hold_active(self, collection: str) -> Generation | None:
        return active_generation(self._store, collection)

    async def begin(self, collection: str, place: IndexPlace, chunk_chars: int, *, job: UUID, at: datetime) -> int:
        if collection not in self._store.collections:
            raise CollectionNotFound(collection)
        number = self._next(collection)
        self._put(collection, number, place, chunk_chars, GenerationState.BUILDING, job, at)
        return number

    async def give(self, collection: str, number: int, job: UUID) -> None:
        one = self._store.generations[collection, number]
        self._transaction.put(self._store.generations, (collection, number), replace(one, job=job))

    async def note(self, of: LiveGeneration, cut: Sequence[CutVersion]) -> None:
        for one in cut:
            version = one.version
            document = self._store.documents.get(version.document_id)
            if document is None or document.version != version.version:
                continue
            key = (version.document_id, version.version, of.generation.chunk_chars)
            if key not in self._store.cuts:
                self._transaction.put(self._store.cuts, key, version.passages)
                self._transaction.put(self._store.inputs, key, one.input_hashes)
            noted = (version.document_id, of.generation.number)
            self._transaction.put(self._store.noted, noted, version.version)

    async def lacking(self, of: LiveGeneration, *, limit: int) -> Sequence[str]:
        known = self._store.generations.get((of.collection, of.generation.number), of)
        lacking = [one for one in _active_in(self._store, of.collection) if not holds(self._store, known, one)]
        return [one.uri for one in sorted(lacking, key=lambda one: one.id)][:limit]

    async def held(self, place: IndexPlace, passage_ids: Sequence[UUID]) -> Sequence[UUID]:
        held = {passage.id for of in await self.live() if of.place == place for passage in self._passages(of)}
        return [passage_id for passage_id in passage_ids if passage_id in held]

    async def passage_counts(self) -> Mapping[IndexPlace, int]:
        counts = Counter[IndexPlace]()
        for of in await self.live():
            counts[of.place] += sum(1 for _ in self._passages(of))
        return dict(counts)

    def _passages(self, of: LiveGeneration) -> Iterator[Passage]:
        for document in _active_in(self._store, of.collection):
            if holds(self._store, of, document):
                yield from self._store.cuts.get((document.id, document.version or "", of.generation.chunk_chars), ())

    async def switch(self, collection: str, number: int, *, at: datetime) -> None:
        for of in await self.live(collection):
            if of.state is GenerationState.ACTIVE:
                for document in _active_in(self._store, collection):
                    key = (document.id, of.generation.number)
                    self._transaction.put(self._store.noted, key, document.version or "")
                self._change(replace(of, state=GenerationState.KEPT, since=at, job=None))
        target = self._store.generations[collection, number]
        self._change(replace(target, state=GenerationState.ACTIVE, since=at, job=None))
        self._forget_notes(collection, number)

    def _change(self, of: LiveGeneration) -> None:
        self._transaction.put(self._store.generations, (of.collection, of.generation.number), of)

    def _forget_notes(self, collection: str, number: int) -> None:
        for document_id, noted in list(self._store.noted):
            document = self._store.documents.get(document_id)
            if noted == number and (document is None or document.collection == collection):
                self._transaction.drop(self._store.noted, (document_id, noted))

    async def drop(self, collection: str, number: int) -> None:
        of = self._store.generations.get((collection, number))
        if of is None or of.state is GenerationState.ACTIVE:
            return
        self._transaction.drop(self._store.generations, (collection, number))
        self._forget_notes(collection, number)
        used = {one.generation.chunk_chars for one in await self.live(collection)}
        for document in _active_in(self._store, collection):
            for key in [key for key in self._store.cuts if key[0] == document.id and key[2] not in used]:
                self._transaction.drop(self._store.cuts, key)


def active_generation(store: InMemoryStore, collection: str) -> Generation | None:
    for one in store.generations.values():
        if one.collection == collection and one.state is GenerationState.ACTIVE:
            return one.generation
    return None


def holds(store: InMemoryStore, of: LiveGeneration, document: Document) -> bool:
    if document.collection != of.collection or document.version is None:
        return False
    noted = store.noted.get((document.id, of.generation.number))
    return of.state is GenerationState.ACTIVE or noted == document.version


def _active_in(store: InMemoryStore, collection: str) -> list[Document]:
    return [one for one in store.documents.values() if one.collection == collection and one.version is not None]


class InMemoryIndexGenerations(IndexGenerations):
    """``first`` is the index of ``embedder`` in its first place."""

    def __init__(self, first: PassageIndex, embedder: Embedder) -> None:
        self._first = IndexPlace(embedder.name, embedder.dimensions)
        self._indexes: dict[IndexPlace, PassageIndex] = {self._first: first}

    @property
    def first(self) -> IndexPlace:
        return self._first

    async def at(self, place: IndexPlace) -> PassageIndex:
        return self._indexes.setdefault(place, InMemoryPassageIndex())

    async def keep(self, places: Iterable[IndexPlace]) -> None:
        kept = {self._first, *places}
        self._indexes = {place: index for place, index in self._indexes.items() if place in kept}
