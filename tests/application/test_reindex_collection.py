"""A collection indexed in another way: beside the first, while questions go on, switched in one step, and back."""

from collections.abc import Sequence
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from adapters.formats.by_format import FormatParser
from adapters.memory.analyzer import PlainAnalyzer
from adapters.memory.embedder import HashingEmbedder
from adapters.memory.passage_index import InMemoryPassageIndex
from adapters.memory.preparer import InThreadPreparer
from adapters.memory.sparse_encoder import InMemorySparseEncoder
from adapters.memory.store import InMemoryStore
from application.embedders import Embedders
from application.ports import Ingestion, IngestionKind, IngestionStatus, UnitOfWorkFactory
from application.prepare_documents import Parts
from application.repair_index import RepairIndex
from application.search_passages import SearchPassagesQuery
from domain.access.embedding_plan import Embedded
from domain.access.model import Principal, Scope
from domain.errors import (
    CollectionNotFound,
    NothingToRollBack,
    OutOfRange,
    PortRefused,
    ReindexRunning,
    ScopeMissing,
)
from domain.library.generations import GenerationState, IndexPlace, LiveGeneration
from domain.retrieval.model import Purpose, Vector
from tests.application.test_repair_index import Crash, CrashingIndex, CrashingUnitOfWork, Fuse
from tests.builders import a_principal
from tests.story import ADMIN, PINNING, SNAPSHOTS, Story

PARTS = [" ".join(f"Sentence {n} of number {k} is here." for k in range(40)) for n in range(5)]
LONG = "\n\n".join(f"## Part {n}\n\n{part}" for n, part in enumerate(PARTS))
PAGES = {"pinning.md": PINNING, "snapshots.md": SNAPSHOTS, "long.md": f"# Long\n\n{LONG}"} | {
    f"{n:02}.md": f"# Page {n}\n\nWords of page {n}." for n in range(40)
}
FEW = {name: PAGES[name] for name in list(PAGES)[:20]}
QUESTIONS = ["How is an exact version written?", "For how long are snapshots kept?", "sentence of number 7", "page 9"]
Hits = list[tuple[UUID, str, float]]


class CountingEmbedder(HashingEmbedder):
    def __init__(self, dimensions: int = 256) -> None:
        super().__init__(dimensions)
        self.bought = 0
        self.refused = ""

    async def embed(self, texts: Sequence[str], *, purpose: Purpose) -> Sequence[Vector]:
        if self.refused and any(self.refused in text for text in texts):
            raise PortRefused("embedder", "no such word")
        self.bought += len(texts) if purpose is Purpose.PASSAGE else 0
        return await super().embed(texts, purpose=purpose)


def a_story(**instead: Any) -> tuple[Story, CountingEmbedder, CountingEmbedder]:
    first, second = CountingEmbedder(), CountingEmbedder(64)
    return Story(embedder=first, embedders=Embedders(first, (second,)), **instead), first, second


async def reindexed(story: Story, **how: Any) -> Ingestion:
    work = await story.use_cases.reindex_collection().execute(ADMIN, "docs", **how)
    return await worked(story, work)


async def rolled_back(story: Story) -> Ingestion:
    return await worked(story, await story.use_cases.reindex_collection().roll_back(ADMIN, "docs"))


async def worked(story: Story, work: Ingestion) -> Ingestion:
    await story.work()
    async with story.unit_of_work() as uow:
        return await uow.ingestions.get(work.id, None)


async def live(story: Story) -> Sequence[LiveGeneration]:
    async with story.unit_of_work() as uow:
        return await uow.generations.live("docs")


async def hits(story: Story, question: str) -> Hits:
    found = await story.search_passages.execute(SearchPassagesQuery(ADMIN, question, limit=10))
    assert found.degraded == ()
    return [(one.passage_id, one.text, one.score) for one in found.evidence]


async def all_hits(story: Story) -> list[Hits]:
    return [await hits(story, question) for question in QUESTIONS]


async def in_step(story: Story) -> None:
    """Every index holds exactly what the generations in it are to hold."""
    async with story.unit_of_work() as uow:
        counts = await uow.generations.passage_counts()
        assert list(await uow.documents.stale()) == []
    for place, expected in counts.items():
        assert await (await story.adapters.indexes().at(place)).count() == expected


