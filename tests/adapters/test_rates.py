"""What the contract of rate limits cannot say: windows that end, clocks that jump, processes that share a database."""

import asyncio
from datetime import timedelta

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.memory.clock import SettableClock
from adapters.memory.rates import InMemoryRateLimits
from adapters.neon.engine import make_engine, statement_by_statement
from adapters.neon.rates import BLOCK_SHARE, CLEAR_EVERY, NeonRateLimits
from adapters.neon.tables import rate_windows
from domain.access.rates import WINDOW_S
from tests.builders import NOON


async def test_a_window_ends_60_seconds_after_its_first_request() -> None:
    clock = SettableClock(NOON)
    limits = InMemoryRateLimits(clock)
    seen = []
    for seconds in (0, 59, 0.9, 0.1, 59.9, 0.2):
        clock.advance(timedelta(seconds=seconds))
        standing = await limits.take(b"ann", limit=9)
        seen.append((standing.used, standing.reset_s))
    assert seen == [(1, 60), (2, 1), (3, 1), (1, 60), (2, 1), (1, 60)]


async def test_memory_is_bounded_and_the_oldest_window_goes_first() -> None:
    clock = SettableClock(NOON)
    limits = InMemoryRateLimits(clock, max_buckets=3)
    for name in (b"a", b"b", b"c", b"b", b"d"):
        await limits.take(name, limit=9)
    assert len(limits._windows) == 3
    assert [(await limits.take(name, limit=9)).used for name in (b"d", b"c", b"b")] == [2, 2, 3]
    clock.advance(timedelta(seconds=60))
    await limits.take(b"e", limit=9)
    assert list(limits._windows) == [b"e"]


async def test_two_processes_on_one_database_share_a_limit(engine: AsyncEngine, migrated_url: str) -> None:
    other = make_engine(migrated_url)
    try:
        first, second = NeonRateLimits(statement_by_statement(engine)), NeonRateLimits(statement_by_statement(other))
        takes = [limits.take(b"shared", limit=20) for limits in (first, second) for _ in range(50)]
        standings = await asyncio.gather(*takes)
    finally:
        await other.dispose()
    assert sum(one.used <= one.limit for one in standings) == 20


async def test_what_two_processes_count_ahead_lets_none_beyond_the_limit_and_refuses_none_long_before(
    engine: AsyncEngine, migrated_url: str
) -> None:
    other = make_engine(migrated_url)
    try:
        first, second = NeonRateLimits(statement_by_statement(engine)), NeonRateLimits(statement_by_statement(other))
        within: list[int] = []
        for _ in range(52):
            takes = [limits.take(b"shared", limit=2_000) for limits in (first, second) for _ in range(20)]
            within += [one.used for one in await asyncio.gather(*takes) if one.used <= one.limit]
    finally:
        await other.dispose()
    assert len(within) == len(set(within))
    assert 2_000 - 2_000 // BLOCK_SHARE <= len(within) <= 2_000


async def test_whoever_asks_often_is_counted_by_few_statements(engine: AsyncEngine) -> None:
    limits = NeonRateLimits(statement_by_statement(engine))
    standings = [await limits.take(b"often", limit=60_000) for _ in range(500)]
    assert [one.used for one in standings] == list(range(1, 501))
    assert limits._taken < 20


async def test_who_joins_a_slow_count_of_a_window_that_has_ended_is_counted_in_the_next(engine: AsyncEngine) -> None:
    limits = NeonRateLimits(statement_by_statement(engine))
    for _ in range(3):
        await limits.take(b"late", limit=2_000)
    # Another process has taken all that was left, and holds the row until the window's last second is over.
    last_second = func.clock_timestamp() - timedelta(seconds=WINDOW_S - 1)
    async with engine.begin() as other:
        await other.execute(update(rate_windows).values(used=2_000, began_at=last_second))
        first = asyncio.create_task(limits.take(b"late", limit=2_000))
        await asyncio.sleep(1.2)
        second = asyncio.create_task(limits.take(b"late", limit=2_000))
        await asyncio.sleep(0)
        assert limits._blocks[b"late"].coming is not None
    assert sorted([(await first).used, (await second).used]) == [1, 2]


class Late(NeonRateLimits):
    """Hears of its first count when it is told to."""

    def __init__(self, engine: AsyncEngine) -> None:
        super().__init__(engine)
        self.counted, self.hear = asyncio.Event(), asyncio.Event()

    async def _count(self, bucket: bytes, many: int, limit: int) -> tuple[int, float]:
        counted = await super()._count(bucket, many, limit)
        if not self.counted.is_set():
            self.counted.set()
            await self.hear.wait()
        return counted


async def test_a_count_that_comes_late_takes_nothing_from_what_was_counted_ahead(engine: AsyncEngine) -> None:
    limits = Late(statement_by_statement(engine))
    late = asyncio.create_task(limits.take(b"ann", limit=2_000))
    await limits.counted.wait()
    assert [(await limits.take(b"ann", limit=2_000)).used for _ in range(2)] == [2, 3]
    limits.hear.set()
    assert (await late).used == 1
    assert (await limits.take(b"ann", limit=2_000)).used == 4


async def shift(engine: AsyncEngine, seconds: int) -> None:
    later = update(rate_windows).values(began_at=rate_windows.c.began_at + timedelta(seconds=seconds))
    async with engine.begin() as connection:
        await connection.execute(later)


async def test_the_databases_window_ends_too(engine: AsyncEngine) -> None:
    limits = NeonRateLimits(statement_by_statement(engine))
    await limits.take(b"ann", limit=1)
    await shift(engine, -59)
    near_its_end = await limits.take(b"ann", limit=1)
    assert (near_its_end.used, near_its_end.reset_s) == (2, 1)
    await shift(engine, -1)
    assert (await limits.take(b"ann", limit=1)).used == 1


async def test_a_clock_that_jumped_by_an_hour_locks_nobody_out(engine: AsyncEngine) -> None:
    limits = NeonRateLimits(statement_by_statement(engine))
    for _ in range(3):
        await limits.take(b"ann", limit=1)
    # To a window, a clock that jumps back by an hour is a beginning an hour ahead.
    await shift(engine, 3_600)
    assert (await limits.take(b"ann", limit=1)).used == 1
    await shift(engine, -3_600)
    assert (await limits.take(b"ann", limit=1)).used == 1
    # A small step back makes the window longer by as much, and lets nobody in early.
    await shift(engine, 30)
    assert (await limits.take(b"ann", limit=1)).used == 2


async def test_windows_long_past_are_cleared(engine: AsyncEngine) -> None:
    limits = NeonRateLimits(statement_by_statement(engine))
    for name in (b"old", b"older"):
        await limits.take(name, limit=1)
    await shift(engine, -7_200)
    limits._taken = CLEAR_EVERY
    await limits.take(b"new", limit=1)
    async with engine.connect() as connection:
        assert (await connection.execute(select(rate_windows.c.bucket))).scalars().all() == [b"new"]
