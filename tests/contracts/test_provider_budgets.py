"""What every ProviderBudgets does."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.memory.budgets import InMemoryProviderBudgets
from adapters.memory.clock import SettableClock
from adapters.neon.budgets import NeonProviderBudgets
from adapters.neon.engine import statement_by_statement
from domain.access.ports import ProviderBudgets
from domain.access.quotas import Allowance, ProviderCall, Window, free_allowances
from domain.errors import QuotaSpent

EMBED, RERANK, MODEL = ProviderCall.EMBED, ProviderCall.RERANK, ProviderCall.MODEL
FREE = free_allowances(model_calls_per_day=50, cohere_calls_per_month=1_000)
LAST_DAY = datetime(2026, 11, 30, 23, 0, 0, 250_000, tzinfo=UTC)
Made = Callable[..., ProviderBudgets]


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(LAST_DAY)


@pytest.fixture(params=["memory", "neon", "neon through pgbouncer"])
def made(request: pytest.FixtureRequest, clock: SettableClock) -> Made:
    """Budgets on one fresh store, as one process after another would open them."""
    if request.param == "memory":
        one: dict[Sequence[Allowance], ProviderBudgets] = {}
        return lambda held=FREE: one.setdefault(held, InMemoryProviderBudgets(held, clock))
    pooled = "pgbouncer" in request.param
    engine: AsyncEngine = request.getfixturevalue("pooled_engine" if pooled else "engine")
    return lambda held=FREE: NeonProviderBudgets(statement_by_statement(engine), held, clock)


async def used(budgets: ProviderBudgets) -> dict[str, int]:
    return {one.name: one.used for one in await budgets.left()}


async def test_a_call_is_taken_from_every_allowance_that_it_draws_on(made: Made) -> None:
    budgets = made()
    await budgets.reserve(EMBED, inputs=96)
    await budgets.reserve(RERANK, inputs=30)
    await budgets.reserve(MODEL)
    assert await used(budgets) == {
        "cohere_calls_per_month": 2,
        "cohere_reranks_per_minute": 1,
        "cohere_inputs_per_minute": 96,
        "openrouter_calls_per_minute": 1,
        "openrouter_calls_per_day": 1,
    }


async def test_what_is_used_up_is_refused_with_the_time_when_it_comes_back(made: Made, clock: SettableClock) -> None:
    budgets = made()
    for _ in range(10):
        await budgets.reserve(RERANK)
    clock.advance(timedelta(seconds=20))
    with pytest.raises(QuotaSpent) as spent:
        await budgets.reserve(RERANK)
    assert (spent.value.allowance, round(spent.value.retry_after_s)) == ("cohere_reranks_per_minute", 41)
    clock.advance(timedelta(seconds=spent.value.retry_after_s))
    await budgets.reserve(RERANK)


async def test_a_refused_call_takes_nothing_of_any_allowance(made: Made) -> None:
    budgets = made()
    await budgets.reserve(EMBED, inputs=1_990)
    with pytest.raises(QuotaSpent):
        await budgets.reserve(EMBED, inputs=96)
    assert (await used(budgets))["cohere_calls_per_month"] == 1


async def test_no_minute_that_begins_anywhere_sees_more_than_its_allowance(made: Made, clock: SettableClock) -> None:
    budgets, times = made(), []
    for _ in range(400):
        try:
            await budgets.reserve(MODEL)
            times.append(clock.now())
        except QuotaSpent:
            pass
        clock.advance(timedelta(milliseconds=350))
    assert len(times) == 50
    assert all(sum(one <= other < one + timedelta(seconds=60) for other in times) <= 20 for one in times)


async def test_of_many_at_once_exactly_as_many_go_through_as_there_are(made: Made) -> None:
    budgets = made((Allowance("few", frozenset({MODEL}), 10, Window.DAY),))
    outcomes = await asyncio.gather(*(budgets.reserve(MODEL) for _ in range(50)), return_exceptions=True)
    assert sum(isinstance(one, QuotaSpent) for one in outcomes) == 40
    assert await used(budgets) == {"few": 10}


async def test_processes_share_one_count(made: Made) -> None:
    few = (Allowance("few", frozenset({MODEL}), 10, Window.DAY),)
    processes = [made(few) for _ in range(4)]
    tried = (budgets.reserve(MODEL) for _ in range(15) for budgets in processes)
    outcomes = await asyncio.gather(*tried, return_exceptions=True)
    assert sum(isinstance(one, QuotaSpent) for one in outcomes) == 50
    assert await used(made(few)) == {"few": 10}


async def test_a_call_that_was_never_made_does_not_count(made: Made) -> None:
    budgets = made((Allowance("one", frozenset({MODEL}), 1, Window.DAY),))
    reservation = await budgets.reserve(MODEL)
    await budgets.settle(reservation, made=False)
    await budgets.settle(await budgets.reserve(MODEL), made=True)
    assert await used(budgets) == {"one": 1}


async def test_what_another_process_gave_back_can_be_used(made: Made) -> None:
    few = (Allowance("one", frozenset({MODEL}), 1, Window.DAY),)
    one, other = made(few), made(few)
    taken = await one.reserve(MODEL)
    with pytest.raises(QuotaSpent):
        await other.reserve(MODEL)
    await one.settle(taken, made=False)
    await other.reserve(MODEL)


async def test_a_day_and_a_month_begin_anew_in_utc(made: Made, clock: SettableClock) -> None:
    budgets = made((Allowance("day", frozenset({MODEL}), 1, Window.DAY),))
    await budgets.reserve(MODEL)
    with pytest.raises(QuotaSpent) as spent:
        await budgets.reserve(MODEL)
    assert spent.value.retry_after_s == pytest.approx(3600, abs=1)
    clock.advance(timedelta(hours=1))
    await budgets.reserve(MODEL)


async def test_reranks_leave_what_embedding_the_rest_of_the_month_takes(made: Made, clock: SettableClock) -> None:
    clock.advance(datetime(2026, 12, 1, tzinfo=UTC) - clock.now())
    budgets, reranked = made(), 0
    for _ in range(28 * 32):
        try:
            await budgets.reserve(RERANK)
            reranked += 1
        except QuotaSpent:
            pass
        await budgets.reserve(EMBED)  # 32 a day, and never one too many
        clock.advance(timedelta(days=1) / 32)
    assert reranked > 50


async def test_what_the_provider_calls_used_up_is_used_up(made: Made, clock: SettableClock) -> None:
    budgets = made()
    await budgets.exhaust(EMBED, Window.MONTH)
    with pytest.raises(QuotaSpent):
        await budgets.reserve(EMBED)
    clock.advance(timedelta(hours=1))
    await budgets.reserve(EMBED)


async def test_without_allowances_nothing_is_limited(made: Made) -> None:
    budgets = made(())
    for _ in range(3_000):
        await budgets.reserve(MODEL)
    await budgets.exhaust(MODEL, Window.DAY)
    await budgets.settle(await budgets.reserve(MODEL), made=False)
    assert await budgets.left() == []


async def test_each_allowance_says_when_all_of_it_is_back(made: Made, clock: SettableClock) -> None:
    budgets = made()
    await budgets.reserve(MODEL)
    back = {one.name: (one.left, one.resets_at) for one in await budgets.left()}
    assert back["openrouter_calls_per_day"] == (49, datetime(2026, 12, 1, tzinfo=UTC))
    assert back["cohere_calls_per_month"] == (1_000, None)
