"""A month on the free plans, its calls counted where they arrive."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from adapters.memory.analyzer import PlainAnalyzer
from adapters.memory.budgets import InMemoryProviderBudgets
from adapters.memory.clock import SettableClock
from adapters.openrouter.chat_model import OpenRouterChatModel
from adapters.resilience.dependency import Dependencies
from application.judging import Judging
from application.model_costs import ModelCosts
from application.model_judge import ModelJudge
from application.reranking import Reranking
from domain.access.quotas import free_allowances
from domain.grounding.lexical import LexicalVerifier
from entrypoints.model_settings import ModelSettings
from tests.fakes.cohere import EMBED, RERANK, FakeCohere
from tests.fakes.openrouter import KEY, FakeOpenRouter, Play, said
from tests.providers import cohere_embedder, cohere_reranker
from tests.story import PINNING, SNAPSHOTS, Story

FIRST = datetime(2026, 11, 1, tzinfo=UTC)


def unlike(number: int) -> str:
    """A question of its own, as caches see it, that always means the same."""
    return "How is an exact version written" + "?" * (number + 1)


@asynccontextmanager
async def a_free_story(cohere: FakeCohere, clock: SettableClock, *, calls: int = 1_000) -> AsyncIterator[Story]:
    allowances = free_allowances(model_calls_per_day=50, cohere_calls_per_month=calls)
    budgets = InMemoryProviderBudgets(allowances, clock)
    async with (
        cohere_embedder(cohere.url, budgets=budgets, question_s=30) as embedder,
        cohere_reranker(cohere.url, budgets=budgets) as reranker,
    ):
        story = Story(embedder=embedder, reranking=Reranking(reranker, 30), budgets=budgets)
        await story.ingest({"pinning.md": PINNING, "snapshots.md": SNAPSHOTS})
        yield story


async def test_thirty_questions_a_day_for_a_month_stay_inside_the_plan_and_are_all_answered() -> None:
    clock, said = SettableClock(FIRST), Counter[str]()
    async with FakeCohere(checked=False) as cohere, a_free_story(cohere, clock) as story:
        for number in range(30 * 30):
            turn = await story.ask(unlike(number))
            assert turn.status == "answered", number
            said.update(turn.degraded)
            clock.advance(timedelta(days=1) / 30)
        calls = len(cohere.calls)
        reranks = cohere.count(RERANK)
    assert calls <= 1_000
    # Every question was embedded, and what the month had to spare went into reranking.
    assert said.keys() == {"rerank_quota"}
    assert reranks == 900 - said["rerank_quota"]
    assert reranks > 60


async def test_a_rush_of_questions_is_answered_inside_the_minute() -> None:
    clock = SettableClock(FIRST)
    async with FakeCohere(checked=False) as cohere, a_free_story(cohere, clock) as story:
        turns = await asyncio.gather(*(story.ask(unlike(number)) for number in range(40)))
        assert cohere.count(RERANK) == 10
        assert cohere.count(EMBED) == 41
    assert {turn.status for turn in turns} == {"answered"}
    assert sum("rerank_quota" in turn.degraded for turn in turns) == 30


async def test_a_month_that_is_used_up_is_answered_by_words_until_the_next() -> None:
    clock = SettableClock(FIRST + timedelta(days=29, hours=23))
    async with FakeCohere(checked=False) as cohere, a_free_story(cohere, clock, calls=100) as story:
        for number in range(100):
            turn = await story.ask(unlike(number))
            clock.advance(timedelta(seconds=20))
        assert (turn.status, turn.degraded) == ("answered", ("embed_quota", "lexical_only", "rerank_quota"))
        assert len(cohere.calls) == 100
        clock.advance(timedelta(hours=1))
        assert (await story.ask(unlike(2_000))).degraded == ()


@pytest.mark.long
async def test_a_month_of_models_and_a_judge_stays_inside_the_day_and_every_question_has_its_model() -> None:
    """Thirty questions a day, all asked within two hours; the judge takes what is to spare, and the plan is 50."""
    clock, judged, days = SettableClock(FIRST + timedelta(hours=9)), Counter[str](), Counter[int]()
    allowances = free_allowances(model_calls_per_day=50, cohere_calls_per_month=1_000)
    budgets = InMemoryProviderBudgets(allowances, clock)
    async with FakeOpenRouter() as server:
        model = OpenRouterChatModel(Dependencies(), KEY, server.url)
        judge = ModelJudge(LexicalVerifier(PlainAnalyzer()), model, budgets, "judge", ModelCosts())
        story = Story(models=ModelSettings(names=("m",)), chat_model=model, budgets=budgets, judging=Judging(judge, 30))
        await story.ingest({"pinning.md": PINNING, "snapshots.md": SNAPSHOTS})
        for number in range(30 * 30):
            # A plain text each time, so that no verdict is remembered either.
            server.script(
                "m", Play(said(f"Exact versions of {number} dependencies stand in a file of requirements [1]."))
            )
            before = len(server.calls)
            turn = await story.ask(unlike(number))
            days[number // 30] += len(server.calls) - before
            assert (turn.status, turn.model, turn.degraded) == ("answered", "m", ()), number
            assert turn.verifier is not None
            judged[turn.verifier.missing.reason if turn.verifier.missing else turn.verifier.name] += 1
            clock.advance(timedelta(minutes=4) if number % 30 != 29 else timedelta(days=1) - 29 * timedelta(minutes=4))
        await model.close()
    assert max(days.values()) <= 50
    assert sum(days.values()) == 900 + judged["judge"]
    assert judged.keys() == {"judge", "quota"}
