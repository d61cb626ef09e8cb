"""Sweeping: at the start and after work, at most once an hour, and never in the way."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from uuid import UUID

from application.ports import Clock, RetentionRules
from application.sweep_retention import SweepRetention
from domain.errors import PortUnavailable
from domain.library.generations import GenerationState
from tests.story import ADMIN, PINNING, Story


class SetClock(Clock):
    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def elapsed_ms(self) -> float:
        return 0.0


async def ingestions(story: Story) -> int:
    async with story.unit_of_work() as uow:
        return len((await uow.ingestions.list(None, limit=99, cursor=None)).items)


async def test_what_is_old_goes_at_most_once_an_hour() -> None:
    story = Story()
    await story.ingest({"a.md": PINNING})
    now = story.adapters.clock().now()
    clock = SetClock(now + timedelta(days=31))
    sweep = SweepRetention(story.unit_of_work, clock, RetentionRules(ingestions_days=30))
    await sweep.execute()
    assert await ingestions(story) == 0

    await story.ingest({"b.md": PINNING})
    clock.at += timedelta(days=0, minutes=59)
    await sweep.execute()
    assert await ingestions(story) == 1, "swept within the hour"
    clock.at += timedelta(minutes=2)
    await sweep.execute()
    assert await ingestions(story) == 0


async def test_of_several_processes_that_start_together_only_one_sweeps_before_there_was_work() -> None:
    story = Story()
    await story.ingest({"a.md": PINNING})
    await story.adapters.queue().woken()
    clock = SetClock(story.adapters.clock().now() + timedelta(days=31))
    story.worker.sweep_retention = SweepRetention(story.unit_of_work, clock, RetentionRules(ingestions_days=30))
    for sweeping, left in ((False, 1), (True, 0)):
        working = asyncio.create_task(story.worker.run(sweeping=sweeping))
        for _ in range(50):
            await asyncio.sleep(0)
        working.cancel()
        await asyncio.wait([working])
        assert await ingestions(story) == left


@asynccontextmanager
async def serving(story: Story) -> AsyncIterator[None]:
    working = asyncio.create_task(story.worker.serve())
    await settled()
    try:
        yield
    finally:
        working.cancel()
        await asyncio.wait([working])


async def settled() -> None:
    for _ in range(200):
        await asyncio.sleep(0)


async def served(story: Story, pages: Mapping[str, str]) -> None:
    """An ingestion that the running worker takes to its end."""
    await story.submitted(pages)
    await idle(story)
    await settled()


async def idle(story: Story) -> None:
    """Until the running worker has nothing left to do."""
    story.worker.queue.wake()
    for _ in range(3_000):
        if not await unfinished(story):
            return
        await asyncio.sleep(0.01)
    raise TimeoutError


async def unfinished(story: Story) -> Sequence[UUID]:
    async with story.unit_of_work() as uow:
        return await uow.ingestions.unfinished()


async def test_a_worker_sweeps_after_an_ingestion_at_most_once_an_hour_and_never_while_it_is_idle() -> None:
    story = Story()
    await story.ingest({"a.md": PINNING})
    clock = SetClock(story.adapters.clock().now())
    sweep = SweepRetention(story.unit_of_work, clock, RetentionRules(ingestions_days=30))
    story.worker.sweep_retention = sweep
    async with serving(story):
        assert await ingestions(story) == 1
        clock.at += timedelta(days=31)
        await settled()
        assert await ingestions(story) == 1, "swept by a timer"
        await served(story, {"b.md": PINNING})
        assert await ingestions(story) == 0

        await served(story, {"c.md": PINNING})
        clock.at += timedelta(minutes=59)
        await served(story, {"d.md": PINNING})
        assert await ingestions(story) == 2, "swept within the hour"
        clock.at += timedelta(minutes=2)
        await served(story, {"e.md": PINNING})
        assert await ingestions(story) == 0


async def test_a_worker_drops_an_index_of_before_when_its_days_are_over() -> None:
    story = Story()
    await story.ingest({"a.md": PINNING})
    clock = SetClock(story.adapters.clock().now())
    story.worker.sweep_retention = SweepRetention(story.unit_of_work, clock)
    story.worker.build_generation.clock = clock
    async with serving(story):
        await story.use_cases.reindex_collection().execute(ADMIN, "docs", chunk_chars=400)
        await idle(story)
        assert await states(story) == [GenerationState.KEPT, GenerationState.ACTIVE]
        clock.at += timedelta(days=31)
        await served(story, {"b.md": PINNING})
        assert await states(story) == [GenerationState.ACTIVE]


async def states(story: Story) -> list[GenerationState]:
    async with story.unit_of_work() as uow:
        of = sorted(await uow.generations.live("docs"), key=lambda one: one.generation.number)
    return [one.state for one in of]


async def test_a_database_that_does_not_answer_is_asked_again_the_next_time() -> None:
    story = Story()
    await story.ingest({"a.md": PINNING})
    fails = True

    def unit_of_work() -> object:
        if fails:
            raise PortUnavailable("database")
        return story.unit_of_work()

    clock = SetClock(story.adapters.clock().now() + timedelta(days=31))
    sweep = SweepRetention(unit_of_work, clock)  # type: ignore[arg-type]  # a factory that fails first
    await sweep.execute()
    assert await ingestions(story) == 1
    fails = False
    await sweep.execute()
    assert await ingestions(story) == 0


def test_nothing_is_swept_of_turns_unless_the_operator_asks() -> None:
    assert RetentionRules() == RetentionRules(ingestions_days=30, turns_days=0)


async def test_much_that_is_old_goes_in_several_transactions() -> None:
    story = Story()
    for _ in range(5):
        await story.ingest({"a.md": PINNING})
    clock = SetClock(story.adapters.clock().now() + timedelta(days=31))
    units = 0

    def unit_of_work() -> object:
        nonlocal units
        units += 1
        return story.unit_of_work()

    sweep = SweepRetention(unit_of_work, clock, at_once=2)  # type: ignore[arg-type]  # a factory that counts
    await sweep.execute()
    assert await ingestions(story) == 0
    assert units == 3


async def test_a_question_brings_a_sweep_about_at_most_once_an_hour() -> None:
    story = Story()
    await story.ingest({"a.md": PINNING})
    clock = SetClock(story.adapters.clock().now() + timedelta(days=31))
    sweep = story.use_cases.sweep_retention()
    sweep.clock, sweep.rules = clock, RetentionRules(ingestions_days=30)

    async def asked() -> int:
        await story.ask("How do I pin a dependency?")
        for _ in range(50):
            await asyncio.sleep(0)
        return await ingestions(story)

    assert await asked() == 0, "nothing had been swept yet"
    await story.ingest({"b.md": PINNING})
    clock.at += timedelta(minutes=59)
    assert await asked() == 1, "swept within the hour"
    clock.at += timedelta(minutes=2)
    assert await asked() == 0
