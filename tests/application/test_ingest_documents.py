"""Ingestion: every document to its outcome, and the index never ahead of or behind what a reader may see."""

from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

import pytest

from adapters.formats.by_format import FormatParser
from adapters.memory.analyzer import PlainAnalyzer
from adapters.memory.embedder import HashingEmbedder
from adapters.memory.passage_index import InMemoryPassageIndex
from adapters.memory.preparer import InThreadPreparer
from adapters.memory.sparse_encoder import InMemorySparseEncoder
from application.forget_documents import ForgetDocument, unindex
from application.ingest_documents import LEFT
from application.ports import IngestionStatus, Job, Outcome, TryAgain
from application.prepare_documents import Parts, Preparation, PreparedDocument, Unprepared
from application.search_passages import SearchPassagesQuery
from domain.access.model import Principal, Scope
from domain.errors import CollectionNotFound, OutOfRange, PortUnavailable, ScopeMissing
from domain.retrieval.model import IndexedPassage, Purpose, Vector
from tests.story import ADMIN, PINNING, SNAPSHOTS, CountingEmbedder, Story


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


EDITED = PINNING.replace("two equal signs", "three equal signs")


@pytest.mark.parametrize("first", [0, 1])
async def test_of_two_ingestions_of_a_document_at_once_the_one_that_came_last_decides(first: int, story: Story) -> None:
    ingestions = [await story.submitted({"a.md": PINNING}), await story.submitted({"a.md": EDITED})]
    jobs = [Job(one.id, 0) for one in ingestions]
    for job in (jobs[first], jobs[1 - first]):
        await story.worker.work(job)

    assert "three equal signs" in await found(story, "How is an exact version written?")
    assert "two equal signs" not in await found(story, "How is an exact version written?")
    async with story.unit_of_work() as uow:
        [outcome] = (await uow.ingestions.documents(ingestions[0].id, limit=1, cursor=None)).items
        assert (await uow.ingestions.get(ingestions[1].id, None)).counts["failed"] == 0
    assert (outcome.outcome, outcome.error) == ((Outcome.ADDED, None) if first == 0 else (Outcome.UNCHANGED, LEFT))


class MeanwhileEmbedder(HashingEmbedder):
    """Lets something happen while the passages of a batch are embedded."""

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile: list[Callable[[], Awaitable[object]]] = []

    async def embed(self, texts: Sequence[str], *, purpose: Purpose) -> Sequence[Vector]:
        if purpose is Purpose.PASSAGE and self.meanwhile:
            await self.meanwhile.pop()()
        return await super().embed(texts, purpose=purpose)


async def indexed_is_active(story: Story) -> None:
    async with story.unit_of_work() as uow:
        active = await uow.documents.active(None, limit=100)
        assert list(await uow.documents.stale()) == []
    index = story.adapters.passage_index()
    assert set(index._passages) == {passage.id for _, version in active for passage in version.passages}


@pytest.mark.parametrize("later", [False, True])
async def test_two_ingestions_in_the_same_moment_leave_index_and_database_as_one(later: bool) -> None:
    embedder = MeanwhileEmbedder()
    story = Story(embedder=embedder)
    await story.ingest({"a.md": PINNING})
    ingestions = [await story.submitted({"a.md": page}) for page in (EDITED, SNAPSHOTS)]
    inner, outer = (Job(one.id, 0) for one in (ingestions[::-1] if later else ingestions))
    embedder.meanwhile = [lambda: story.worker.work(inner)]
    await story.worker.work(outer)

    await indexed_is_active(story)
    assert "seven days" in await found(story, "For how long are snapshots kept?")
    assert "equal signs" not in await found(story, "How is an exact version written?")


async def test_a_document_that_is_deleted_while_it_is_ingested_is_gone() -> None:
    embedder = MeanwhileEmbedder()
    story = Story(embedder=embedder)
    await story.ingest({"a.md": PINNING})
    document = await story.document("a.md")
    forget: ForgetDocument = story.use_cases.forget_document()
    embedder.meanwhile = [lambda: forget.execute(ADMIN, document.id)]

    done = await story.ingest({"a.md": EDITED})

    assert done.counts["unchanged"] == 1
    assert "equal signs" not in await found(story, "How is an exact version written?")
    await indexed_is_active(story)