async def test_other_chunking_is_built_beside_and_rolling_back_gives_exactly_what_was_found_before() -> None:
    story, first, _ = a_story()
    await story.ingest(PAGES)
    before, bought = await all_hits(story), first.bought

    done = await reindexed(story, chunk_chars=200)

    assert (done.kind, done.status) == (IngestionKind.REINDEX, IngestionStatus.SUCCEEDED)
    assert (done.counts["updated"], done.counts["total"]) == (len(PAGES), len(PAGES))
    after = await all_hits(story)
    assert max(len(text) for found in after for _, text, _ in found) <= 200
    assert max(len(text) for found in before for _, text, _ in found) > 200
    assert first.bought > bought
    assert [one.state for one in await live(story)] == [GenerationState.KEPT, GenerationState.ACTIVE]
    await in_step(story)

    bought = first.bought
    back = await rolled_back(story)
    assert (back.kind, back.status, back.counts["total"]) == (IngestionKind.ROLLBACK, IngestionStatus.SUCCEEDED, 0)
    assert await all_hits(story) == before
    assert (await rolled_back(story)).counts["total"] == 0
    assert await all_hits(story) == after
    assert first.bought == bought, "no vector that is kept is bought again"
    await in_step(story)


async def test_a_plain_reindex_makes_the_same_index_again_and_buys_nothing() -> None:
    story, first, _ = a_story()
    await story.ingest(PAGES)
    before, bought = await all_hits(story), first.bought
    await reindexed(story)
    # Of equal scores further down, nobody promises the order.
    after = await all_hits(story)
    assert [[hit[2] for hit in found] for found in after] == [[hit[2] for hit in found] for found in before]
    assert [found[0] for found in after] == [found[0] for found in before]
    assert first.bought == bought
    [kept, active] = await live(story)
    assert (kept.place.slot, active.place.slot) == (0, 1)


async def test_another_embedder_takes_over_with_its_own_vectors() -> None:
    story, first, second = a_story()
    await story.ingest(PAGES)
    before, bought = await all_hits(story), first.bought
    await reindexed(story, embedder=second.name)
    passages = second.bought
    assert (first.bought, passages > len(PAGES)) == (bought, True)
    assert [found[0][0] for found in await all_hits(story)][:2] == [found[0][0] for found in before][:2]
    await story.ingest({"new.md": "# New\n\nWhat is new here."})
    assert (first.bought, second.bought) == (bought, passages + 1)
    await rolled_back(story)
    assert first.bought == bought + 1, "rolling back applies what has changed since, and only that"
    assert (await hits(story, "What is new?"))[0][1] == "What is new here."
    await in_step(story)


async def test_collections_of_two_embedders_are_searched_densely_where_most_of_them_are_alike() -> None:
    story, _, second = a_story()
    await story.ingest(PAGES)
    await story.ingest({"other.md": "# Other\n\nA lantern hangs in the hall of the tower."}, collection="other")
    await story.ingest({"third.md": "# Third\n\nA compass lies on the table."}, collection="third")
    work = await story.use_cases.reindex_collection().execute(ADMIN, "other", embedder=second.name)
    assert (await worked(story, work)).status is IngestionStatus.SUCCEEDED
    query = SearchPassagesQuery(ADMIN, "Where does the lantern hang?", limit=3)
    found = await story.search_passages.execute(query)
    assert found.degraded == ("mixed_embedders",)
    assert "lantern" in found.evidence[0].text
    assert found.raw[0].dense is None, "vectors of two embedders never meet"
    alone = SearchPassagesQuery(ADMIN, "Where does the lantern hang?", ["other"], limit=3)
    found = await story.search_passages.execute(alone)
    assert (found.degraded, found.raw[0].dense is not None) == ((), True)


