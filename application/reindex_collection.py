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
        chosen = None if embedder is None else self._named(embedder)
        if chunk_chars is not None:
            checked_chunk_chars(chunk_chars)
        async with self.unit_of_work() as uow:
            await uow.collections.hold(name)
            at = self.clock.now()
            live = await _idle(uow, name)
            now = await uow.generations.adopt(name, self.embedders.place, CHUNK_CHARS, at=at)
            by = chosen or self._as_now(now)
            cut = chunk_chars or (CHUNK_CHARS if now is None else now.chunk_chars)
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
            self._named(before.place.embedder)
            ingestion = self._work(principal, name, IngestionKind.ROLLBACK)
            await uow.generations.give(name, before.generation.number, ingestion.id)
            await _store(uow, ingestion, await uow.generations.lacking(before, limit=_ALL))
            await uow.commit()
        self.queue.wake()
        return ingestion

    def _named(self, name: str) -> Embedder:
        found = self.embedders.named(name)
        if found is None:
            known = ", ".join(self.embedders.names)
            raise OutOfRange("embedder", f"must be one that the settings make available: {known}")
        return found

    def _as_now(self, now: Generation | None) -> Embedder:
        return (now and self.embedders.named(now.place.embedder)) or self.embedders.default

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
