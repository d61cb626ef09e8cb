"""What the contract cannot say of the queue on PostgreSQL: leases, connections, what it does while idle."""

import asyncio
import sys
from datetime import timedelta
from functools import partial
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.neon import work_queue
from adapters.neon.unit_of_work import NeonUnitOfWork
from adapters.neon.work_queue import PgQueuerWorkQueue
from application.ports import Job, TryAgain, UnitOfWorkFactory
from domain.errors import PortUnavailable


@pytest.fixture
def unit_of_work(engine: AsyncEngine) -> UnitOfWorkFactory:
    return partial(NeonUnitOfWork, engine)


async def add(unit_of_work: UnitOfWorkFactory, *jobs: Job) -> None:
    async with unit_of_work() as uow:
        await uow.jobs.add(jobs)
        await uow.commit()


async def pick_as_somebody_who_died(engine: AsyncEngine, *, silent_s: float) -> None:
    async with engine.begin() as connection:
        await connection.execute(
            text(
                "UPDATE pgqueuer SET status = 'picked', queue_manager_id = gen_random_uuid(),"
                " heartbeat = now() - make_interval(secs => :silent_s)"
            ),
            {"silent_s": silent_s},
        )


async def drained(queue: PgQueuerWorkQueue) -> list[Job]:
    seen: list[Job] = []

    async def work(job: Job) -> None:
        seen.append(job)

    await asyncio.wait_for(queue.drain(work), 20)
    return seen


async def test_a_dead_worker_s_job_comes_again_after_its_lease_and_not_before(
    engine: AsyncEngine, unit_of_work: UnitOfWorkFactory, migrated_url: str
) -> None:
    job = Job(uuid4(), 0)
    await add(unit_of_work, job)
    queue = PgQueuerWorkQueue(migrated_url)
    await pick_as_somebody_who_died(engine, silent_s=20)
    assert await drained(queue) == []
    left_s = await queue.reclaim(all_lost=False)
    assert left_s is not None
    assert 5 < left_s < 15

    await pick_as_somebody_who_died(engine, silent_s=31)
    assert await drained(queue) == [job]
    assert await queue.reclaim(all_lost=False) is None