async def test_what_changes_while_it_is_built_and_after_is_neither_lost_nor_brought_back() -> None:
    story, _, _ = a_story()
    await story.ingest(PAGES)
    work = await story.use_cases.reindex_collection().execute(ADMIN, "docs", chunk_chars=300)
    jobs = sorted(story.adapters.store().jobs.values(), key=lambda job: job.part)
    await story.worker.work(jobs[0])
    changed = await story.submitted(
        {"pinning.md": PINNING.replace("tilde", "caret"), "added.md": "# Added\n\nAn anchor was added."}
    )
    await story.use_cases.forget_document().execute(ADMIN, (await story.document("snapshots.md")).id)
    await story.use_cases.forget_document().execute(ADMIN, (await story.document("39.md")).id)
    await worked(story, changed)
    assert (await worked(story, work)).status is IngestionStatus.SUCCEEDED
    await in_step(story)

    async def check() -> None:
        assert "caret" in (await hits(story, "How are ranges written?"))[0][1]
        assert "anchor" in (await hits(story, "What anchor was added?"))[0][1]
        everything = [text for found in await all_hits(story) for _, text, _ in found]
        assert not any("seven days" in text or "page 39" in text for text in everything)

    await check()
    await story.ingest({"00.md": "# Page 0\n\nA zebra has moved in.", "late.md": "# Late\n\nA comet came late."})
    await story.use_cases.forget_document().execute(ADMIN, (await story.document("long.md")).id)
    assert (await rolled_back(story)).counts["updated"] == 2
    await check()
    assert "zebra" in (await hits(story, "Where is the zebra?"))[0][1]
    assert "comet" in (await hits(story, "Which comet came?"))[0][1]
    assert not any("Sentence" in text for _, text, _ in await hits(story, "sentence of number 7"))
    await in_step(story)


async def test_questions_go_on_while_it_is_built_and_see_one_generation_whole() -> None:
    story, _, _ = a_story()
    await story.ingest(PAGES)
    before = await all_hits(story)
    work = await story.use_cases.reindex_collection().execute(ADMIN, "docs", chunk_chars=200)
    for job in sorted(story.adapters.store().jobs.values(), key=lambda job: job.part)[:-1]:
        await story.worker.work(job)
        assert await all_hits(story) == before
    await worked(story, work)
    assert await all_hits(story) != before


async def test_a_cancelled_reindex_leaves_nothing_behind_and_another_may_begin() -> None:
    story, _, _ = a_story()
    await story.ingest(PAGES)
    before = await all_hits(story)
    work = await story.use_cases.reindex_collection().execute(ADMIN, "docs", chunk_chars=200)
    with pytest.raises(ReindexRunning):
        await story.use_cases.reindex_collection().execute(ADMIN, "docs")
    jobs = sorted(story.adapters.store().jobs.values(), key=lambda job: job.part)
    await story.worker.work(jobs[0])
    await story.use_cases.cancel_ingestion().execute(ADMIN, work.id)
    assert (await worked(story, work)).status is IngestionStatus.CANCELLED
    assert [one.generation.number for one in await live(story)] == [1]
    assert await all_hits(story) == before
    assert (await reindexed(story, chunk_chars=200)).status is IngestionStatus.SUCCEEDED
    await in_step(story)


async def test_a_document_that_fails_keeps_the_whole_from_being_switched_to() -> None:
    story, _, second = a_story()
    await story.ingest(PAGES)
    before = await all_hits(story)
    second.refused = "snapshot"
    done = await reindexed(story, embedder=second.name)
    assert (done.status, done.counts["failed"]) == (IngestionStatus.FAILED, 1)
    assert [one.generation.number for one in await live(story)] == [1]
    assert await all_hits(story) == before
    await in_step(story)


async def test_what_a_reindex_has_embedded_is_told_when_the_embedder_is_the_one_that_is_paid() -> None:
    story, first, _ = a_story(texts_a_call=96)
    await story.ingest(FEW)
    before = first.bought
    again = await reindexed(story, chunk_chars=400)
    assert again.embedded.texts == first.bought - before > 0
    assert again.embedded.reused > 0, "short pages are cut as they were"
    assert 0 < again.embedded.calls <= 2, "no more than one for each part of the collection"
    other = await reindexed(story, embedder="hashed-words-64")
    assert (other.status, other.embedded) == (IngestionStatus.SUCCEEDED, Embedded())


async def test_what_a_reindex_will_buy_is_said_before_and_is_what_it_then_buys() -> None:
    story, first, _ = a_story(texts_a_call=96)
    await story.ingest(PAGES)
    plan, before = story.use_cases.plan_reindex(), first.bought
    for how in ({}, {"chunk_chars": 400}, {"chunk_chars": 300}):
        by, planned = await plan.execute(ADMIN, "docs", **how)
        assert first.bought == before, "a plan buys nothing"
        done = await reindexed(story, **how)
        assert by is first
        assert planned is not None
        assert (planned.documents, planned.passages) == (len(PAGES), done.passages)
        assert (planned.inputs, planned.calls) == (first.bought - before, done.embedded.calls)
        assert (planned.tokens > 0) == (planned.inputs > 0) == bool(how)
        before = first.bought
    assert [one.generation.chunk_chars for one in await live(story)] == [400, 300]


