"""Ingestion: every document to its outcome, and the index never ahead of or behind what a reader may see."""

from collections.abc import Sequence
from uuid import UUID

import pytest

from adapters.memory.embedder import HashingEmbedder
from adapters.memory.passage_index import InMemoryPassageIndex
from application.ports import IngestionStatus, Outcome
from application.search_passages import SearchPassagesQuery
from domain.access.model import Principal, Scope
from domain.errors import CollectionNotFound, OutOfRange, PortUnavailable, ScopeMissing
from domain.retrieval.model import IndexedPassage, Purpose, Vector
from tests.story import ADMIN, PINNING, SNAPSHOTS, Story


class CountingEmbedder(HashingEmbedder):
    """Tells what it was asked to embed."""

    def __init__(self) -> None:
        super().__init__()
        self.bought: list[str] = []

    async def embed(self, texts: Sequence[str], *, purpose: Purpose) -> Sequence[Vector]:
        if purpose is Purpose.PASSAGE:
            self.bought += texts
        return await super().embed(texts, purpose=purpose)


class FaultyIndex(InMemoryPassageIndex):
    """Loses its connection the first ``faults`` times it is written to."""

    def __init__(self, *, put_faults: int = 0, remove_faults: int = 0) -> None:
        super().__init__()
        self.put_faults, self.remove_faults = put_faults, remove_faults

    async def put(self, passages: Sequence[IndexedPassage]) -> None:
        if self.put_faults:
            self.put_faults -= 1
            raise PortUnavailable("passage index")
        await super().put(passages)

    async def remove(self, passage_ids: Sequence[UUID]) -> None:
        if self.remove_faults:
            self.remove_faults -= 1
            raise PortUnavailable("passage index")
        await super().remove(passage_ids)


async def found(story: Story, query: str) -> str:
    evidence = (await story.search_passages.execute(SearchPassagesQuery(ADMIN, query))).evidence
    return "\n".join(piece.text for piece in evidence)


async def test_every_document_of_a_request_is_counted_once(story: Story) -> None:
    done = await story.ingest({"a.md": PINNING, "b.md": SNAPSHOTS, "empty.md": "   \n"})

    assert done.status is IngestionStatus.PARTIAL
    assert {name: count for name, count in done.counts.items() if count} == {"total": 3, "added": 2, "failed": 1}
    async with story.unit_of_work() as uow:
        outcomes = (await uow.ingestions.documents(done.id, limit=10, cursor=None)).items
    assert [(one.uri, one.outcome) for one in outcomes] == [
        ("a.md", Outcome.ADDED),
        ("b.md", Outcome.ADDED),
        ("empty.md", Outcome.FAILED),
    ]
    assert outcomes[2].error


async def test_the_same_content_again_buys_nothing_and_changes_nothing() -> None:
    embedder = CountingEmbedder()
    story = Story(embedder=embedder)
    await story.ingest({"a.md": PINNING})
    bought, before = list(embedder.bought), await story.document("a.md")

    again = await story.ingest({"a.md": PINNING})

    assert again.counts["unchanged"] == 1
    assert embedder.bought == bought
    assert await story.document("a.md") == before


async def test_an_edit_to_one_section_embeds_that_section_alone() -> None:
    embedder = CountingEmbedder()
    story = Story(embedder=embedder)
    await story.ingest({"a.md": PINNING})
    embedder.bought.clear()

    await story.ingest({"a.md": PINNING.replace("with a tilde", "with a caret")})

    assert len(embedder.bought) == 1
    assert "with a caret" in embedder.bought[0]


async def test_an_edited_page_leaves_no_passage_of_the_old_one_behind(story: Story) -> None:
    await story.ingest({"a.md": PINNING})

    done = await story.ingest({"a.md": PINNING.replace("with a tilde", "with a caret")})

    assert done.counts["updated"] == 1
    assert "tilde" not in await found(story, "How are ranges written?")
    assert "caret" in await found(story, "How are ranges written?")
    async with story.unit_of_work() as uow:
        version = story.adapters.store().versions
        document = await story.document("a.md")
        assert document.version is not None
        assert await story.adapters.passage_index().count() == len(version[document.id, document.version].passages)
        assert await uow.documents.stale() == []


