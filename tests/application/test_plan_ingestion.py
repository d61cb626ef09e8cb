"""What an ingestion will buy is said before it begins, and is what it then buys."""

import logging
from datetime import UTC, datetime

import pytest

from adapters.memory.budgets import InMemoryProviderBudgets
from adapters.memory.clock import SettableClock
from application.submit_ingestion import SubmitIngestionCommand
from domain.access.embedding_plan import Embedded, EmbeddingPlan, against
from domain.access.model import Principal, Scope
from domain.access.ports import ProviderBudgets
from domain.access.quotas import Plan, ProviderCall, free_allowances
from domain.errors import CollectionNotFound, ScopeMissing
from domain.library.model import Format, SourceDocument
from tests.builders import NOON
from tests.fakes.cohere import EMBED, FakeCohere
from tests.providers import cohere_embedder
from tests.story import ADMIN, PINNING, SNAPSHOTS, Story

PAGES = {f"{n}.md": f"# Page {n}\n\nIt says {n}.\n\n## More\n\nAnd {n * 7} more.\n" for n in range(40)}
DECEMBER = datetime(2026, 12, 1, tzinfo=UTC)


def free(calls_per_month: int = 1_000) -> InMemoryProviderBudgets:
    allowances = free_allowances(model_calls_per_day=50, cohere_calls_per_month=calls_per_month)
    return InMemoryProviderBudgets(allowances, SettableClock(NOON))


def a_story(embedder: object, budgets: ProviderBudgets) -> Story:
    return Story(embedder=embedder, budgets=budgets, clock=SettableClock(NOON), texts_a_call=96, plan=Plan.FREE)


def command(pages: dict[str, str], principal: Principal = ADMIN, collection: str = "docs") -> SubmitIngestionCommand:
    sources = [SourceDocument(uri, text, Format.MARKDOWN) for uri, text in pages.items()]
    return SubmitIngestionCommand(principal, collection, sources, base_url="https://x.test/")


async def test_the_plan_is_what_is_then_bought_and_stays_with_the_ingestion(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "ibid.ingest")
    budgets = free()
    async with FakeCohere() as cohere, cohere_embedder(cohere.url, budgets=budgets) as embedder:
        story = a_story(embedder, budgets)
        before = await story.use_cases.plan_ingestion().of_request(command(PAGES))
        assert cohere.count(EMBED) == 0
        ingestion = await story.ingest(PAGES)
        sent = [body for _, body in cohere.calls]
        assert before == ingestion.plan
        assert ingestion.plan is not None
        assert (ingestion.plan.documents, ingestion.plan.passages) == (40, ingestion.passages)
        assert ingestion.plan.inputs == sum(len(body["texts"]) for body in sent)
        assert ingestion.plan.calls == len(sent)
        assert ingestion.embedded == Embedded(ingestion.plan.calls, ingestion.plan.inputs, 0)
        assert ingestion.plan.short_of is None
        assert [record.message for record in caplog.records].count("ingestion planned") == 1

        again = await story.use_cases.plan_ingestion().of_request(command(PAGES))
        assert again == EmbeddingPlan(0, 0, 0, 0, 0)
        edited = PAGES | {"3.md": PAGES["3.md"].replace("And 21 more", "And 22 more")}
        changed = await story.use_cases.plan_ingestion().of_request(command(edited))
        assert changed is not None
        assert (changed.documents, changed.passages, changed.inputs, changed.calls) == (1, 2, 1, 1)
        assert (await story.ingest(PAGES)).embedded == Embedded()
        assert (await story.ingest(edited)).embedded == Embedded(calls=1, texts=1, reused=1)
        assert cohere.count(EMBED) == len(sent) + 1


async def test_a_plan_that_runs_out_half_way_fails_what_is_left_with_the_word_and_a_retry_takes_it_up() -> None:
    budgets = free(calls_per_month=1)
    async with FakeCohere() as cohere, cohere_embedder(cohere.url, budgets=budgets) as embedder:
        story = a_story(embedder, budgets)
        ingestion = await story.ingest(PAGES)
        assert ingestion.plan is not None
        assert ingestion.plan.calls == 3
        assert (ingestion.plan.short_of, ingestion.plan.resets_at) == ("cohere_calls_per_month", DECEMBER)
        # Three parts of 16, 16 and 8 pages go side by side, and the one that is prepared first has the only call.
        assert (ingestion.counts["added"], ingestion.counts["failed"]) in {(16, 24), (8, 32)}
        async with story.unit_of_work() as uow:
            documents = (await uow.ingestions.documents(ingestion.id, limit=99, cursor=None)).items
        reasons = {one.error for one in documents if one.error}
        assert len(reasons) == 1
        assert "embed_quota" in str(reasons)
        assert "retry the ingestion after 2026-12-01 00:00 UTC" in str(reasons)
        assert cohere.count(EMBED) == 1