async def test_a_reindex_by_an_embedder_that_costs_nothing_has_no_plan_and_refusals_are_those_of_reindexing() -> None:
    story, first, second = a_story(texts_a_call=96)
    await story.ingest(FEW)
    plan = story.use_cases.plan_reindex()
    assert await plan.execute(ADMIN, "docs", embedder="hashed-words-64") == (second, None)
    assert (await plan.execute(ADMIN, "docs", embedder=first.name))[0] is first
    for error, name, how in (
        (OutOfRange, "docs", {"embedder": "unheard-of"}),
        (OutOfRange, "docs", {"chunk_chars": 10}),
        (CollectionNotFound, "nowhere", {}),
    ):
        with pytest.raises(error):
            await plan.execute(ADMIN, name, **how)
    with pytest.raises(ScopeMissing):
        await plan.execute(Principal("l", "l", frozenset({Scope.INGEST})), "docs")
    free, _, _ = a_story()
    await free.ingest(FEW)
    assert (await free.use_cases.plan_reindex().execute(ADMIN, "docs", chunk_chars=300))[1] is None


async def test_of_what_was_before_only_the_last_is_kept() -> None:
    story, _, _ = a_story()
    await story.ingest(PAGES)
    for chunk_chars in (300, 400, 500):
        await reindexed(story, chunk_chars=chunk_chars)
    kept, active = await live(story)
    assert (kept.generation.chunk_chars, active.generation.chunk_chars) == (400, 500)
    cuts = {cut for _, _, cut in story.adapters.store().cuts}
    assert cuts == {400, 500}
    await in_step(story)


async def test_an_ingestion_that_was_prepared_before_the_switch_goes_into_what_was_switched_to() -> None:
    story, _, _ = a_story()
    await story.ingest(PAGES)
    preparer, held = story.ingest_documents.preparer, []

    class Held:
        async def prepare(self, preparations: Any) -> Any:
            prepared = await preparer.prepare(preparations)
            if not held:
                held.append(await reindexed(story, chunk_chars=200))
            return prepared

    changed = await story.submitted({"late.md": f"# Late\n\n{LONG}"})
    [job] = [job for job in story.adapters.store().jobs.values() if job.ingestion_id == changed.id]
    story.adapters.store().jobs.clear()
    object.__setattr__(story.ingest_documents, "preparer", Held())
    await story.worker.work(job)
    assert held[0].status is IngestionStatus.SUCCEEDED
    assert max(len(text) for _, text, _ in await hits(story, "sentence of number 7")) <= 200
    async with story.unit_of_work() as uow:
        assert "late.md" in await uow.documents.uris("docs")


async def test_without_the_embedder_that_indexed_it_words_find_it_and_reindexing_makes_it_whole() -> None:
    before, _, _ = a_story()
    await before.ingest(PAGES)
    now = CountingEmbedder(64)
    story = Story(embedder=now, store=before.adapters.store(), indexes=before.adapters.indexes())
    found = await story.search_passages.execute(SearchPassagesQuery(ADMIN, QUESTIONS[0], limit=3))
    assert (found.degraded, now.bought) == (("lexical_only",), 0)
    assert "two equal signs" in found.evidence[0].text
    failed = await story.ingest({"new.md": "# New\n\nWhat is new here."})
    assert failed.status is IngestionStatus.FAILED
    done = await reindexed(story)
    assert done.status is IngestionStatus.SUCCEEDED
    assert (await live(story))[-1].place.embedder == now.name
    assert (await all_hits(story))[0][0][1] == found.evidence[0].text
    with pytest.raises(OutOfRange):
        await story.use_cases.reindex_collection().roll_back(ADMIN, "docs")


async def test_what_is_refused_is_refused_before_anything_is_stored() -> None:
    story, _, _ = a_story()
    await story.ingest(PAGES)
    reindex = story.use_cases.reindex_collection()
    for how in ({"chunk_chars": 199}, {"chunk_chars": 4_001}, {"embedder": "unheard-of"}):
        with pytest.raises(OutOfRange):
            await reindex.execute(ADMIN, "docs", **how)
    with pytest.raises(NothingToRollBack):
        await reindex.roll_back(ADMIN, "docs")
    with pytest.raises(CollectionNotFound):
        await reindex.execute(ADMIN, "nowhere")
    with pytest.raises(ScopeMissing):
        await reindex.execute(a_principal(scopes=frozenset()), "docs")
    assert [one.generation.number for one in await live(story)] == [1]