async def test_a_document_that_is_deleted_before_its_turn_comes_is_gone_until_it_is_sent_again(story: Story) -> None:
    await story.ingest({"a.md": PINNING})
    waiting = await story.submitted({"a.md": EDITED})
    forget: ForgetDocument = story.use_cases.forget_document()
    await forget.execute(ADMIN, (await story.document("a.md")).id)
    await story.worker.work(Job(waiting.id, 0))
    assert await found(story, "How is an exact version written?") == ""

    await story.ingest({"a.md": EDITED})
    assert "three equal signs" in await found(story, "How is an exact version written?")


async def test_pruning_spares_what_a_later_request_has_named(story: Story) -> None:
    await story.ingest({"old.md": PINNING})
    pruning = await story.submitted({"a.md": PINNING}, prune=True)
    later = await story.submitted({"b.md": SNAPSHOTS})
    for job in (Job(later.id, 0), Job(pruning.id, 0)):
        await story.worker.work(job)
    async with story.unit_of_work() as uow:
        assert list(await uow.documents.uris("docs")) == ["a.md", "b.md"]


async def test_a_passage_that_comes_back_while_the_old_one_leaves_the_index_stays_in_it() -> None:
    index = FaultyIndex(remove_faults=1)
    story = Story(passage_index=index)
    await story.ingest({"a.md": PINNING})
    changed = await story.submitted({"a.md": EDITED})
    with pytest.raises(TryAgain):
        await story.worker.work(Job(changed.id, 0))  # the old passages stay listed as stale
    async with story.unit_of_work() as uow:
        stale = list(await uow.documents.stale())
    assert stale

    await story.ingest({"a.md": PINNING})
    await unindex(stale, story.unit_of_work, story.adapters.indexes())  # as one that was held up does now

    await indexed_is_active(story)
    assert "two equal signs" in await found(story, "How is an exact version written?")


class Poisoned(InThreadPreparer):
    """One document breaks whatever prepares it, each time in the same way."""

    def __init__(self, failure: Exception) -> None:
        super().__init__(lambda: Parts(FormatParser(), InMemorySparseEncoder(PlainAnalyzer())))
        self.failure = failure

    async def prepare(self, preparations: Sequence[Preparation]) -> Sequence[PreparedDocument | Unprepared]:
        if any(one.staged.source.uri == "poison.md" for one in preparations):
            raise self.failure
        return await super().prepare(preparations)


@pytest.mark.parametrize("failure", [PortUnavailable("worker processes", "were cut off"), MemoryError()])
async def test_a_poisoned_document_fails_with_its_reason_and_holds_no_other_up(failure: Exception) -> None:
    story = Story(preparer=Poisoned(failure))
    story.worker.retry_after_s = (0.0, 0.0)
    poisoned = await story.submitted({"poison.md": PINNING, **{f"{n}.md": PINNING for n in range(20)}})
    other = await story.submitted({"other.md": SNAPSHOTS})
    await story.work()

    async with story.unit_of_work() as uow:
        [failed, *rest] = (await uow.ingestions.documents(poisoned.id, limit=99, cursor=None)).items
        ended = [await uow.ingestions.get(one.id, None) for one in (poisoned, other)]
    assert (failed.uri, failed.outcome) == ("poison.md", Outcome.FAILED)
    assert failed.error == (str(failure) or "an internal error; the log has it")
    assert {one.outcome for one in rest} == {Outcome.ADDED}
    assert [one.status for one in ended] == [IngestionStatus.PARTIAL, IngestionStatus.SUCCEEDED]


async def test_a_document_of_too_many_passages_fails_alone_and_keeps_its_version() -> None:
    parts = Parts(FormatParser(), InMemorySparseEncoder(PlainAnalyzer()), most_passages=2)
    story = Story(preparer=InThreadPreparer(lambda: parts))
    await story.ingest({"pinning.md": PINNING})
    before = await story.document("pinning.md")

    done = await story.ingest({"pinning.md": PINNING + "\n## More\n\nThree are too many.\n", "snapshots.md": SNAPSHOTS})

    assert done.status is IngestionStatus.PARTIAL
    async with story.unit_of_work() as uow:
        [failed, added] = (await uow.ingestions.documents(done.id, limit=10, cursor=None)).items
    assert (failed.outcome, added.outcome) == (Outcome.FAILED, Outcome.ADDED)
    assert failed.error
    assert "2 are taken (IBID_MAX_PASSAGES)" in failed.error
    assert (await story.document("pinning.md")).version == before.version
