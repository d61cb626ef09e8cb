"""The background worker: takes ingestions off the queue, one at a time, and sees each to its end."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from application.forget_documents import unindex
from application.ingest_documents import IngestDocuments
from application.ingestion_progress import IngestionNews
from application.ports import (
    Clock,
    DocumentOutcome,
    Ingestion,
    IngestionStatus,
    Outcome,
    StagedDocument,
    UnitOfWorkFactory,
    WorkQueue,
)
from domain.errors import PortError, PortUnavailable
from domain.retrieval.ports import PassageWriter

BATCH: Final = 16
"""Documents to a transaction: enough to pay for its round trips, few enough that a crash repeats little."""

SIDE_BY_SIDE: Final = 3
"""Batches worked on at once: while one is parsed, the others are embedded, indexed and stored."""

RETRY_AFTER_S: Final = (0.5, 2.0, 10.0)
"""Waits before a batch is tried again when a port did not answer."""

_log = logging.getLogger("ibid.ingest")


@dataclass(slots=True)
class WorkIngestions:
    unit_of_work: UnitOfWorkFactory
    ingest_documents: IngestDocuments
    passage_writer: PassageWriter
    queue: WorkQueue
    clock: Clock
    news: IngestionNews
    retry_after_s: Sequence[float] = field(default=RETRY_AFTER_S)
    _unsettled: bool = field(default=False, init=False)

    async def resume(self) -> None:
        """What a crash left behind: passages to take out of the index, and ingestions to go on with."""
        async with self.unit_of_work() as uow:
            stale = await uow.documents.stale()
            unfinished = await uow.ingestions.unfinished()
        if stale:
            await unindex(stale, self.unit_of_work, self.passage_writer)
        for ingestion_id in unfinished:
            self.queue.wake(ingestion_id)

    async def run(self) -> None:
        """Work until cancelled; between ingestions and beside the next, let the index build its search structures."""
        settling: asyncio.Task[None] | None = None
        try:
            while True:
                ingestion_id = await self.queue.next()
                try:
                    await self.work(ingestion_id)
                except Exception as error:
                    # It stays unfinished and is taken up again at the next start.
                    _log.error("ingestion stopped", extra={"ingestion_id": str(ingestion_id)}, exc_info=error)
                self._unsettled = True
                if settling is None or settling.done():
                    settling = asyncio.create_task(self._settle())
        finally:
            if settling is not None:
                settling.cancel()
                await asyncio.wait([settling])

    async def work(self, ingestion_id: UUID) -> None:
        """See one ingestion to its end, or to where it is cancelled."""
        async with self.unit_of_work() as uow:
            ingestion = await uow.ingestions.get(ingestion_id, None)
            if ingestion.status.is_final:
                return
            await uow.ingestions.start(ingestion_id)
            await uow.commit()
        self.news.tell(ingestion_id)
        # Of a cancelled ingestion no document is pending any more.
        while waiting := await self._pending(ingestion_id):
            batches = [waiting[start : start + BATCH] for start in range(0, len(waiting), BATCH)]
            await asyncio.gather(*(self._ingest(ingestion, batch) for batch in batches))
        if ingestion.prune and not ingestion.retries:
            await self._prune(ingestion)
        await self._finish(ingestion_id)
        self.news.tell(ingestion_id)

    async def _pending(self, ingestion_id: UUID) -> Sequence[StagedDocument]:
        async with self.unit_of_work() as uow:
            return await uow.ingestions.pending(ingestion_id, limit=BATCH * SIDE_BY_SIDE)

    async def _ingest(self, ingestion: Ingestion, batch: Sequence[StagedDocument]) -> None:
        """One batch; when it will not go in whole, each of its documents alone, and those that fail are recorded."""
        try:
            await self._with_retries(ingestion, batch)
        except Exception as error:
            if len(batch) > 1:
                for staged in batch:
                    await self._ingest(ingestion, [staged])
                return
            _log.error("a document failed", extra={"uri": batch[0].source.uri}, exc_info=error)
            reason = str(error) if isinstance(error, PortError) else "an internal error; the log has it"
            await self._record_failure(ingestion.id, batch[0], reason)

    async def _with_retries(self, ingestion: Ingestion, batch: Sequence[StagedDocument]) -> None:
        for wait_s in (*self.retry_after_s, None):
            try:
                await self.ingest_documents.execute(ingestion, batch)
                self.news.tell(ingestion.id)
                return
            except PortUnavailable:
                if wait_s is None:
                    raise
                await asyncio.sleep(wait_s)

    async def _record_failure(self, ingestion_id: UUID, staged: StagedDocument, reason: str) -> None:
        async with self.unit_of_work() as uow:
            outcome = DocumentOutcome(staged.source.uri, Outcome.FAILED, reason)
            await uow.ingestions.record(ingestion_id, {staged.ordinal: outcome})
            await uow.commit()

    async def _prune(self, ingestion: Ingestion) -> None:
        async with self.unit_of_work() as uow:
            if (await uow.ingestions.get(ingestion.id, None)).status.is_final:
                return
            named = set(await uow.ingestions.requested_uris(ingestion.id))
            gone = [uri for uri in await uow.documents.uris(ingestion.collection) if uri not in named]
            documents = await uow.documents.by_uri(ingestion.collection, gone)
            stale: list[UUID] = []
            for document in documents.values():
                stale += await uow.documents.forget(document.id, at=self.clock.now())
            await uow.ingestions.record_removed(ingestion.id, gone)
            await uow.commit()
        await unindex(stale, self.unit_of_work, self.passage_writer)

    async def _settle(self) -> None:
        while self._unsettled:
            self._unsettled = False
            try:
                await self.passage_writer.settle()
            except PortError as error:
                # Everything is in and searchable all the same, only slower to search.
                _log.warning("the index could not be built up", exc_info=error)

    async def _finish(self, ingestion_id: UUID) -> None:
        async with self.unit_of_work() as uow:
            counts = (await uow.ingestions.get(ingestion_id, None)).counts
            failed, total = counts[Outcome.FAILED], counts["total"]
            status = IngestionStatus.SUCCEEDED if not failed else IngestionStatus.PARTIAL
            if failed == total:
                status = IngestionStatus.FAILED
            await uow.ingestions.finish(ingestion_id, status, at=self.clock.now())
            await uow.commit()