async def test_pruning_removes_what_the_request_does_not_name(story: Story) -> None:
    await story.ingest({"a.md": PINNING, "b.md": SNAPSHOTS})

    done = await story.ingest({"a.md": PINNING}, prune=True)

    assert done.counts["removed"] == 1
    assert "snapshot" not in (await found(story, "snapshots seven days")).lower()


async def test_without_pruning_documents_that_are_not_named_stay(story: Story) -> None:
    await story.ingest({"a.md": PINNING, "b.md": SNAPSHOTS})
    await story.ingest({"a.md": PINNING})

    assert "seven days" in await found(story, "For how long are snapshots kept?")


async def test_a_fault_of_the_index_is_tried_again_and_leaves_nothing_half_done() -> None:
    story = Story(passage_index=FaultyIndex(put_faults=1))
    story.worker.retry_after_s = (0.0,)

    done = await story.ingest({"a.md": PINNING})

    assert done.status is IngestionStatus.SUCCEEDED
    assert "two equal signs" in await found(story, "How is an exact version written?")


async def test_a_lasting_fault_fails_each_document_with_a_reason_and_shows_none_of_it() -> None:
    story = Story(passage_index=FaultyIndex(put_faults=100))
    story.worker.retry_after_s = ()

    done = await story.ingest({"a.md": PINNING, "b.md": SNAPSHOTS})

    assert done.status is IngestionStatus.FAILED
    assert done.counts["failed"] == 2
    assert await found(story, "exact version") == ""


async def test_old_passages_that_could_not_leave_the_index_are_not_found_and_leave_it_at_the_next_start() -> None:
    index = FaultyIndex()
    story = Story(passage_index=index)
    story.worker.retry_after_s = ()
    await story.ingest({"a.md": PINNING})
    index.remove_faults = 1

    await story.ingest({"a.md": PINNING.replace("with a tilde", "with a caret")})
    assert "tilde" not in await found(story, "How are ranges written?")
    async with story.unit_of_work() as uow:
        assert len(await uow.documents.stale()) == 1
    await story.worker.resume(only_process=True)

    async with story.unit_of_work() as uow:
        assert await uow.documents.stale() == []


async def test_an_ingestion_that_a_crash_left_waiting_is_worked_on_at_the_next_start(story: Story) -> None:
    waiting = await story.submitted({"a.md": PINNING})
    restarted = story.use_cases.work_ingestions()

    await restarted.resume(only_process=True)
    await story.work()

    async with story.unit_of_work() as uow:
        assert (await uow.ingestions.get(waiting.id, None)).status is IngestionStatus.SUCCEEDED


async def test_a_collection_is_made_for_an_admin_and_for_nobody_else(story: Story) -> None:
    ingester = Principal("default", "ingester", frozenset({Scope.INGEST}))

    with pytest.raises(CollectionNotFound):
        await story.ingest({"a.md": PINNING}, principal=ingester)
    await story.ingest({"a.md": PINNING}, principal=ADMIN)
    await story.ingest({"b.md": SNAPSHOTS}, principal=ingester)


@pytest.mark.parametrize("name", ["Docs", "", "-docs", "a" * 65, "do cs", "docs/", "döcs"])
async def test_a_collection_name_is_a_slug(story: Story, name: str) -> None:
    with pytest.raises(OutOfRange, match="collection"):
        await story.ingest({"a.md": PINNING}, collection=name)


async def test_a_key_without_the_scope_cannot_ingest(story: Story) -> None:
    reader = Principal("default", "reader", frozenset({Scope.ASK}))

    with pytest.raises(ScopeMissing):
        await story.ingest({"a.md": PINNING}, principal=reader)