@pytest.fixture
def _looking_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the database refused is told to nobody: it is seen at the next look."""
    monkeypatch.setattr(work_queue, "_LOOK_EVERY", timedelta(seconds=0.2))


REFUSE_ONCE = (
    "CREATE SEQUENCE refusals",
    """
    CREATE FUNCTION refuse_once() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF nextval('refusals') = 1 THEN RAISE EXCEPTION 'no space left on device' USING ERRCODE = '53100'; END IF;
        RETURN NEW;
    END $$
    """,
    "CREATE TRIGGER refuse_once BEFORE UPDATE ON pgqueuer"
    " FOR EACH ROW WHEN (OLD.status = 'picked' AND NEW.status = 'queued') EXECUTE FUNCTION refuse_once()",
)
REFUSE_NO_MORE = (
    "DROP TRIGGER refuse_once ON pgqueuer",
    "DROP FUNCTION refuse_once",
    "DROP SEQUENCE refusals",
)


@pytest.mark.usefixtures("_looking_often")
async def test_a_job_that_cannot_be_put_off_for_a_moment_is_not_lost(
    engine: AsyncEngine, unit_of_work: UnitOfWorkFactory, migrated_url: str
) -> None:
    """As on a disk that is full: the engine took it for failed, and out of the queue."""
    await add(unit_of_work, Job(uuid4(), 0))
    attempts: list[int] = []

    async def put_off_once(job: Job) -> None:
        attempts.append(job.attempts)
        if not job.attempts:
            raise TryAgain(0.0)

    async with engine.begin() as connection:
        for statement in REFUSE_ONCE:
            await connection.execute(text(statement))
    try:
        await asyncio.wait_for(PgQueuerWorkQueue(migrated_url).drain(put_off_once), 20)
    finally:
        async with engine.begin() as connection:
            refusals = (await connection.execute(text("SELECT last_value FROM refusals"))).scalar_one()
            for statement in REFUSE_NO_MORE:
                await connection.execute(text(statement))
    assert (attempts, refusals) == ([0, 1], 2)


REFUSE_ALWAYS = (
    "CREATE SEQUENCE refusals",
    """
    CREATE FUNCTION refuse_once() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM nextval('refusals');
        IF NEW.attempts > OLD.attempts THEN RAISE EXCEPTION 'no space left on device' USING ERRCODE = '53100'; END IF;
        RETURN NEW;
    END $$
    """,
    "CREATE TRIGGER refuse_once BEFORE UPDATE ON pgqueuer"
    " FOR EACH ROW WHEN (OLD.status = 'picked' AND NEW.status = 'queued') EXECUTE FUNCTION refuse_once()",
)


@pytest.mark.usefixtures("_looking_often")
async def test_a_job_that_is_never_put_off_ends_the_drain_and_comes_again(
    engine: AsyncEngine, unit_of_work: UnitOfWorkFactory, migrated_url: str
) -> None:
    job = Job(uuid4(), 0)
    await add(unit_of_work, job)

    async def put_off(_: Job) -> None:
        raise TryAgain(0.0)

    async with engine.begin() as connection:
        for statement in REFUSE_ALWAYS:
            await connection.execute(text(statement))
    try:
        queue = PgQueuerWorkQueue(migrated_url, again_after_s=(0.0, 0.0))
        with pytest.raises(PortUnavailable, match="what became of a job"):
            await asyncio.wait_for(queue.drain(put_off), 20)
    finally:
        async with engine.begin() as connection:
            asked = (await connection.execute(text("SELECT last_value FROM refusals"))).scalar_one()
            for statement in REFUSE_NO_MORE:
                await connection.execute(text(statement))
    assert asked == 4  # three times by the engine, once by the drain that gave it back
    assert await drained(queue) == [job]


async def test_where_nobody_else_can_be_at_work_a_lost_job_comes_again_at_once(
    engine: AsyncEngine, unit_of_work: UnitOfWorkFactory, migrated_url: str
) -> None:
    job = Job(uuid4(), 0)
    await add(unit_of_work, job)
    await pick_as_somebody_who_died(engine, silent_s=0)
    queue = PgQueuerWorkQueue(migrated_url)
    assert await queue.reclaim(all_lost=True) is None
    assert await drained(queue) == [job]


async def test_a_job_that_takes_longer_than_its_lease_is_given_to_nobody_else(
    unit_of_work: UnitOfWorkFactory, migrated_url: str
) -> None:
    await add(unit_of_work, Job(uuid4(), 0))
    reached, gate = asyncio.Event(), asyncio.Event()

    async def work(job: Job) -> None:
        reached.set()
        await gate.wait()

    busy = asyncio.create_task(PgQueuerWorkQueue(migrated_url, lease_s=0.6).drain(work))
    await reached.wait()
    await asyncio.sleep(1.5)
    assert await drained(PgQueuerWorkQueue(migrated_url, lease_s=0.6)) == []
    gate.set()
    await busy


async def connections(url: str) -> list[str]:
    """The last statement of every connection but the one that asks."""
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch(
            "SELECT query FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
        return [row["query"] for row in rows]
    finally:
        await connection.close()


async def test_between_drains_no_connection_is_left_and_nothing_listens(
    unit_of_work: UnitOfWorkFactory, migrated_url: str, shared_engine: AsyncEngine
) -> None:
    queue = PgQueuerWorkQueue(migrated_url)
    before = len(await connections(migrated_url))
    await add(unit_of_work, Job(uuid4(), 0))
    assert len(await drained(queue)) == 1
    after = await connections(migrated_url)
    assert len(after) <= before + 1  # the pool's own, which the unit of work may have opened
    assert not [query for query in after if "LISTEN" in query or ("pgqueuer" in query and "INSERT" not in query)]


async def test_a_database_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(PortUnavailable):
        await drained(PgQueuerWorkQueue("postgresql://nobody@127.0.0.1:1/none"))


async def test_the_library_s_own_variables_change_nothing(
    unit_of_work: UnitOfWorkFactory, migrated_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PGQUEUER_PREFIX", "PGQUEUER_QUEUE_TABLE", "QUEUE_TABLE", "CHANNEL", "PGQUEUER_SCHEMA"):
        monkeypatch.setenv(name, "other")
    job = Job(uuid4(), 0)
    await add(unit_of_work, job)
    assert await drained(PgQueuerWorkQueue(migrated_url)) == [job]


CLAIMER = """
import asyncio, sys
from adapters.neon.work_queue import PgQueuerWorkQueue

async def work(job):
    print(job.part, flush=False)

asyncio.run(PgQueuerWorkQueue(sys.argv[1]).drain(work))
"""


async def claimed_by_two(unit_of_work: UnitOfWorkFactory, url: str, jobs: int) -> list[list[int]]:
    """The parts that each of two processes was given of so many jobs."""
    ingestion_id = uuid4()
    await add(unit_of_work, *(Job(ingestion_id, part) for part in range(jobs)))
    started = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", CLAIMER, url, stdout=asyncio.subprocess.PIPE)
        for _ in range(2)
    ]
    said = await asyncio.gather(*(process.communicate() for process in started))
    assert [process.returncode for process in started] == [0, 0]
    return [[int(line) for line in output.split()] for output, _ in said]


async def test_of_two_processes_each_job_is_given_to_one(unit_of_work: UnitOfWorkFactory, migrated_url: str) -> None:
    claimed = await claimed_by_two(unit_of_work, migrated_url, 300)
    assert sorted(claimed[0] + claimed[1]) == list(range(300))


@pytest.mark.slow
async def test_of_ten_thousand_jobs_that_two_processes_claim_none_is_run_twice(
    unit_of_work: UnitOfWorkFactory, migrated_url: str
) -> None:
    """CR-5."""
    claimed = await claimed_by_two(unit_of_work, migrated_url, 10_000)
    assert sorted(claimed[0] + claimed[1]) == list(range(10_000))
    assert min(len(parts) for parts in claimed) > 1_000, "both had their share"