async def test_nothing_is_planned_where_nothing_is_bought() -> None:
    story = Story()
    assert await story.use_cases.plan_ingestion().of_request(command(PAGES)) is None
    ingestion = await story.ingest({"pinning.md": PINNING})
    assert (ingestion.plan, ingestion.embedded) == (None, Embedded())


async def test_on_a_paid_plan_a_plan_is_made_when_asked_for_alone() -> None:
    story = Story(texts_a_call=96)
    assert (await story.ingest({"pinning.md": PINNING})).plan is None
    asked = await story.use_cases.plan_ingestion().of_request(command({"snapshots.md": SNAPSHOTS}))
    assert asked is not None
    assert (asked.inputs, asked.seconds, asked.short_of) == (2, 0.0, None)


async def test_planning_stores_nothing_and_asks_for_the_same_leave_as_ingesting() -> None:
    story = Story(texts_a_call=96)
    planning = story.use_cases.plan_ingestion()
    await planning.of_request(command(PAGES))
    async with story.unit_of_work() as uow:
        assert list(await uow.collections.all()) == []
    loader = Principal("loaders", "loader", frozenset({Scope.INGEST}), frozenset({"docs"}))
    with pytest.raises(CollectionNotFound):
        await planning.of_request(command(PAGES, loader))
    with pytest.raises(ScopeMissing):
        await planning.of_request(command(PAGES, Principal("r", "r", frozenset({Scope.ASK}))))


def a_loader(*collections: str) -> Principal:
    return Principal(collections[0], "loader", frozenset({Scope.INGEST}), frozenset(collections))


async def test_nobody_is_told_that_another_has_a_passage_like_ones_own() -> None:
    """Neither by what is planned nor by what is then counted; what it costs is another matter."""
    budgets = free()
    async with FakeCohere() as cohere, cohere_embedder(cohere.url, budgets=budgets) as embedder:
        story = a_story(embedder, budgets)
        for name in ("theirs", "mine", "mine-too"):
            await story.ingest({"empty.md": f"This is {name}."}, collection=name)
        await story.ingest(PAGES, collection="theirs", principal=a_loader("theirs"))
        told = []
        nobodys = {uri: text.replace("It says", "We says").replace("And", "Yet") for uri, text in PAGES.items()}
        loader = a_loader("mine")
        for pages in (PAGES, nobodys):
            plan = await story.use_cases.plan_ingestion().of_request(command(pages, loader, "mine"))
            done = await story.ingest(pages, collection="mine", principal=loader, prune=True)
            told.append((plan, done.plan, done.embedded))
        assert told[0] == told[1]
        assert told[0][2] == Embedded(3, 80, 0)

        # What is in a collection of its own may be told.
        both = a_loader("mine", "mine-too")
        again = await story.use_cases.plan_ingestion().of_request(command(pages, both, "mine-too"))
        assert again is not None
        assert (again.passages, again.inputs, again.calls) == (80, 0, 0)
        moved = await story.ingest(pages, collection="mine-too", principal=both)
        assert moved.embedded == Embedded(0, 0, 80)
        # And whoever is granted all collections is told all.
        assert (await story.ingest(PAGES, collection="mine-too")).embedded == Embedded(0, 0, 80)


async def test_texts_beyond_a_minute_s_allowance_take_minutes() -> None:
    plan = EmbeddingPlan(100, 5_000, 5_000, 53, 1_000_000)
    budgets = free()
    assert against(plan, await budgets.left(), NOON).seconds == 120
    for _ in range(20):
        await budgets.reserve(ProviderCall.EMBED, inputs=96)
    assert against(plan, await budgets.left(), NOON).seconds == 180
    assert against(plan, (), NOON) == plan
