import asyncio

import pytest

from adapters.memory.clock import SystemClock
from adapters.memory.rates import InMemoryRateLimits
from adapters.neon.engine import statement_by_statement
from adapters.neon.rates import NeonRateLimits
from domain.access.ports import RateLimits
from domain.access.rates import RateStanding
from domain.errors import RateExceeded


@pytest.fixture(params=["memory", "neon"])
def limits(request: pytest.FixtureRequest) -> RateLimits:
    if request.param == "memory":
        return InMemoryRateLimits(SystemClock())
    return NeonRateLimits(statement_by_statement(request.getfixturevalue("engine")))


async def test_each_request_is_counted_and_the_one_beyond_the_limit_is_told(limits: RateLimits) -> None:
    standings = [await limits.take(b"ann", limit=3) for _ in range(5)]
    assert [one.used for one in standings] == [1, 2, 3, 4, 4]
    assert [one.remaining for one in standings] == [2, 1, 0, 0, 0]
    assert all(1 <= one.reset_s <= 60 and one.limit == 3 for one in standings)
    assert standings[0].reset_s == 60


async def test_one_bucket_is_not_another(limits: RateLimits) -> None:
    await limits.take(b"ann", limit=1)
    assert (await limits.take(b"bob", limit=1)).used == 1
    assert (await limits.take(b"ann", limit=1)).used == 2
    assert (await limits.take(b"a" * 64, limit=1)).used == 1


async def test_of_200_at_once_at_a_limit_of_20_just_20_are_within(limits: RateLimits) -> None:
    standings = await asyncio.gather(*(limits.take(b"burst", limit=20) for _ in range(200)))
    assert sum(one.used <= one.limit for one in standings) == 20
    assert sorted(one.used for one in standings)[:20] == list(range(1, 21))


async def test_of_a_long_burst_each_request_is_counted_once_and_none_beyond_the_limit_passes(
    limits: RateLimits,
) -> None:
    first = [(await limits.take(b"many", limit=1_200)).used for _ in range(20)]
    rest = [one.used for one in await asyncio.gather(*(limits.take(b"many", limit=1_200) for _ in range(1_300)))]
    assert first == list(range(1, 21))
    assert sorted(rest)[:1_180] == list(range(21, 1_201))
    assert sorted(rest)[1_180:] == [1_201] * 120


def test_beyond_the_limit_is_refused_with_the_time_to_come_back() -> None:
    RateStanding(3, 3, 17).require()
    with pytest.raises(RateExceeded) as refused:
        RateStanding(3, 4, 17).require()
    assert refused.value.retry_after_s == 17
