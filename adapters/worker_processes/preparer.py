"""
Preparing documents in processes beside the service.

Parsing is pure Python: in a thread it would take its time from every question that is being answered, and one page
that eats all memory would take the service with it. Here it takes the other core, and costs itself.
"""

import asyncio
import multiprocessing
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import forkserver
from multiprocessing.context import BaseContext
from typing import Final

from adapters.worker_processes import worker
from adapters.worker_processes.results import send_plain
from application.prepare_documents import PartsFactory, Preparation, PreparedDocument, Preparer, Recutting, Unprepared
from domain.errors import PortUnavailable

PORT: Final = "worker processes"
PROCESSES: Final = 2
IDLE_S: Final = 20.0
"""Kept this long after the last document, then ended: an idle service holds no memory for parsing."""

_POOL: Final = "concurrent.futures.process"
TIME_LIMIT_S: Final = 120.0
"""For one batch; a page of 5 MB takes some 8 s."""


class ProcessPreparer(Preparer):
    """
    ``parts`` must be a function, or an object, of a module that a new process can import: it makes them there.
    ``preload`` names modules that are imported once, in the process that workers are forked from, besides that one.
    """

    def __init__(self, parts: PartsFactory, *, preload: Sequence[str] = (), time_limit_s: float = TIME_LIMIT_S) -> None:
        self._make_parts = parts
        self._context = _context((_POOL, worker.__name__, parts.__module__, *preload))
        self._time_limit_s = time_limit_s
        self._pool: ProcessPoolExecutor | None = None
        self._busy = 0
        self._ending: asyncio.TimerHandle | None = None

    async def open(self) -> None:
        """Start the process that workers are forked from: it has their modules loaded, so they begin at once."""
        await asyncio.to_thread(forkserver.ensure_running)

    def expect(self) -> None:
        pool = self._started()
        try:
            # Each is started by work that finds none idle.
            for _ in range(PROCESSES):
                pool.submit(worker.nothing)
        except BrokenProcessPool:
            self._give_up(pool)  # one was ended while it had nothing to do; documents will begin others
        self._end_when_idle()

    async def prepare(self, preparations: Sequence[Preparation | Recutting]) -> Sequence[PreparedDocument | Unprepared]:
        pool = self._started()
        self._busy += 1
        for kind in {type(one.document_id) for one in preparations}:
            send_plain(kind)
        try:
            loop = asyncio.get_running_loop()
            # Halves, so that one batch alone keeps both processes at work.
            halves = [preparations[first::PROCESSES] for first in range(PROCESSES)]
            done = await asyncio.wait_for(
                asyncio.gather(*(loop.run_in_executor(pool, worker.prepare_all, half) for half in halves if half)),
                self._time_limit_s,
            )
        except (BrokenProcessPool, TimeoutError) as error:
            self._give_up(pool)
            raise PortUnavailable(PORT, "were cut off by a document that takes too much memory or time") from error
        finally:
            self._busy -= 1
            self._end_when_idle()
        by_ordinal = {one.ordinal: one for half in done for one in half}
        return [by_ordinal[one.ordinal] for one in preparations]

    async def close(self) -> None:
        """End the processes; closing twice is no harm."""
        pool, self._pool = self._pool, None
        if self._ending is not None:
            self._ending.cancel()
        if pool is not None:
            await asyncio.to_thread(pool.shutdown, cancel_futures=True)

    def _started(self) -> ProcessPoolExecutor:
        if self._ending is not None:
            self._ending.cancel()
            self._ending = None
        if self._pool is None:
            begun_with = (self._make_parts, os.getpid())
            self._pool = ProcessPoolExecutor(PROCESSES, self._context, worker.begin, begun_with)
        return self._pool

    def _end_when_idle(self) -> None:
        if not self._busy and self._pool is not None and self._ending is None:
            self._ending = asyncio.get_running_loop().call_later(IDLE_S, self._end)

    def _end(self) -> None:
        self._ending = None
        if not self._busy and self._pool is not None:
            self._pool.shutdown(wait=False)
            self._pool = None

    def _give_up(self, pool: ProcessPoolExecutor) -> None:
        if pool is self._pool:
            self._pool = None
        for process in list((pool._processes or {}).values()):  # noqa: SLF001  the pool has no other way to stop one
            process.kill()
        pool.shutdown(wait=False, cancel_futures=True)


def _context(preload: Sequence[str]) -> BaseContext:
    # A fork of the service itself would copy its threads and locks in whatever state they are.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(preload))
    return context
