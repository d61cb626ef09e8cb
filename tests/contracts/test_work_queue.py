"""The queue of parts of ingestions, in memory and on PostgreSQL."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from uuid import UUID, uuid4

import pytest

from adapters.memory.store import InMemoryStore
from adapters.memory.unit_of_work import InMemoryUnitOfWork
from adapters.memory.work_queue import InMemoryWorkQueue
from adapters.neon.unit_of_work import NeonUnitOfWork
from adapters.neon.work_queue import PgQueuerWorkQueue
from application.ports import PART, SIDE_BY_SIDE, Job, TryAgain, UnitOfWorkFactory, WorkQueue


@dataclass
class Queue:
    unit_of_work: UnitOfWorkFactory
    make: Callable[[], WorkQueue]

    async def add(self, *jobs: Job, commit: bool = True) -> None:
        async with self.unit_of_work() as uow:
            await uow.jobs.add(jobs)
            if commit:
                await uow.commit()

    async def drained(self) -> list[Job]:
        """The jobs as they are handed out, one after the other."""
        seen: list[Job] = []

        async def work(job: Job) -> None:
            seen.append(job)

        await asyncio.wait_for(self.make().drain(work), 20)
        return seen


@pytest.fixture(params=["memory", "pgqueuer"])
def queue(request: pytest.FixtureRequest) -> Queue:
    if request.param == "memory":
        store = InMemoryStore()
        return Queue(partial(InMemoryUnitOfWork, store), partial(InMemoryWorkQueue, store))
    engine, url = request.getfixturevalue("engine"), request.getfixturevalue("migrated_url")
    return Queue(partial(NeonUnitOfWork, engine), partial(PgQueuerWorkQueue, url))


def jobs_of(ingestion_id: UUID, parts: int, *, round_: int = 0) -> list[Job]:
    return [Job(ingestion_id, part, round_) for part in range(parts)]


def test_a_job_names_its_documents() -> None:
    assert Job(uuid4(), 3).ordinals == range(3 * PART, 4 * PART)


async def test_what_was_committed_is_handed_out_once(queue: Queue) -> None:
    jobs = jobs_of(uuid4(), 20)
    await queue.add(*jobs)
    await queue.add(Job(uuid4(), 0), commit=False)
    await queue.add()
    seen = await queue.drained()
    assert sorted(seen, key=lambda job: job.part) == jobs
    assert await queue.drained() == []


async def test_the_first_parts_of_all_ingestions_go_before_the_later_ones(queue: Queue) -> None:
    large, small = uuid4(), uuid4()
    await queue.add(*jobs_of(large, 12))
    await queue.add(*jobs_of(small, 1))
    seen = await queue.drained()
    assert seen.index(Job(small, 0)) <= SIDE_BY_SIDE
    parts = [job.part for job in seen if job.ingestion_id == large]
    assert parts == sorted(parts)


async def test_a_job_that_waits_already_is_not_queued_twice(queue: Queue) -> None:
    job = Job(uuid4(), 4)
    await queue.add(job, job)
    await queue.add(job)
    assert await queue.drained() == [job]


async def test_a_later_round_is_another_job(queue: Queue) -> None:
    ingestion_id = uuid4()
    await queue.add(Job(ingestion_id, 0, 0), Job(ingestion_id, 0, 1))
    assert {job.round for job in await queue.drained()} == {0, 1}


async def test_as_many_as_are_said_are_worked_on_at_once(queue: Queue) -> None:
    await queue.add(*jobs_of(uuid4(), 10))
    running, most = 0, 0

    async def work(job: Job) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.02)
        running -= 1

    await asyncio.wait_for(queue.make().drain(work), 20)
    assert most == SIDE_BY_SIDE


async def test_a_job_that_is_put_off_comes_again_and_the_drain_waits_for_it(queue: Queue) -> None:
    late, other = Job(uuid4(), 0), Job(uuid4(), 1)
    await queue.add(late, other)
    seen: list[Job] = []

    async def work(job: Job) -> None:
        seen.append(job)
        if job.ingestion_id == late.ingestion_id and job.attempts < 2:
            raise TryAgain(0.05)

    await asyncio.wait_for(queue.make().drain(work), 20)
    assert [job.attempts for job in seen if job.ingestion_id == late.ingestion_id] == [0, 1, 2]
    assert len([job for job in seen if job.ingestion_id == other.ingestion_id]) == 1
    assert await queue.drained() == []


async def test_a_job_that_breaks_is_dropped_and_holds_up_no_other(
    queue: Queue, caplog: pytest.LogCaptureFixture
) -> None:
    jobs = jobs_of(uuid4(), 5)
    await queue.add(*jobs)
    seen: list[int] = []

    async def work(job: Job) -> None:
        if job.part == 1:
            raise ValueError("broken")
        seen.append(job.part)

    await asyncio.wait_for(queue.make().drain(work), 20)
    assert sorted(seen) == [0, 2, 3, 4]
    assert await queue.drained() == []
    assert any(record.levelname == "ERROR" for record in caplog.records)


async def test_what_comes_while_it_drains_is_drained_too(queue: Queue) -> None:
    first, later = Job(uuid4(), 0), Job(uuid4(), 0)
    await queue.add(first)
    seen: list[Job] = []

    async def work(job: Job) -> None:
        seen.append(job)
        if job == first:
            await queue.add(later)

    await asyncio.wait_for(queue.make().drain(work), 20)
    assert seen == [first, later]


async def test_what_a_cancelled_drain_left_is_done_by_the_next(queue: Queue) -> None:
    jobs = jobs_of(uuid4(), 6)
    await queue.add(*jobs)
    ended: list[int] = []
    reached, gate = asyncio.Event(), asyncio.Event()

    async def work(job: Job) -> None:
        reached.set()
        await gate.wait()
        ended.append(job.part)

    made = queue.make()
    draining = asyncio.create_task(made.drain(work))
    await reached.wait()
    asyncio.get_running_loop().call_later(0.05, gate.set)
    draining.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await draining
    await made.reclaim(all_lost=True)

    rest = [job.part for job in await queue.drained()]
    assert sorted(set(ended) | set(rest)) == list(range(6))


async def test_two_queues_hand_out_no_job_twice(queue: Queue) -> None:
    jobs = jobs_of(uuid4(), 40)
    await queue.add(*jobs)
    seen: list[int] = []

    async def work(job: Job) -> None:
        seen.append(job.part)
        await asyncio.sleep(0.005)

    one = queue.make()
    others = one if isinstance(one, InMemoryWorkQueue) else queue.make()
    await asyncio.wait_for(asyncio.gather(one.drain(work), others.drain(work)), 20)
    assert sorted(seen) == list(range(40))


async def test_any_number_of_wakes_is_one(queue: Queue) -> None:
    made = queue.make()
    for _ in range(3):
        made.wake()
    await asyncio.wait_for(made.woken(), 5)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(made.woken(), 0.05)


async def test_serving_hands_out_what_others_queue_until_it_is_cancelled(queue: Queue) -> None:
    seen: asyncio.Queue[Job] = asyncio.Queue()
    made = queue.make()
    serving = asyncio.create_task(made.serve(seen.put))
    for job in (Job(uuid4(), 0), Job(uuid4(), 0)):
        await queue.add(job)
        if isinstance(made, InMemoryWorkQueue):
            made.wake()
        assert await asyncio.wait_for(seen.get(), 20) == job
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
