"""
Jobs on PostgreSQL, by pgqueuer: claimed with SKIP LOCKED, kept by heartbeats, put off by the database's clock.

Nothing is connected between two drains: each opens a connection of its own, around any pooler, and closes it. pgqueuer
listens on it meanwhile, which is why it must not stay open: a LISTEN keeps a Neon compute awake.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, Literal
from uuid import UUID

import asyncpg
from sqlalchemy import text

from adapters.neon.engine import read_url
from adapters.neon.errors import translated
from adapters.neon.transaction import Transaction
from application.ports import SIDE_BY_SIDE, Job, Jobs, TryAgain, Work, WorkQueue
from domain.errors import PortUnavailable

if TYPE_CHECKING:
    from pgqueuer.core.qm import QueueManager
    from pgqueuer.domain.models import Job as QueuedJob

LEASE_S: Final = 30.0
"""A job whose worker has not been heard of for so long is given to another; it is heard of every 15 s."""

_LOOK_EVERY: Final = timedelta(seconds=5)
"""For leases that have run out, of which nothing is heard; only while there is a connection."""

GRACE_S: Final = 5.0
"""For jobs to end by themselves when the drain is cancelled."""

_ENTRYPOINT: Final = "ingest"

# pgqueuer's own insert, as one statement of the unit of work's transaction; the library itself has only calls on a
# connection of its own. Its columns are the ones that the migration makes.
_ADD: Final = text(
    """
    INSERT INTO pgqueuer (priority, entrypoint, payload, dedupe_key, status)
    SELECT -part, :entrypoint, convert_to(ingestion || ' ' || round || ' ' || part, 'UTF8'),
           ingestion || ':' || round || ':' || part, 'queued'
    FROM unnest(CAST(:ingestions AS text[]), CAST(:rounds AS int[]), CAST(:parts AS int[]))
         AS job(ingestion, round, part)
    ON CONFLICT (dedupe_key) WHERE status IN ('queued', 'picked') AND dedupe_key IS NOT NULL DO NOTHING
    """
)
_RELEASE: Final = "UPDATE pgqueuer SET status = 'queued', queue_manager_id = NULL WHERE status = 'picked'"
_GIVE_BACK: Final = _RELEASE + " AND queue_manager_id = $1 RETURNING id"
_LEFT: Final = "SELECT EXISTS (SELECT FROM pgqueuer WHERE status = 'queued')"
_KNOW_TYPES: Final = "SELECT CAST(ARRAY[] AS pgqueuer_status[]), CAST(ARRAY[] AS jsonb[]), CAST(ARRAY[] AS bigint[])"
_YOUNGEST_LEASE: Final = "SELECT extract(epoch FROM now() - max(heartbeat)) FROM pgqueuer WHERE status = 'picked'"


class NeonJobs(Jobs):
    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def add(self, jobs: Sequence[Job]) -> None:
        if jobs:
            await self._transaction.run(
                _ADD,
                {
                    "entrypoint": _ENTRYPOINT,
                    "ingestions": [str(job.ingestion_id) for job in jobs],
                    "rounds": [job.round for job in jobs],
                    "parts": [job.part for job in jobs],
                },
            )


class PgQueuerWorkQueue(WorkQueue):
    """``url`` must lead around transaction poolers: listening and heartbeats need a connection that stays one."""

    def __init__(self, url: str, *, lease_s: float = LEASE_S, again_after_s: Sequence[float] | None = None) -> None:
        """``again_after_s``: waits before putting a job off is tried again; None: as long as a lease in all."""
        self._url = url
        self._again_after_s = again_after_s
        self._lease = timedelta(seconds=lease_s)
        self._woken = asyncio.Event()

    def wake(self) -> None:
        self._woken.set()

    async def woken(self) -> None:
        await self._imported()
        await self._woken.wait()
        self._woken.clear()

    async def drain(self, work: Work) -> None:
        while await self._run(work, "drain"):
            pass

    async def serve(self, work: Work) -> None:
        await self._run(work, "continuous")

    async def reclaim(self, *, all_lost: bool) -> float | None:
        with translated():
            async with self._connected() as connection:
                if all_lost:
                    await connection.execute(_RELEASE)
                    return None
                age_s = await connection.fetchval(_YOUNGEST_LEASE)
        return None if age_s is None else max(0.0, self._lease.total_seconds() - float(age_s)) + 1.0

    @staticmethod
    async def _imported() -> None:
        """Import the engine, once: a third of a second for which neither the loop nor the first upload should wait."""
        if "pgqueuer.core.qm" not in sys.modules:
            await asyncio.to_thread(import_module, "pgqueuer.core.qm")

    async def _run(self, work: Work, mode: Literal["drain", "continuous"]) -> bool:
        """Whether jobs are left, put off too late for the engine to wait for them."""
        await self._imported()
        from pgqueuer.domain.types import QueueExecutionMode

        with translated():
            async with self._connected() as connection:
                # All its types in one look; statement by statement, the driver would look three times.
                await connection.fetchval(_KNOW_TYPES)
                manager = _manager(connection, work, self._again_after_s)
                running = asyncio.ensure_future(
                    manager.run(
                        dequeue_timeout=_LOOK_EVERY,
                        mode=QueueExecutionMode(mode),
                        batch_size=1,
                        max_concurrent_tasks=SIDE_BY_SIDE,
                        heartbeat_timeout=self._lease,
                        log_aggregation_interval=timedelta(0),
                        shutdown_on_listener_failure=True,
                    )
                )
                try:
                    await asyncio.shield(running)
                except asyncio.CancelledError:
                    manager.shutdown.set()
                    await asyncio.wait([running], timeout=GRACE_S)
                    running.cancel()
                    await asyncio.wait([running])
                    raise
                # What the engine could not write back, on a full disk say, it still counts as being worked on.
                if mode == "drain" and await connection.fetchval(_GIVE_BACK, manager.queue_manager_id):
                    raise PortUnavailable("database", "did not take what became of a job")
                return mode == "drain" and bool(await connection.fetchval(_LEFT))

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Any]:
        target, arguments = read_url(self._url)
        arguments.pop("prepared_statement_cache_size", None)
        arguments.pop("prepared_statement_name_func", None)
        connection = await asyncpg.connect(
            host=target.query.get("host", target.host),
            port=int(str(target.query["port"])) if "port" in target.query else target.port,
            user=target.username,
            password=target.password,
            database=target.database,
            **arguments,
        )
        try:
            yield connection
        finally:
            connection.terminate() if connection.is_closed() else await connection.close(timeout=GRACE_S)


def _manager(connection: Any, work: Work, again_after_s: Sequence[float] | None) -> "QueueManager":
    """Names are given here, so that no environment variable of pgqueuer's changes where the jobs are."""
    from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
    from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment, QueryQueueBuilder, QuerySchedulerBuilder
    from pgqueuer.domain.errors import RetryRequested
    from pgqueuer.domain.settings import DBSettings
    from pgqueuer.domain.types import Channel

    from adapters.neon.persistent_queries import OurSchema, PersistentQueries

    names = DBSettings(
        prefix="",
        channel=Channel("ch_pgqueuer"),
        function="fn_pgqueuer_changed",
        trigger="tg_pgqueuer_changed",
        queue_table="pgqueuer",
        queue_table_log="pgqueuer_log",
        statistics_table="pgqueuer_statistics",
        schedules_table="pgqueuer_schedules",
        queue_status_type="pgqueuer_status",
        db_schema=None,
    )
    queries = PersistentQueries(
        AsyncpgDriver(connection),
        qbe=QueryBuilderEnvironment(names),
        qbq=QueryQueueBuilder(names),
        qbs=QuerySchedulerBuilder(names),
    )
    if again_after_s is not None:
        queries.again_after_s = again_after_s
    manager = OurSchema(queries, channel=names.channel)

    async def handle(queued: "QueuedJob") -> None:
        try:
            await work(_job(queued.payload or b"", queued.attempts))
        except TryAgain as again:
            raise RetryRequested(delay=timedelta(seconds=again.after_s)) from None

    manager.entrypoint(_ENTRYPOINT, accepts_context=False)(handle)
    return manager


def _job(payload: bytes, attempts: int) -> Job:
    ingestion, round_, part = payload.decode().split()
    return Job(UUID(ingestion), int(part), int(round_), attempts)
