"""Cancel an ingestion, and try again what failed in one."""

from dataclasses import dataclass
from uuid import UUID

from application.ingestion_progress import IngestionNews
from application.ports import Clock, Ingestion, UnitOfWorkFactory, WorkQueue
from application.read_ingestions import whose
from application.work_ingestions import jobs_of
from domain.access.model import Principal
from domain.errors import IngestionRunning


@dataclass(frozen=True, slots=True)
class CancelIngestion:
    """
    End an ingestion that has not ended: what is in stays in, nothing is pruned, and the rest is left.

    Returns it, and whether this ended it. Raises IngestionNotFound.
    """

    unit_of_work: UnitOfWorkFactory
    clock: Clock
    news: IngestionNews

    async def execute(self, principal: Principal, ingestion_id: UUID) -> tuple[Ingestion, bool]:
        async with self.unit_of_work() as uow:
            await uow.ingestions.get(ingestion_id, whose(principal))
            ended = await uow.ingestions.cancel(ingestion_id, at=self.clock.now())
            ingestion = await uow.ingestions.get(ingestion_id, None)
            await uow.commit()
        # If not by this, then before it, perhaps in another process that could tell nobody here.
        self.news.tell(ingestion_id, ended=True)
        return ingestion, ended


@dataclass(frozen=True, slots=True)
class RetryIngestion:
    """
    Work again on what failed or was cancelled in an ingestion that has ended.

    Nothing is pruned by a retry: what the collection holds may be newer than the request. Returns the ingestion, and
    whether there was anything to try again. Raises IngestionNotFound or IngestionRunning.
    """

    unit_of_work: UnitOfWorkFactory
    queue: WorkQueue

    async def execute(self, principal: Principal, ingestion_id: UUID) -> tuple[Ingestion, bool]:
        async with self.unit_of_work() as uow:
            if not (await uow.ingestions.get(ingestion_id, whose(principal))).status.is_final:
                raise IngestionRunning(ingestion_id)
            again = await uow.ingestions.retry(ingestion_id)
            ingestion = await uow.ingestions.get(ingestion_id, None)
            if again:
                await uow.jobs.add(jobs_of(ingestion, await uow.ingestions.pending_ordinals(ingestion_id)))
            await uow.commit()
        if again:
            self.queue.wake()
        return ingestion, again > 0
