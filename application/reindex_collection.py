"""Index a collection in another way, or as it was before: what is asked for is stored here, and built by the worker."""

from collections.abc import Sequence
from dataclasses import dataclass

from application.embedders import Embedders, place_of
from application.ports import (
    Clock,
    DocumentOutcome,
    IdSource,
    Ingestion,
    IngestionKind,
    IngestionStatus,
    Outcome,
    UnitOfWork,
    UnitOfWorkFactory,
    WorkQueue,
)
from application.work_ingestions import jobs_of
from domain.access.model import Principal
from domain.access.readable import require_to_administer
from domain.errors import IngestionNotFound, NothingToRollBack, OutOfRange, ReindexRunning
from domain.library.chunking import CHUNK_CHARS
from domain.library.generations import (
    Generation,
    GenerationState,
    IndexPlace,
    LiveGeneration,
    checked_chunk_chars,
)
from domain.retrieval.ports import Embedder


def available(embedders: Embedders, name: str) -> Embedder:
    """Raises OutOfRange."""
    found = embedders.named(name)
    if found is None:
        known = ", ".join(embedders.names)
        raise OutOfRange("embedder", f"must be one that the settings make available: {known}")
    return found


@dataclass(frozen=True, slots=True)
class Way:
    """How somebody wants a collection to be indexed; what is None stays as it is."""

    embedders: Embedders
    embedder: Embedder | None
    chunk_chars: int | None

    @staticmethod
    def checked(embedders: Embedders, embedder: str | None, chunk_chars: int | None) -> "Way":
        """Raises OutOfRange."""
        chosen = None if embedder is None else available(embedders, embedder)
        return Way(embedders, chosen, None if chunk_chars is None else checked_chunk_chars(chunk_chars))

    def beside(self, now: Generation | None) -> tuple[Embedder, int]:
        """By which embedder, and how long the passages are cut, where it is ``now`` indexed like this."""
        as_now = (now and self.embedders.named(now.place.embedder)) or self.embedders.default
        cut = self.chunk_chars or (CHUNK_CHARS if now is None else now.chunk_chars)
        return self.embedder or as_now, cut


@dataclass(frozen=True, slots=True)
class ReindexCollection:
    """
    Build a second index of a collection beside the first, and switch to it when it is whole.

    What is not said stays as it is; an embedder that is not there any more gives way to the one that the settings name.
    Raises ScopeMissing, CollectionNotFound, OutOfRange, ReindexRunning or a PortError.
    """

    unit_of_work: UnitOfWorkFactory
    queue: WorkQueue
    embedders: Embedders
    clock: Clock
    ids: IdSource

    async def execute(
        self, principal: Principal, name: str, *, embedder: str | None = None, chunk_chars: int | None = None
    ) -> Ingestion:
        """The work, as an ingestion whose documents are those of the collection."""
        require_to_administer(principal, name)
        way = Way.checked(self.embedders, embedder, chunk_chars)
        async with self.unit_of_work() as uow:
            await uow.collections.hold(name)
            at = self.clock.now()
            live = await _idle(uow, name)
            now = await uow.generations.adopt(name, self.embedders.place, CHUNK_CHARS, at=at)
            by, cut = way.beside(now)
            ingestion = self._work(principal, name, IngestionKind.REINDEX)
            place = _beside(by, live, now)
            await uow.generations.begin(name, place, cut, job=ingestion.id, at=at)
            await _store(uow, ingestion, await uow.documents.uris(name))
            await uow.commit()
        self.queue.wake()
        return ingestion

    async def roll_back(self, principal: Principal, name: str) -> Ingestion:
        """
        Switch back to the generation before, when it holds what has changed since.

        Raises NothingToRollBack as well.
        """
        require_to_administer(principal, name)
        async with self.unit_of_work() as uow:
            await uow.collections.hold(name)
            kept = [one for one in await _idle(uow, name) if one.state is GenerationState.KEPT]
            if not kept:
                raise NothingToRollBack(name)
            before = max(kept, key=lambda one: (one.since, one.generation.number))
            available(self.embedders, before.place.embedder)
            ingestion = self._work(principal, name, IngestionKind.ROLLBACK)
            await uow.generations.give(name, before.generation.number, ingestion.id)
            await _store(uow, ingestion, await uow.generations.lacking(before, limit=_ALL))
            await uow.commit()
        self.queue.wake()
        return ingestion

    def _work(self, principal: Principal, name: str, kind: IngestionKind) -> Ingestion:
        at = self.clock.now()
        return Ingestion(self.ids.new(), principal.owner, name, None, False, IngestionStatus.QUEUED, at, kind=kind)


_ALL = 10_000_000


async def _idle(uow: UnitOfWork, name: str) -> Sequence[LiveGeneration]:
    """The collection's generations, but for what a cancelled reindex left. Raises ReindexRunning."""
    live = await uow.generations.live(name)
    for one in live:
        if one.job is None:
            continue
        try:
            ended = (await uow.ingestions.get(one.job, None)).status.is_final
        except IngestionNotFound:
            ended = True
        if not ended:
            raise ReindexRunning(name)
    return live


def _beside(embedder: Embedder, live: Sequence[LiveGeneration], now: Generation | None) -> IndexPlace:
    """The first index of the embedder that holds nothing of the collection."""
    taken = {one.place for one in live} | ({now.place} if now is not None else set())
    slot = 0
    while place_of(embedder, slot) in taken:
        slot += 1
    return place_of(embedder, slot)


async def _store(uow: UnitOfWork, ingestion: Ingestion, uris: Sequence[str]) -> None:
    await uow.ingestions.add(ingestion, [DocumentOutcome(uri, Outcome.PENDING) for uri in uris])
    await uow.jobs.add(jobs_of(ingestion, range(len(uris))))
