"""The one policy for services outside: when it retries, when it opens, when it tries again."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import pytest

from adapters.resilience.breaker import Breaker, BreakerState
from adapters.resilience.bulkhead import Bulkhead
from adapters.resilience.dependency import Dependencies, Dependency, Policy
from adapters.resilience.faults import Blame, Fault, fault_of_status
from adapters.resilience.retry_after import retry_after_s
from application.deadline import seconds_left, within
from domain.errors import PortError, PortRefused, PortReplyInvalid, PortUnavailable

PORT = "somewhere"
WELL = BreakerState.CLOSED


@dataclass
class Outside:
    """A dependency on a clock of its own, and the service behind it as a list of what each call will do."""

    script: list[Exception | str] = field(default_factory=list)
    now: float = 1000.0
    waits: list[float] = field(default_factory=list)
    calls: int = 0
    policy: Policy = field(default_factory=lambda: Policy(timeout_s=10, attempts=2, width=8, queue=8))

    def __post_init__(self) -> None:
        breaker = Breaker(PORT, now=lambda: self.now)
        bulkhead = Bulkhead(PORT, width=self.policy.width, queue=self.policy.queue)
        self.dependency = Dependency(PORT, self.policy, breaker, bulkhead, sleep=self.sleep)

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds

    async def work(self, _: float) -> str:
        self.calls += 1
        step = self.script.pop(0) if self.script else "well"
        if isinstance(step, Exception):
            raise step
        return step

    async def call(self, *steps: Exception | str) -> str:
        self.script = list(steps)
        return await self.dependency.call(self.work)

    async def fail(self, times: int, error: Exception | None = None) -> None:
        for _ in range(times):
            with suppress(PortError):
                await self.call(error or PortReplyInvalid(PORT, "nonsense"))

    @property
    def state(self) -> BreakerState:
        return self.dependency.breaker.state


def unavailable(after_s: float | None = None) -> PortUnavailable:
    return PortUnavailable(PORT, retry_after_s=after_s)


async def test_a_passing_failure_is_met_by_one_more_attempt() -> None:
    outside = Outside()
    assert await outside.call(unavailable(), "well") == "well"
    assert outside.calls == 2
    assert 0.1 <= outside.waits[0] <= 0.2


async def test_a_call_is_attempted_twice_at_most() -> None:
    outside = Outside()
    with pytest.raises(PortUnavailable):
        await outside.call(*[unavailable()] * 9)
    assert outside.calls == 2


@pytest.mark.parametrize("error", [PortRefused(PORT, "no"), PortReplyInvalid(PORT, "nonsense")])
async def test_what_another_attempt_would_not_change_is_not_repeated(error: PortError) -> None:
    outside = Outside()
    with pytest.raises(type(error)):
        await outside.call(error, "well")
    assert outside.calls == 1


async def test_the_wait_that_a_service_asks_for_is_kept() -> None:
    outside = Outside()
    await outside.call(unavailable(3.0), "well")
    assert outside.waits[0] >= 3.0


async def test_a_wait_beyond_the_deadline_is_not_begun() -> None:
    outside = Outside()
    with pytest.raises(PortUnavailable) as failed:
        await outside.call(unavailable(11.0), "well")
    assert (outside.calls, outside.waits) == (1, [])
    assert failed.value.retry_after_s == 11.0


async def test_a_deadline_of_the_caller_s_is_passed_down_and_kept() -> None:
    outside, told = Outside(), list[float]()

    async def late(timeout_s: float) -> None:
        told.append(timeout_s)
        await asyncio.Event().wait()

    with within(0.02), within(5.0), pytest.raises(PortUnavailable, match="in time"):
        await outside.dependency.call(late)
    assert told
    assert told[0] <= 0.02
    assert seconds_left(7.0) == 7.0


async def test_one_failure_or_four_say_nothing() -> None:
    outside = Outside()
    await outside.fail(4)
    assert outside.state is WELL


async def test_more_than_half_of_five_calls_open_the_breaker_and_nothing_is_sent_then() -> None:
    outside = Outside()
    await outside.call()
    await outside.call()
    await outside.fail(3)
    assert outside.state is BreakerState.OPEN
    sent = outside.calls
    with pytest.raises(PortUnavailable) as refused:
        await outside.call()
    assert outside.calls == sent
    assert refused.value.retry_after_s == 5.0


async def test_half_of_the_calls_failing_is_borne() -> None:
    outside = Outside()
    for _ in range(10):
        await outside.call()
        await outside.fail(1)
    assert outside.state is WELL


async def test_failures_of_more_than_a_minute_ago_are_forgotten() -> None:
    outside = Outside()
    await outside.fail(4)
    outside.now += 61
    await outside.fail(4)
    assert outside.state is WELL


@pytest.mark.parametrize("status", [401, 402, 403])
async def test_a_refused_account_opens_at_once_and_is_not_retried(status: int) -> None:
    outside = Outside()
    with pytest.raises(PortRefused, match=str(status)):
        await outside.call(fault_of_status(PORT, status, {}), "well")
    assert outside.state is BreakerState.OPEN
    assert outside.calls == 1


async def test_a_refused_request_tells_nothing_against_the_service() -> None:
    outside = Outside()
    await outside.fail(50, fault_of_status(PORT, 422, {}))
    assert outside.state is WELL


async def test_a_bug_of_ours_passes_as_it_is_and_is_not_counted() -> None:
    outside = Outside()
    for _ in range(9):
        with pytest.raises(ZeroDivisionError):
            await outside.call(ZeroDivisionError())
    assert outside.state is WELL


async def test_the_first_success_comes_with_the_next_probe() -> None:
    outside = Outside()
    await outside.fail(5)
    outside.now += 5
    assert outside.state is BreakerState.HALF_OPEN
    assert await outside.call() == "well"
    assert outside.state is WELL


async def test_rests_double_up_to_a_minute_and_begin_anew_after_a_success() -> None:
    outside = Outside()
    await outside.fail(5)
    rests = []
    for _ in range(6):
        rests.append(outside.dependency.breaker.retry_in_s)
        outside.now += rests[-1]
        await outside.fail(1)
    assert rests == [5, 10, 20, 40, 60, 60]
    outside.now += 60
    await outside.call()
    await outside.fail(5)
    assert outside.dependency.breaker.retry_in_s == 5


async def test_only_one_call_probes_and_one_that_goes_away_leaves_the_probe_to_the_next() -> None:
    outside, begun, release = Outside(), asyncio.Event(), asyncio.Event()
    await outside.fail(5)
    outside.now += 5

    async def slow(_: float) -> None:
        begun.set()
        await release.wait()

    probe = asyncio.create_task(outside.dependency.call(slow))
    await begun.wait()
    with pytest.raises(PortUnavailable):
        await outside.call()
    probe.cancel()
    with pytest.raises(asyncio.CancelledError):
        await probe
    assert await outside.call() == "well"


async def test_what_was_under_way_when_the_breaker_opened_does_not_close_it() -> None:
    outside, release = Outside(), asyncio.Event()

    async def slow(_: float) -> str:
        await release.wait()
        return "late"

    under_way = asyncio.create_task(outside.dependency.call(slow))
    await asyncio.sleep(0)
    await outside.fail(5)
    release.set()
    assert await under_way == "late"
    assert outside.state is BreakerState.OPEN


async def test_a_service_that_asks_for_a_longer_rest_gets_it_up_to_a_minute() -> None:
    outside = Outside()
    limited = Fault(unavailable(30.0), blame=Blame.SERVICE, retryable=False)
    await outside.fail(5, limited)
    assert outside.dependency.breaker.retry_in_s == 30
    other = Outside()
    await other.fail(5, Fault(unavailable(9999.0), blame=Blame.SERVICE, retryable=False))
    assert other.dependency.breaker.retry_in_s == 60


@asynccontextmanager
async def _place(bulkhead: Bulkhead, wait_s: float) -> AsyncIterator[None]:
    await bulkhead.enter(wait_s)
    try:
        yield
    finally:
        bulkhead.leave()


async def test_no_more_calls_run_at_once_than_the_bulkhead_is_wide() -> None:
    outside = Outside(policy=Policy(timeout_s=10, width=3, queue=50))
    running, most = 0, 0

    async def work(_: float) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1

    await asyncio.gather(*(outside.dependency.call(work) for _ in range(50)))
    assert most == 3


async def test_a_full_line_refuses_at_once_and_one_who_waits_too_long_is_refused_later() -> None:
    outside = Outside(policy=Policy(timeout_s=0.02, width=1, queue=1))
    release = asyncio.Event()

    async def hold() -> None:
        async with _place(outside.dependency.bulkhead, 1):
            await release.wait()

    holder = asyncio.create_task(hold())
    await asyncio.sleep(0)
    waiting = asyncio.create_task(outside.call())
    await asyncio.sleep(0)
    with pytest.raises(PortUnavailable, match="too many"):
        await outside.call()
    with pytest.raises(PortUnavailable, match="too many"):
        await waiting
    release.set()
    await holder
    assert await outside.call() == "well"
    assert outside.state is WELL


async def test_slots_survive_any_order_of_leaving_and_cancelling() -> None:
    chance, bulkhead = random.Random(7), Bulkhead(PORT, width=2, queue=100)  # noqa: S311  not a secret

    async def visit() -> None:
        async with _place(bulkhead, chance.choice([0.001, 1])):
            await asyncio.sleep(chance.choice([0, 0.001]))

    for _ in range(20):
        visits = [asyncio.create_task(visit()) for _ in range(10)]
        await asyncio.sleep(0)
        for task in chance.sample(visits, 4):
            task.cancel()
        await asyncio.gather(*visits, return_exceptions=True)
    async with _place(bulkhead, 0), _place(bulkhead, 0):
        with pytest.raises(PortUnavailable):
            await bulkhead.enter(0)


async def test_a_stream_is_counted_like_a_call_and_held_to_its_time() -> None:
    outside = Outside()

    async def read(end: Callable[[], Awaitable[object]]) -> None:
        async with outside.dependency.attempt(0.01):
            await end()

    for _ in range(5):
        with pytest.raises(PortUnavailable, match="in time"):
            await read(asyncio.Event().wait)
    assert outside.state is BreakerState.OPEN


def test_states_are_there_to_be_read_and_a_name_is_one_dependency() -> None:
    dependencies = Dependencies()
    first = dependencies.add("embedder", Policy(timeout_s=1))
    assert dependencies.add("embedder", Policy(timeout_s=9)) is first
    assert dependencies.states() == {"embedder": "closed"}


async def test_a_refused_account_closes_the_way_to_all_its_services_and_a_failing_service_only_its_own() -> None:
    dependencies = Dependencies()
    embed = dependencies.add("embed", Policy(timeout_s=1, attempts=1), account="cohere")
    rerank = dependencies.add("rerank", Policy(timeout_s=1, attempts=1), account="cohere")

    async def call(dependency: Dependency, error: Exception | None) -> None:
        async def work(_: float) -> None:
            if error is not None:
                raise error

        with suppress(PortError):
            await dependency.call(work)

    for _ in range(5):
        await call(embed, PortReplyInvalid(PORT, "nonsense"))
    assert dependencies.states() == {"cohere": "closed", "embed": "open", "rerank": "closed"}
    await call(rerank, fault_of_status(PORT, 401, {}))
    assert dependencies.states() == {"cohere": "open", "embed": "open", "rerank": "closed"}
    with pytest.raises(PortUnavailable, match="cohere"):
        await rerank.call(lambda _: asyncio.sleep(0))


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "Sat, 21 Nov 2026 00:00:30 GMT"}, 30.0),
        ({"retry-after": "Sat, 21 Nov 2026 00:00:30"}, 30.0),
        ({"retry-after": "Fri, 20 Nov 2026 23:00:00 GMT"}, 0.0),
        ({"retry-after": "-5"}, 0.0),
        ({"retry-after": "1e9"}, 86_400.0),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"x-ratelimit-reset": "1795219260"}, 60.0),
        ({"x-ratelimit-reset": "1795219260000"}, 60.0),
        ({"x-ratelimit-reset": "20"}, 20.0),
        ({"retry-after": "soon", "x-ratelimit-reset": "20"}, 20.0),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": ""}, None),
        ({}, None),
    ],
)
def test_what_a_service_says_of_coming_back(headers: dict[str, str], seconds: float | None) -> None:
    midnight = 1_795_219_200.0  # 2026-11-21T00:00:00Z
    assert retry_after_s(headers, now=midnight) == seconds
