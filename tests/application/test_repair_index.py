"""Whatever happens, index and database end up as one: after a crash at any step, and after the index is lost."""

from collections.abc import Sequence
from functools import partial
from types import TracebackType
from typing import Any
from uuid import UUID, uuid4

import pytest

from adapters.memory.passage_index import InMemoryPassageIndex
from adapters.memory.store import InMemoryStore
from adapters.memory.unit_of_work import InMemoryUnitOfWork
from application.ports import IngestionStatus, UnitOfWorkFactory
from application.repair_index import RepairIndex, RepairReport
from application.search_passages import SearchPassagesQuery
from domain.retrieval.model import IndexedPassage
from tests.story import ADMIN, PINNING, SNAPSHOTS, CountingEmbedder, Story

PAGES = {f"{n:02}.md": f"# Page {n}\n\nWords of page {n}.\n\n## More\n\nMore words of page {n}." for n in range(20)}
BEFORE = {"00.md": PINNING, "01.md": PAGES["01.md"], "gone.md": SNAPSHOTS}


class Crash(BaseException):
    """The process ends here."""


class Fuse:
    """Lets so many steps pass, each counted before and after it is done, and then ends the process for good."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def step(self) -> None:
        if self.left == 0:
            raise Crash
        self.left -= 1


class CrashingIndex(InMemoryPassageIndex):
    def __init__(self, fuse: Fuse) -> None:
        super().__init__()
        self.fuse = fuse

    async def put(self, passages: Sequence[IndexedPassage]) -> None:
        self.fuse.step()
        await super().put(passages)
        self.fuse.step()

    async def remove(self, passage_ids: Sequence[UUID]) -> None:
        self.fuse.step()
        await super().remove(passage_ids)
        self.fuse.step()


class CrashingUnitOfWork(InMemoryUnitOfWork):
    def __init__(self, store: InMemoryStore, fuse: Fuse) -> None:
        super().__init__(store)
        self._fuse = fuse

    async def commit(self) -> None:
        self._fuse.step()
        await super().commit()
        self._fuse.step()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await super().__aexit__(kind, error, trace)


def a_story(store: InMemoryStore, index: CrashingIndex) -> Story:
    story = Story(store=store, passage_index=index)
    crashing: UnitOfWorkFactory = partial(CrashingUnitOfWork, store, index.fuse)
    story.worker.unit_of_work = crashing
    object.__setattr__(story.ingest_documents, "unit_of_work", crashing)
    return story


async def in_the_index(index: InMemoryPassageIndex) -> set[UUID]:
    return set((await index.ids(None, limit=100_000))[0])


async def check(story: Story, index: InMemoryPassageIndex, uris: Sequence[str]) -> None:
    """Every document is there exactly once with exactly its passages, in both places."""
    async with story.unit_of_work() as uow:
        active = await uow.documents.active(None, limit=1_000)
        assert list(await uow.documents.stale()) == []
    assert sorted(document.uri for document, _ in active) == sorted(uris)
    passages = [passage.id for _, version in active for passage in version.passages]
    assert len(passages) == len(set(passages))
    assert await in_the_index(index) == set(passages)


async def crash_and_resume(steps: int) -> bool:
    """An ingestion with a process that ends after so many steps, and one after it. False: it did not get that far."""
    store, index = InMemoryStore(), CrashingIndex(Fuse(-1))
    story = a_story(store, index)
    await story.ingest(BEFORE)
    ingestion = await story.submitted(PAGES, prune=True)

    index.fuse.left = steps
    crashed = False
    try:
        for job in list(store.jobs.values()):
            await story.worker.work(job)
            del store.jobs[ingestion.id, job.round, job.part]
    except Crash:
        crashed = True

    index.fuse.left = -1
    after = a_story(store, index)
    await after.worker.resume(only_process=True)
    repair: RepairIndex = after.use_cases.repair_index()
    if not await repair.agrees():
        await repair.execute(buy=False)
    await after.work()

    async with story.unit_of_work() as uow:
        ended = await uow.ingestions.get(ingestion.id, None)
    assert ended.status is IngestionStatus.SUCCEEDED
    assert ended.counts["total"] == len(PAGES)
    assert ended.counts["removed"] == 1
    assert sum(ended.counts[name] for name in ("added", "updated", "unchanged")) == len(PAGES)
    await check(after, index, list(PAGES))
    return crashed


async def test_a_crash_at_any_step_leaves_every_document_once_with_exactly_its_passages() -> None:
    steps = 0
    while await crash_and_resume(steps):
        steps += 1
    assert steps > 20, "the ingestion has more steps than that"


async def lost_index(story: Story) -> tuple[Story, InMemoryPassageIndex]:
    """The same database with an empty index."""
    index = InMemoryPassageIndex()
    adapters: dict[str, Any] = {"store": story.adapters.store(), "embedder": story.adapters.embedder()}
    return Story(**adapters, passage_index=index), index


async def hits(story: Story, question: str) -> tuple[UUID, list[float]]:
    """The best passage, and every score: further down are passages of equal scores, whose order nobody promises."""
    found = await story.search_passages.execute(SearchPassagesQuery(ADMIN, question, limit=10))
    return found.evidence[0].passage_id, [one.score for one in found.evidence]


async def test_a_lost_index_is_made_again_without_buying_anything_and_finds_the_same() -> None:
    embedder = CountingEmbedder()
    story = Story(embedder=embedder)
    await story.ingest({**PAGES, "pinning.md": PINNING, "snapshots.md": SNAPSHOTS})
    bought = len(embedder.bought)
    questions = ["How is an exact version written?", "For how long are snapshots kept?", "words of page 7"]
    before = [await hits(story, question) for question in questions]

    after, index = await lost_index(story)
    repair: RepairIndex = after.use_cases.repair_index()
    assert not await repair.agrees()
    report = await repair.execute()

    assert len(embedder.bought) == bought
    assert report == RepairReport(passages=await index.count(), missing=await index.count())
    assert await repair.agrees()
    assert [await hits(after, question) for question in questions] == before


async def test_what_the_database_does_not_have_leaves_the_index_and_the_rest_stays() -> None:
    story = Story()
    await story.ingest({"pinning.md": PINNING})
    index = story.adapters.passage_index()
    [known, *_] = index._passages.values()
    stranger = IndexedPassage(uuid4(), uuid4(), "docs", "gone.md", None, {}, known.dense, known.sparse)
    await index.put([stranger])
    await index.remove([known.id])

    report = await story.use_cases.repair_index().execute()

    assert (report.missing, report.orphaned) == (1, 1)
    await check(story, index, ["pinning.md"])
    again = await story.use_cases.repair_index().execute()
    assert (again.missing, again.orphaned) == (0, 0)


async def test_without_kept_vectors_nothing_is_bought_unless_that_is_allowed() -> None:
    embedder = CountingEmbedder()
    story = Story(embedder=embedder)
    await story.ingest({"pinning.md": PINNING})
    story.adapters.store().embeddings.clear()
    after, index = await lost_index(story)
    bought = len(embedder.bought)
    repair: RepairIndex = after.use_cases.repair_index()

    unpaid = await repair.execute(buy=False)
    assert (unpaid.missing, unpaid.unaffordable, len(embedder.bought)) == (0, unpaid.passages, bought)
    paid = await repair.execute()
    assert (paid.bought, paid.missing) == (paid.passages, paid.passages)
    await check(after, index, ["pinning.md"])


@pytest.mark.parametrize("rebuild", [False, True])
async def test_rebuilding_begins_with_nothing(rebuild: bool) -> None:
    story = Story()
    await story.ingest({"pinning.md": PINNING})
    report = await story.use_cases.repair_index().execute(rebuild=rebuild)
    assert report.missing == (report.passages if rebuild else 0)
    await check(story, story.adapters.passage_index(), ["pinning.md"])
