"""The background worker: takes parts of ingestions off the queue and sees each ingestion to its end."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from application.build_generation import BuildGeneration
from application.fetch_pages import FetchedPart, FetchPages
from application.forget_documents import unindex
from application.ingest_documents import IngestDocuments
from application.ingestion_progress import IngestionNews
from application.plan_ingestion import PlanIngestion
from application.ports import (
    PART,
    Clock,
    DocumentOutcome,
    Ingestion,
    IngestionKind,
    IngestionStatus,
    Job,
    Outcome,
    StagedDocument,
    StagedPage,
    TryAgain,
    UnitOfWork,
    UnitOfWorkFactory,
    Work,
    WorkQueue,
)
from application.sweep_retention import SweepRetention
from domain.errors import PortError, PortUnavailable, QuotaSpent
from domain.library.generations import StalePassage
from domain.retrieval.ports import IndexGenerations

RETRY_AFTER_S: Final = (0.5, 2.0, 10.0)
"""Waits before a part is tried again when a port did not answer."""

DRAIN_AGAIN_AFTER_S: Final = (1.0, 5.0, 15.0, 30.0)
"""Waits after a drain that the database broke off; the last one repeats, as work is known to be left."""

SETTLE_EVERY: Final = 64
"""Jobs of a drain after which the index is settled, some 1,000 documents: what is not settled takes memory."""

_log = logging.getLogger("ibid.ingest")


def jobs_of(ingestion: Ingestion, ordinals: Sequence[int]) -> list[Job]:
    """The jobs that these documents take; one even for none, so that somebody sees the ingestion to its end."""
    parts = sorted({ordinal // PART for ordinal in ordinals} or {0})
    return [Job(ingestion.id, part, ingestion.retries) for part in parts]


@dataclass(slots=True)
class WorkIngestions:
    unit_of_work: UnitOfWorkFactory
    ingest_documents: IngestDocuments
    indexes: IndexGenerations
    queue: WorkQueue
    clock: Clock
    news: IngestionNews
    sweep_retention: SweepRetention
    fetch_pages: FetchPages
    build_generation: BuildGeneration
    planning: PlanIngestion | None = None
    retry_after_s: Sequence[float] = field(default=RETRY_AFTER_S)
    settle_every: int = field(default=SETTLE_EVERY)
    _unsettled: bool = field(default=False, init=False)
    _only_process: bool = field(default=False, init=False)
    _turns: Counter[tuple[UUID, int]] = field(default_factory=Counter, init=False)
    """How often a part of a site was put off to go on with later, which was no failure."""
    _taken: int = field(default=0, init=False)
    _draining: bool = field(default=False, init=False)
    _settling: asyncio.Task[None] | None = field(default=None, init=False)
    _serving: bool = field(default=False, init=False)
    _sweeping: asyncio.Task[None] | None = field(default=None, init=False)

    async def resume(self, *, only_process: bool) -> None:
        """
        What a crash left behind: passages to take out of the index, and ingestions to go on with.

        ``only_process``: nobody else can be working on any of them.
        """
        self._only_process = only_process
        await self.build_generation.tidy()
        if only_process:
            await self.build_generation.give_back_room()
        async with self.unit_of_work() as uow:
            stale = await uow.documents.stale()
            unfinished = await uow.ingestions.unfinished()
            for ingestion_id in unfinished:
                ingestion = await uow.ingestions.get(ingestion_id, None)
                await uow.jobs.add(jobs_of(ingestion, await uow.ingestions.pending_ordinals(ingestion_id)))
            await uow.commit()
        if stale:
            await unindex(stale, self.unit_of_work, self.indexes)
        if unfinished:
            await self._reclaim()
            self.queue.wake()

    async def _reclaim(self) -> None:
        lease_s = await self.queue.reclaim(all_lost=self._only_process)
        if lease_s is not None:
            asyncio.get_running_loop().call_later(lease_s, self.queue.wake)

    async def run(self, *, sweeping: bool = True) -> None:
        """
        Drain the queue whenever it is woken, until cancelled; the index builds its search structures meanwhile, and
        now and then during a long drain.

        ``sweeping``: before the first time, too.
        """
        try:
            while True:
                if sweeping:
                    await self.sweep_retention.execute()
                    await self._tidied()
                await self.queue.woken()
                self.ingest_documents.preparer.expect()
                await self._drained()
                sweeping = True
                self._settle_beside()
        finally:
            await _stopped(self._settling)

    async def serve(self) -> None:
        """
        Work on jobs as they come, whoever queued them, until cancelled.

        What is old goes at the start and whenever an ingestion has ended here, at most once an hour.
        """
        await self.sweep_retention.execute()
        self._serving = True
        try:
            await self._persistently(self.queue.serve)
        finally:
            self._serving = False
            await _stopped(self._sweeping)

    async def _drained(self) -> None:
        self._draining = True
        try:
            await self._persistently(self.queue.drain)
        finally:
            self._draining = False

    async def _persistently(self, handed_out: Callable[[Work], Awaitable[None]]) -> None:
        failures, taken = 0, self._taken
        while True:
            try:
                if failures:
                    await self._reclaim()
                await handed_out(self.work)
            except PortError as error:
                if self._taken > taken:
                    failures, taken = 0, self._taken  # it had been well in between
                _log.error("the queue cannot be worked on; it is tried again", exc_info=error)
                await asyncio.sleep(DRAIN_AGAIN_AFTER_S[min(failures, len(DRAIN_AGAIN_AFTER_S) - 1)])
                failures += 1
            else:
                return

    async def work(self, job: Job) -> None:
        """Work on one part. Raises TryAgain when something it needs does not answer; what fails then is recorded."""
        try:
            await self._work(job)
        except TryAgain:
            raise
        except Exception as error:
            _log.error("ingestion stopped", extra={"ingestion_id": str(job.ingestion_id)}, exc_info=error)
            failures = self._failures(job)
            if failures < len(DRAIN_AGAIN_AFTER_S) + len(self.retry_after_s):
                raise TryAgain(DRAIN_AGAIN_AFTER_S[min(failures, len(DRAIN_AGAIN_AFTER_S) - 1)]) from error
            # It stays unfinished and is taken up again at the next start.

    async def _work(self, job: Job) -> None:
        batch: Sequence[StagedDocument | StagedPage] = ()
        async with self.unit_of_work() as uow:
            ingestion = await uow.ingestions.start(job.ingestion_id)
            if ingestion is not None and ingestion.retries == job.round and ingestion.kind is IngestionKind.INGEST:
                batch = await uow.ingestions.pending(job.ingestion_id, job.ordinals)
            await uow.commit()
        if ingestion is None:
            # It was cancelled: an index that was built for it is of no use.
            await self.build_generation.tidy()
            return
        if ingestion.retries != job.round:
            return
        self._taken += 1
        if self._draining and self._taken % self.settle_every == 0:
            self._settle_beside()
        if ingestion.kind is not IngestionKind.INGEST:
            await self._build(ingestion, job)
            return
        documents = [one for one in batch if isinstance(one, StagedDocument)]
        if documents and self.planning is not None:
            await self.planning.before(ingestion)
        fetched = await self._fetch(ingestion, [one for one in batch if isinstance(one, StagedPage)])
        documents += fetched.documents
        if documents:
            await self._ingest(ingestion, documents, job)
            await self.fetch_pages.remember(ingestion, fetched)
        self.news.tell(ingestion.id, ended=await self._end_if_done(ingestion))
        if fetched.again_after_s is not None:
            self._turns[job.ingestion_id, job.part] += 1
            raise TryAgain(fetched.again_after_s)
        self._turns.pop((job.ingestion_id, job.part), None)

    async def _build(self, ingestion: Ingestion, job: Job) -> None:
        ended = False
        try:
            await self.build_generation.work(ingestion, job.ordinals)
            if ended := await self.build_generation.end_if_done(ingestion):
                self._sweep_beside()
        except PortUnavailable as error:
            failures = self._failures(job)
            if failures < len(self.retry_after_s):
                raise TryAgain(error.retry_after_s or self._wait_s(failures)) from error
            raise
        finally:
            self.news.tell(ingestion.id, ended=ended)

    async def _fetch(self, ingestion: Ingestion, pages: Sequence[StagedPage]) -> FetchedPart:
        return await self.fetch_pages.execute(ingestion, pages) if pages else FetchedPart()

    def _failures(self, job: Job) -> int:
        """How often the part was put off for a failure."""
        return max(0, job.attempts - self._turns[job.ingestion_id, job.part])

    def _wait_s(self, failures: int) -> float:
        return self.retry_after_s[min(failures, len(self.retry_after_s) - 1)] if self.retry_after_s else 0.0

    async def _ingest(self, ingestion: Ingestion, batch: Sequence[StagedDocument], job: Job) -> None:
        """One batch; when it will not go in whole, each of its documents alone, and those that fail are recorded."""
        try:
            await self.ingest_documents.execute(ingestion, batch)
        except PortUnavailable as error:
            failures = self._failures(job)
            if failures < len(self.retry_after_s):
                raise TryAgain(error.retry_after_s or self._wait_s(failures)) from error
            await self._one_by_one(ingestion, batch, error)
        except Exception as error:
            await self._one_by_one(ingestion, batch, error)

    async def _one_by_one(self, ingestion: Ingestion, batch: Sequence[StagedDocument], failure: Exception) -> None:
        if len(batch) == 1:
            await self._record_failure(ingestion.id, batch[0], failure)
            return
        for staged in batch:
            try:
                await self.ingest_documents.execute(ingestion, [staged])
            except Exception as error:
                await self._record_failure(ingestion.id, staged, error)

    async def _record_failure(self, ingestion_id: UUID, staged: StagedDocument, failure: Exception) -> None:
        _log.error("a document failed", extra={"uri": staged.source.uri}, exc_info=failure)
        reason = _reason(failure, self.clock.now())
        async with self.unit_of_work() as uow:
            outcome = DocumentOutcome(staged.source.uri, Outcome.FAILED, reason)
            await uow.ingestions.record(ingestion_id, {staged.ordinal: outcome})
            await uow.commit()

    async def _end_if_done(self, ingestion: Ingestion) -> bool:
        """Prune and finish, in one transaction, for whoever had the last part."""
        async with self.unit_of_work() as uow:
            if not await uow.ingestions.done(ingestion.id):
                return False
            # A retry prunes nothing: what the collection holds may be newer than the request. Nor does a site of which
            # pages were not looked at: they may well be there.
            left_out = (await uow.ingestions.get(ingestion.id, None)).left_out
            prunes = ingestion.prune and not ingestion.retries and not left_out
            stale = await self._prune(uow, ingestion) if prunes else ()
            counts = (await uow.ingestions.get(ingestion.id, None)).counts
            await uow.ingestions.finish(ingestion.id, _status(counts), at=self.clock.now())
            await uow.commit()
        await unindex(stale, self.unit_of_work, self.indexes)
        self._sweep_beside()
        return True

    async def _prune(self, uow: UnitOfWork, ingestion: Ingestion) -> Sequence[StalePassage]:
        """
        Returns the passages that must leave the index.

        What a later request has named stays: it came after this one had said what there is to be.
        """
        named, at = set(await uow.ingestions.requested_uris(ingestion.id)), ingestion.created_at
        there = await uow.documents.uris(ingestion.collection, requested_until=at)
        gone = [uri for uri in there if uri not in named]
        documents = await uow.documents.by_uri(ingestion.collection, gone)
        stale: list[StalePassage] = []
        for document in documents.values():
            stale += await uow.documents.forget(document.id, at=at)
        await uow.ingestions.record_removed(ingestion.id, gone)
        return stale

    def _sweep_beside(self) -> None:
        """An ingestion has ended. A drain sweeps when it is over; serving is never over, and no job waits for this."""
        if self._serving and (self._sweeping is None or self._sweeping.done()):
            self._sweeping = asyncio.create_task(self._swept())

    async def _swept(self) -> None:
        if await self.sweep_retention.execute():
            await self._tidied()

    async def _tidied(self) -> None:
        try:
            await self.build_generation.tidy()
        except PortError as error:
            _log.warning("indexes of before could not be dropped", exc_info=error)

    def _settle_beside(self) -> None:
        self._unsettled = True
        if self._settling is None or self._settling.done():
            self._settling = asyncio.create_task(self._settle())

    async def _settle(self) -> None:
        while self._unsettled:
            self._unsettled = False
            try:
                async with self.unit_of_work() as uow:
                    live = await uow.generations.live()
                for place in {self.indexes.first, *(one.place for one in live)}:
                    await (await self.indexes.at(place)).settle()
            except PortError as error:
                # Everything is in and searchable all the same, only slower to search.
                _log.warning("the index could not be built up", exc_info=error)


async def _stopped(task: asyncio.Task[None] | None) -> None:
    if task is not None:
        task.cancel()
        await asyncio.wait([task])


def _reason(failure: Exception, at: datetime) -> str:
    """Why a document failed, for whoever sent it: what to do about it where that is known."""
    if isinstance(failure, QuotaSpent):
        back = (at + timedelta(seconds=failure.retry_after_s)).astimezone(UTC)
        return f"embed_quota: {failure}; retry the ingestion after {back:%Y-%m-%d %H:%M} UTC"
    return str(failure) if isinstance(failure, PortError) else "an internal error; the log has it"


def _status(counts: Mapping[str, int]) -> IngestionStatus:
    failed, total = counts[Outcome.FAILED], counts["total"]
    if failed and failed == total:
        return IngestionStatus.FAILED
    return IngestionStatus.PARTIAL if failed else IngestionStatus.SUCCEEDED