async def test_a_collection_without_documents_takes_what_it_is_given() -> None:
    story, _, second = a_story()
    await story.ingest({"a.md": "# A\n\nOne."})
    await story.use_cases.forget_document().execute(ADMIN, (await story.document("a.md")).id)
    assert (await reindexed(story, embedder=second.name)).status is IngestionStatus.SUCCEEDED
    await story.ingest({"b.md": "# B\n\nTwo sheep."})
    assert second.bought == 1


async def test_repair_knows_of_every_generation() -> None:
    story, first, second = a_story()
    await story.ingest(PAGES)
    await reindexed(story, chunk_chars=250)
    await reindexed(story, embedder=second.name)
    found, bought = await all_hits(story), first.bought + second.bought
    for one in await live(story):
        index = await story.adapters.indexes().at(one.place)
        assert isinstance(index, InMemoryPassageIndex)
        index._passages.clear()
    repair = story.use_cases.repair_index()
    assert not await repair.agrees()
    report = await repair.execute()
    assert await repair.agrees()
    assert (report.missing, report.bought, report.unaffordable) == (report.passages, 0, 0)
    assert await all_hits(story) == found
    assert first.bought + second.bought == bought
    await rolled_back(story)
    await in_step(story)


async def crash_and_resume(steps: int) -> bool:
    """A reindex with a process that ends after so many steps, and one after it. False: it did not get that far."""
    store, index = InMemoryStore(), InMemoryPassageIndex()
    before, _, _ = a_story(store=store, passage_index=index)
    await before.ingest(FEW)
    indexes = before.adapters.indexes()
    place = indexes.first
    beside = CrashingIndex(Fuse(-1))
    indexes._indexes[IndexPlace(place.embedder, place.dimensions, 1)] = beside
    work = await before.use_cases.reindex_collection().execute(ADMIN, "docs", chunk_chars=200)
    found = await before.search_passages.execute(SearchPassagesQuery(ADMIN, QUESTIONS[0], limit=3))

    crashing: UnitOfWorkFactory = partial(CrashingUnitOfWork, store, beside.fuse)
    before.worker.unit_of_work = before.worker.build_generation.unit_of_work = crashing
    beside.fuse.left = steps
    crashed = False
    try:
        for key, job in sorted(store.jobs.items(), key=lambda one: one[1].part):
            await before.worker.work(job)
            del store.jobs[key]
    except Crash:
        crashed = True

    beside.fuse.left = -1
    now = await before.search_passages.execute(SearchPassagesQuery(ADMIN, QUESTIONS[0], limit=3))
    async with before.unit_of_work() as uow:
        switched = (await uow.collections.get("docs")).generation
    assert switched is not None
    if switched.number == 1:
        assert now.evidence == found.evidence
    else:
        assert now.evidence[0].text == found.evidence[0].text
    after, _, _ = a_story(store=store, indexes=indexes)
    await after.worker.resume(only_process=True)
    repair: RepairIndex = after.use_cases.repair_index()
    if not await repair.agrees():
        await repair.execute(buy=False)
    done = await worked(after, work)
    assert done.status is IngestionStatus.SUCCEEDED
    assert [one.state for one in await live(after)] == [GenerationState.KEPT, GenerationState.ACTIVE]
    await in_step(after)
    return crashed


async def test_a_crash_at_any_step_leaves_one_generation_whole_and_a_restart_ends_the_work() -> None:
    steps = 0
    while await crash_and_resume(steps):
        steps += 1
    assert steps > 20, "it has more steps than that"


async def test_a_document_that_is_kept_is_reindexed_into_more_passages_than_a_new_one_may_have() -> None:
    parts = Parts(FormatParser(), InMemorySparseEncoder(PlainAnalyzer()), most_passages=1)
    story, _, _ = a_story(preparer=InThreadPreparer(lambda: parts))
    await story.ingest({"long.md": "A sentence of the long page. " * 20})

    done = await reindexed(story, chunk_chars=200)

    assert (done.status, done.counts["updated"]) == (IngestionStatus.SUCCEEDED, 1)
    async with story.unit_of_work() as uow:
        assert sum((await uow.generations.passage_counts()).values()) > 2
