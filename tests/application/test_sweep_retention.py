"""Sweeping: at the start and after work, at most once an hour, and never in the way."""

import asyncio
from datetime import datetime, timedelta

from application.ports import Clock, RetentionRules
from application.sweep_retention import SweepRetention
from domain.errors import PortUnavailable
from tests.story import PINNING, Story


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
