"""Work that waits inside this process."""

import asyncio
import logging
from collections.abc import Sequence

from adapters.memory.store import InMemoryStore, JobKey, Transaction
from application.ports import SIDE_BY_SIDE, Job, Jobs, TryAgain, Work, WorkQueue

_log = logging.getLogger("ibid.ingest")


def _key(job: Job) -> JobKey:
    return job.ingestion_id, job.round, job.part


class InMemoryJobs(Jobs):
    def __init__(self, store: InMemoryStore, transaction: Transaction) -> None:
        self._store = store
        self._transaction = transaction

    async def add(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            if _key(job) not in self._store.jobs:
                self._transaction.put(self._store.jobs, _key(job), job)


class InMemoryWorkQueue(WorkQueue):
    """Jobs live as long as the store does; those that are worked on are known to this object alone."""

    def __init__(self, store: InMemoryStore) -> None:
        self._store = store
        self._woken = asyncio.Event()
        self._taken: set[JobKey] = set()
        self._put_off: set[JobKey] = set()

    def wake(self) -> None:
        self._woken.set()

    async def woken(self) -> None:
        await self._woken.wait()
        self._woken.clear()

    async def drain(self, work: Work) -> None:
        running: set[asyncio.Task[None]] = set()
        try:
            while True:
                while len(running) < SIDE_BY_SIDE and (job := self._claim()) is not None:
                    running.add(asyncio.create_task(self._work(job, work)))
                if not running and not self._put_off:
                    return
                if running:
                    _, running = await asyncio.wait(running, timeout=0.01, return_when=asyncio.FIRST_COMPLETED)
                else:
                    await asyncio.sleep(0.01)
        finally:
            for task in running:
                task.cancel()

    async def serve(self, work: Work) -> None:
        while True:
            await self.drain(work)
            await self.woken()

    async def reclaim(self, *, all_lost: bool) -> float | None:
        return None

    def _claim(self) -> Job | None:
        waiting = [key for key in self._store.jobs if key not in self._taken | self._put_off]
        if not waiting:
            return None
        key = min(waiting, key=lambda one: one[2])
        self._taken.add(key)
        return self._store.jobs[key]

    async def _work(self, job: Job, work: Work) -> None:
        key = _key(job)
        try:
            await work(job)
        except TryAgain as again:
            self._store.jobs[key] = Job(job.ingestion_id, job.part, job.round, job.attempts + 1)
            self._put_off.add(key)
            asyncio.get_running_loop().call_later(again.after_s, self._put_off.discard, key)
        except Exception as error:
            _log.error("a job was dropped", exc_info=error)
            self._store.jobs.pop(key, None)
        else:
            self._store.jobs.pop(key, None)
        finally:
            self._taken.discard(key)
