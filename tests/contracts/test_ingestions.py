import asyncio
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from application.ports import (
    DocumentOutcome,
    Ingestion,
    IngestionStatus,
    Outcome,
    StagedDocument,
    StagedPage,
    UnitOfWorkFactory,
)
from domain.access.embedding_plan import Embedded, EmbeddingPlan
from domain.access.model import Owner
from domain.errors import BadCursor, IngestionNotFound
from domain.library.model import Format, SourceDocument
from domain.library.web_sources import SourceKind, WebPage, WebSource
from tests.builders import ACME, a_source, after, an_ingestion

SOURCES = [a_source(f"{n}.md", f"# Page {n}") for n in range(5)]


async def add(unit_of_work: UnitOfWorkFactory, ingestion: Ingestion, sources: list[SourceDocument]) -> UUID:
    async with unit_of_work() as uow:
        await uow.ingestions.add(ingestion, sources)
        await uow.commit()
    return ingestion.id


async def record(unit_of_work: UnitOfWorkFactory, ingestion_id: UUID, outcomes: dict[int, DocumentOutcome]) -> None:
    async with unit_of_work() as uow:
        await uow.ingestions.record(ingestion_id, outcomes)
        await uow.commit()


async def outcomes(unit_of_work: UnitOfWorkFactory, ingestion_id: UUID) -> list[DocumentOutcome]:
    async with unit_of_work() as uow:
        return list((await uow.ingestions.documents(ingestion_id, limit=99, cursor=None)).items)


async def pending(unit_of_work: UnitOfWorkFactory, ingestion_id: UUID, ordinals: range = range(99)) -> list[int]:
    async with unit_of_work() as uow:
        found = [one.ordinal for one in await uow.ingestions.pending(ingestion_id, ordinals)]
        every = await uow.ingestions.pending_ordinals(ingestion_id)
    assert found == [ordinal for ordinal in every if ordinal in ordinals]
    return found


def zeros(**counts: int) -> dict[str, int]:
    return {"total": 0, "added": 0, "updated": 0, "unchanged": 0, "removed": 0, "failed": 0, "cancelled": 0} | counts


async def test_a_plan_is_kept_with_the_ingestion_and_the_first_one_stays(unit_of_work: UnitOfWorkFactory) -> None:
    plan = EmbeddingPlan(3, 9, 8, 1, 2_000, 60.0, "calls_per_month", after(60))
    made = an_ingestion()
    await add(unit_of_work, made, SOURCES)
    async with unit_of_work() as uow:
        assert (await uow.ingestions.get(made.id, ACME)).plan is None
        await uow.ingestions.keep_plan(made.id, plan)
        await uow.ingestions.keep_plan(made.id, replace(plan, inputs=0))
        await uow.commit()
    async with unit_of_work() as uow:
        assert (await uow.ingestions.get(made.id, ACME)).plan == plan
        started = await uow.ingestions.start(made.id)
        assert started is not None
        assert started.plan == plan


@pytest.mark.parametrize("granted", [None, frozenset({"docs", "guide"}), frozenset()])
async def test_the_collections_of_whoever_asked_stay_with_the_request(
    unit_of_work: UnitOfWorkFactory, granted: frozenset[str] | None
) -> None:
    made = an_ingestion(granted=granted)
    async with unit_of_work() as uow:
        await uow.ingestions.add(made, ())
        await uow.commit()
    async with unit_of_work() as uow:
        assert (await uow.ingestions.get(made.id, ACME)).granted == granted
        started = await uow.ingestions.start(made.id)
        assert started is not None
        assert started.granted == granted


async def test_what_was_embedded_adds_up_whoever_did_it(unit_of_work: UnitOfWorkFactory) -> None:
    made = an_ingestion()
    await add(unit_of_work, made, SOURCES)
    async with unit_of_work() as uow:
        assert (await uow.ingestions.get(made.id, ACME)).embedded == Embedded()
        await uow.ingestions.count_embedded(made.id, Embedded(2, 100, 7))
        await uow.commit()
    async with unit_of_work() as uow:
        await uow.ingestions.count_embedded(made.id, Embedded(1, 3, 0))
        await uow.commit()
    async with unit_of_work() as uow:
        await uow.ingestions.count_embedded(made.id, Embedded(9, 9, 9))  # rolled back
    async with unit_of_work() as uow:
        await uow.ingestions.count_embedded(uuid4(), Embedded(1, 1, 1))
        await uow.commit()
    async with unit_of_work() as uow:
        assert (await uow.ingestions.get(made.id, ACME)).embedded == Embedded(3, 103, 7)


@pytest.mark.parametrize("base_url", [None, "https://docs.example.com"])
async def test_an_ingestion_is_read_back_as_it_was_stored(
    unit_of_work: UnitOfWorkFactory, base_url: str | None
) -> None:
    made = an_ingestion(base_url=base_url, prune=True)
    await add(unit_of_work, made, SOURCES)
    async with unit_of_work() as uow:
        assert await uow.ingestions.get(made.id, ACME) == replace(made, counts=zeros(total=5))
        assert await uow.ingestions.get(made.id, None) == replace(made, counts=zeros(total=5))


async def test_an_ingestion_without_documents_is_stored(unit_of_work: UnitOfWorkFactory) -> None:
    ingestion_id = await add(unit_of_work, an_ingestion(), [])
    assert await pending(unit_of_work, ingestion_id) == []
    async with unit_of_work() as uow:
        assert (await uow.ingestions.get(ingestion_id, ACME)).counts == zeros()


@pytest.mark.parametrize("stranger", [Owner("other"), Owner("acme", "ann")])
async def test_an_ingestion_is_not_found_by_anybody_but_its_owner(
    unit_of_work: UnitOfWorkFactory, stranger: Owner
) -> None:
    ingestion_id = await add(unit_of_work, an_ingestion(), SOURCES)
    async with unit_of_work() as uow:
        with pytest.raises(IngestionNotFound):
            await uow.ingestions.get(ingestion_id, stranger)
        with pytest.raises(IngestionNotFound):
            await uow.ingestions.get(uuid4(), None)
        assert list((await uow.ingestions.list(stranger, limit=9, cursor=None)).items) == []


async def test_staged_documents_come_back_byte_for_byte(unit_of_work: UnitOfWorkFactory) -> None:
    sources = [
        a_source("ü.md", "# Ü\r\n\t🚪 “q” \\u0041 \u2028 %s $1 :x", title="Ü", url="https://x.example/ü"),
        a_source("b.html", "<p>" + "x" * 200_000, format=Format.HTML, metadata={"a": [1, 2.5, None, {"b": True}]}),
        a_source("empty.txt", "", format=Format.TEXT),
    ]
    ingestion_id = await add(unit_of_work, an_ingestion(), sources)
    async with unit_of_work() as uow:
        staged = list(await uow.ingestions.pending(ingestion_id, range(9)))
    assert staged == [StagedDocument(ordinal, source) for ordinal, source in enumerate(sources)]


async def test_pending_documents_come_in_order_and_in_parts(unit_of_work: UnitOfWorkFactory) -> None:
    ingestion_id = await add(unit_of_work, an_ingestion(), SOURCES)
    assert await pending(unit_of_work, ingestion_id, range(2)) == [0, 1]
    await record(unit_of_work, ingestion_id, {0: DocumentOutcome("0.md", Outcome.ADDED)})
    assert await pending(unit_of_work, ingestion_id, range(2)) == [1]
    assert await pending(unit_of_work, ingestion_id, range(2, 9)) == [2, 3, 4]


async def test_work_goes_on_where_a_crash_left_it(unit_of_work: UnitOfWorkFactory) -> None:
    ingestion_id = await add(unit_of_work, an_ingestion(), SOURCES)
    async with unit_of_work() as uow:
        await uow.ingestions.start(ingestion_id)
        await uow.commit()
    await record(
        unit_of_work,
        ingestion_id,
        {
            3: DocumentOutcome("3.md", Outcome.UPDATED),
            1: DocumentOutcome("1.md", Outcome.FAILED, "not UTF-8"),
        },
    )
    async with unit_of_work() as uow:
        assert list(await uow.ingestions.unfinished()) == [ingestion_id]
        kept = await uow.ingestions.get(ingestion_id, ACME)
    assert kept.status is IngestionStatus.RUNNING
    assert kept.counts == zeros(total=5, updated=1, failed=1)
    assert await pending(unit_of_work, ingestion_id) == [0, 2, 4]


async def test_a_recorded_outcome_stays_as_it_is(unit_of_work: UnitOfWorkFactory) -> None:
    ingestion_id = await add(unit_of_work, an_ingestion(), SOURCES[:2])
    await record(unit_of_work, ingestion_id, {0: DocumentOutcome("0.md", Outcome.FAILED, "why")})
    await record(
        unit_of_work,
        ingestion_id,
        {0: DocumentOutcome("0.md", Outcome.ADDED), 1: DocumentOutcome("1.md", Outcome.UNCHANGED)},
    )
    await record(unit_of_work, ingestion_id, {})
    assert await outcomes(unit_of_work, ingestion_id) == [
        DocumentOutcome("0.md", Outcome.FAILED, "why"),
        DocumentOutcome("1.md", Outcome.UNCHANGED),
    ]


async def test_removed_documents_come_last_and_once(unit_of_work: UnitOfWorkFactory) -> None:
    ingestion_id = await add(unit_of_work, an_ingestion(prune=True), SOURCES[:2])
    for uris in (["old.md", "older.md"], ["older.md", "oldest.md"], []):
        async with unit_of_work() as uow:
            await uow.ingestions.record_removed(ingestion_id, uris)
            await uow.commit()
    assert await outcomes(unit_of_work, ingestion_id) == [
        DocumentOutcome("0.md", Outcome.PENDING),
        DocumentOutcome("1.md", Outcome.PENDING),
        DocumentOutcome("old.md", Outcome.REMOVED),
        DocumentOutcome("older.md", Outcome.REMOVED),
        DocumentOutcome("oldest.md", Outcome.REMOVED),
    ]
    async with unit_of_work() as uow:
        assert (await uow.ingestions.get(ingestion_id, ACME)).counts == zeros(total=2, removed=3)
        assert list(await uow.ingestions.requested_uris(ingestion_id)) == ["0.md", "1.md"]
    assert await pending(unit_of_work, ingestion_id) == [0, 1]


async def test_outcomes_are_paged_in_the_order_of_the_request(unit_of_work: UnitOfWorkFactory) -> None:
    ingestion_id = await add(unit_of_work, an_ingestion(), SOURCES)
    async with unit_of_work() as uow:
        await uow.ingestions.record_removed(ingestion_id, ["old.md"])
        await uow.commit()
    seen: list[str] = []
    cursor = None
    for pages in range(1, 4):
        async with unit_of_work() as uow:
            page = await uow.ingestions.documents(ingestion_id, limit=2, cursor=cursor)
        seen += [one.uri for one in page.items]
        cursor = page.next_cursor
        assert (cursor is None) == (pages == 3)
    assert seen == ["0.md", "1.md", "2.md", "3.md", "4.md", "old.md"]


async def test_requested_uris_come_in_the_order_of_the_request(unit_of_work: UnitOfWorkFactory) -> None:
    ingestion_id = await add(unit_of_work, an_ingestion(), [a_source("z.md"), a_source("a.md"), a_source("m.md")])
    await record(unit_of_work, ingestion_id, {0: DocumentOutcome("z.md", Outcome.ADDED)})
    async with unit_of_work() as uow:
        assert list(await uow.ingestions.requested_uris(ingestion_id)) == ["z.md", "a.md", "m.md"]


async def test_unfinished_ingestions_come_oldest_first(unit_of_work: UnitOfWorkFactory) -> None:
    late, early, done = an_ingestion(created_at=after(9)), an_ingestion(), an_ingestion(created_at=after(-9))
    for one in (late, early, done):
        await add(unit_of_work, one, SOURCES[:1])
    async with unit_of_work() as uow:
        await uow.ingestions.start(late.id)
        await uow.ingestions.finish(done.id, IngestionStatus.SUCCEEDED, at=after(1))
        await uow.commit()
    async with unit_of_work() as uow:
        assert list(await uow.ingestions.unfinished()) == [early.id, late.id]


async def test_a_finished_ingestion_says_how_and_when_it_ended(unit_of_work: UnitOfWorkFactory) -> None:
    ingestion_id = await add(unit_of_work, an_ingestion(), SOURCES[:1])
    async with unit_of_work() as uow:
        await uow.ingestions.start(ingestion_id)
        await uow.ingestions.finish(ingestion_id, IngestionStatus.PARTIAL, at=after(7))
        await uow.ingestions.start(ingestion_id)
        await uow.commit()
    async with unit_of_work() as uow:
        kept = await uow.ingestions.get(ingestion_id, ACME)
    assert (kept.status, kept.finished_at) == (IngestionStatus.PARTIAL, after(7))


async def test_listings_show_the_owner_his_own_and_nobody_in_particular_all(unit_of_work: UnitOfWorkFactory) -> None:
    mine, other = an_ingestion(), an_ingestion(owner=Owner("other"), created_at=after(1))
    for one in (mine, other):
        await add(unit_of_work, one, SOURCES[:2])
    async with unit_of_work() as uow:
        listed = await uow.ingestions.list(ACME, limit=9, cursor=None)
        everybody = await uow.ingestions.list(None, limit=9, cursor=None)
    assert list(listed.items) == [replace(mine, counts=zeros(total=2))]
    assert [one.id for one in everybody.items] == [other.id, mine.id]


@pytest.mark.parametrize("owner", [ACME, None])
async def test_pages_run_from_the_newest_ingestion_and_miss_none_of_the_same_moment(
    unit_of_work: UnitOfWorkFactory, owner: Owner | None
) -> None:
    made = [an_ingestion(created_at=after(moment)) for moment in (0, 1, 1, 1, 2)]
    for one in made:
        await add(unit_of_work, one, SOURCES[:1])
    seen: list[UUID] = []
    cursor = None
    for pages in range(1, 4):
        async with unit_of_work() as uow:
            page = await uow.ingestions.list(owner, limit=2, cursor=cursor)
        seen += [one.id for one in page.items]
        cursor = page.next_cursor
        assert (cursor is None) == (pages == 3)
    assert seen == [one.id for one in sorted(made, key=lambda one: (one.created_at, one.id), reverse=True)]


@pytest.mark.parametrize("cursor", ["", "nonsense", "AAAA", "é", "bm90IG9uZQ=="])
async def test_a_made_up_cursor_is_refused(unit_of_work: UnitOfWorkFactory, cursor: str) -> None:
    ingestion_id = await add(unit_of_work, an_ingestion(), SOURCES)
    async with unit_of_work() as uow:
        with pytest.raises(BadCursor):
            await uow.ingestions.list(ACME, limit=2, cursor=cursor)
        with pytest.raises(BadCursor):
            await uow.ingestions.documents(ingestion_id, limit=2, cursor=cursor)


async def test_documents_may_come_in_parts_and_may_have_failed_already(unit_of_work: UnitOfWorkFactory) -> None:
    ingestion_id = await add(unit_of_work, an_ingestion(), SOURCES[:1])
    unreadable = DocumentOutcome("bad.md", Outcome.FAILED, "it is encrypted")
    async with unit_of_work() as uow:
        await uow.ingestions.stage(ingestion_id, [unreadable, SOURCES[1]], first=1)
        await uow.commit()
    assert await pending(unit_of_work, ingestion_id) == [0, 2]
    assert [one.uri for one in await outcomes(unit_of_work, ingestion_id)] == ["0.md", "bad.md", "1.md"]
    assert (await outcomes(unit_of_work, ingestion_id))[1] == unreadable
    async with unit_of_work() as uow:
        assert list(await uow.ingestions.requested_uris(ingestion_id)) == ["0.md", "bad.md", "1.md"]
        assert (await uow.ingestions.get(ingestion_id, None)).counts == zeros(total=3, failed=1)


async def test_what_is_staged_and_not_committed_is_not_there(unit_of_work: UnitOfWorkFactory) -> None:
    ingestion_id = await add(unit_of_work, an_ingestion(), SOURCES[:1])
    async with unit_of_work() as uow:
        await uow.ingestions.stage(ingestion_id, SOURCES[1:], first=1)
    assert await pending(unit_of_work, ingestion_id) == [0]


async def test_passages_are_summed_up(unit_of_work: UnitOfWorkFactory) -> None:
    ingestion_id = await add(unit_of_work, an_ingestion(), SOURCES)
    made = {
        0: DocumentOutcome("0.md", Outcome.ADDED, passages=3),
        1: DocumentOutcome("1.md", Outcome.UPDATED, passages=4),
    }
    await record(unit_of_work, ingestion_id, made)
    async with unit_of_work() as uow:
        assert (await uow.ingestions.get(ingestion_id, None)).passages == 7
    assert (await outcomes(unit_of_work, ingestion_id))[:2] == [made[0], made[1]]


async def cancel(unit_of_work: UnitOfWorkFactory, ingestion_id: UUID) -> bool:
    async with unit_of_work() as uow:
        ended = await uow.ingestions.cancel(ingestion_id, at=after(5))
        await uow.commit()
    return ended


async def retry(unit_of_work: UnitOfWorkFactory, ingestion_id: UUID) -> int:
    async with unit_of_work() as uow:
        again = await uow.ingestions.retry(ingestion_id)
        await uow.commit()
    return again


async def test_a_cancelled_ingestion_has_ended_and_nothing_of_it_is_pending(unit_of_work: UnitOfWorkFactory) -> None:
    ingestion_id = await add(unit_of_work, an_ingestion(), SOURCES[:3])
    await record(unit_of_work, ingestion_id, {0: DocumentOutcome("0.md", Outcome.ADDED)})
    assert await cancel(unit_of_work, ingestion_id)
    assert not await cancel(unit_of_work, ingestion_id)
    assert await pending(unit_of_work, ingestion_id) == []
    async with unit_of_work() as uow:
        await uow.ingestions.finish(ingestion_id, IngestionStatus.SUCCEEDED, at=after(9))
        await uow.commit()
    async with unit_of_work() as uow:
        kept = await uow.ingestions.get(ingestion_id, None)
        assert list(await uow.ingestions.unfinished()) == []
    assert (kept.status, kept.finished_at) == (IngestionStatus.CANCELLED, after(5))
    assert kept.counts == zeros(total=3, added=1, cancelled=2)


async def test_what_was_being_worked_on_when_it_was_cancelled_is_recorded_as_it_ended(
    unit_of_work: UnitOfWorkFactory,
) -> None:
    ingestion_id = await add(unit_of_work, an_ingestion(), SOURCES[:2])
    await cancel(unit_of_work, ingestion_id)
    await record(unit_of_work, ingestion_id, {1: DocumentOutcome("1.md", Outcome.ADDED)})
    assert [one.outcome for one in await outcomes(unit_of_work, ingestion_id)] == [Outcome.CANCELLED, Outcome.ADDED]


async def test_a_retry_queues_what_failed_or_was_cancelled_with_its_bytes(unit_of_work: UnitOfWorkFactory) -> None:
    ingestion_id = await add(unit_of_work, an_ingestion(), SOURCES[:4])
    done = {0: DocumentOutcome("0.md", Outcome.ADDED), 1: DocumentOutcome("1.md", Outcome.FAILED, "no answer")}
    await record(unit_of_work, ingestion_id, done)
    assert await retry(unit_of_work, ingestion_id) == 0, "it has not ended"
    await cancel(unit_of_work, ingestion_id)

    assert await retry(unit_of_work, ingestion_id) == 3

    async with unit_of_work() as uow:
        kept = await uow.ingestions.get(ingestion_id, None)
        staged = list(await uow.ingestions.pending(ingestion_id, range(9)))
        assert list(await uow.ingestions.unfinished()) == [ingestion_id]
    assert (kept.status, kept.finished_at, kept.retries) == (IngestionStatus.QUEUED, None, 1)
    assert staged == [StagedDocument(ordinal, SOURCES[ordinal]) for ordinal in (1, 2, 3)]
    assert (await outcomes(unit_of_work, ingestion_id))[1] == DocumentOutcome("1.md", Outcome.PENDING)


async def test_there_is_nothing_to_retry_where_all_is_in_or_the_bytes_never_came(
    unit_of_work: UnitOfWorkFactory,
) -> None:
    ingestion_id = await add(unit_of_work, an_ingestion(), SOURCES[:1])
    async with unit_of_work() as uow:
        await uow.ingestions.stage(ingestion_id, [DocumentOutcome("bad.md", Outcome.FAILED, "a link")], first=1)
        await uow.ingestions.record(ingestion_id, {0: DocumentOutcome("0.md", Outcome.ADDED)})
        await uow.ingestions.finish(ingestion_id, IngestionStatus.PARTIAL, at=after(1))
        await uow.commit()
    assert await retry(unit_of_work, ingestion_id) == 0
    async with unit_of_work() as uow:
        assert (await uow.ingestions.get(ingestion_id, None)).status is IngestionStatus.PARTIAL


async def test_one_of_several_is_told_that_an_ingestion_is_done(unit_of_work: UnitOfWorkFactory) -> None:
    ingestion_id = await add(unit_of_work, an_ingestion(), SOURCES[:2])
    async with unit_of_work() as uow:
        assert not await uow.ingestions.done(ingestion_id), "two documents are pending"
    await record(unit_of_work, ingestion_id, {n: DocumentOutcome(f"{n}.md", Outcome.ADDED) for n in range(2)})

    async def end() -> bool:
        async with unit_of_work() as uow:
            if told := await uow.ingestions.done(ingestion_id):
                await uow.ingestions.finish(ingestion_id, IngestionStatus.SUCCEEDED, at=after(1))
            await uow.commit()
        return told

    assert sorted(await asyncio.gather(*(end() for _ in range(5)))) == [False, False, False, False, True]


async def test_starting_tells_what_is_started_and_nothing_of_what_has_ended(unit_of_work: UnitOfWorkFactory) -> None:
    ingestion_id = await add(unit_of_work, an_ingestion(prune=True), SOURCES[:1])
    async with unit_of_work() as uow:
        for _ in range(2):
            started = await uow.ingestions.start(ingestion_id)
            assert started is not None
            assert (started.id, started.status, started.prune) == (ingestion_id, IngestionStatus.RUNNING, True)
        await uow.ingestions.finish(ingestion_id, IngestionStatus.SUCCEEDED, at=after(1))
        assert await uow.ingestions.start(ingestion_id) is None
        assert await uow.ingestions.start(uuid4()) is None


LOCATION = WebPage("https://x.example/docs/")
SITE = WebSource(SourceKind.URL, LOCATION.address, ("/docs/**",), ("/docs/old/**",), 7, 3)


def a_page(name: str, **changes: Any) -> WebPage:
    return WebPage(f"https://x.example/docs/{name}", 1, LOCATION.address, **changes)


async def a_site(unit_of_work: UnitOfWorkFactory) -> UUID:
    made = an_ingestion(base_url=None, source=SITE)
    async with unit_of_work() as uow:
        await uow.ingestions.add(made, [LOCATION])
        await uow.ingestions.start(made.id)
        await uow.commit()
    return made.id


async def discovered(
    unit_of_work: UnitOfWorkFactory, ingestion_id: UUID, pages: list[WebPage], most: int = 99
) -> list[int]:
    async with unit_of_work() as uow:
        found = list(await uow.ingestions.discover(ingestion_id, pages, most=most))
        await uow.commit()
    return found


async def test_a_site_is_read_back_with_its_first_page(unit_of_work: UnitOfWorkFactory) -> None:
    ingestion_id = await a_site(unit_of_work)
    async with unit_of_work() as uow:
        assert (await uow.ingestions.get(ingestion_id, ACME)).source == SITE
        assert list(await uow.ingestions.pending(ingestion_id, range(16))) == [StagedPage(0, LOCATION)]
    assert await outcomes(unit_of_work, ingestion_id) == [DocumentOutcome(LOCATION.address, Outcome.PENDING)]


async def test_pages_are_discovered_once_and_begin_a_new_part(unit_of_work: UnitOfWorkFactory) -> None:
    ingestion_id = await a_site(unit_of_work)
    assert await discovered(unit_of_work, ingestion_id, []) == []
    assert await discovered(unit_of_work, ingestion_id, [a_page("a"), LOCATION, a_page("b"), a_page("a")]) == [16, 17]
    assert await discovered(unit_of_work, ingestion_id, [a_page("b"), a_page("c")]) == [32]
    async with unit_of_work() as uow:
        assert list(await uow.ingestions.pending(ingestion_id, range(16, 32))) == [
            StagedPage(16, a_page("a")),
            StagedPage(17, a_page("b")),
        ]
        assert (await uow.ingestions.get(ingestion_id, None)).counts == zeros(total=4)


async def test_pages_beyond_the_limit_are_counted_as_left_out(unit_of_work: UnitOfWorkFactory) -> None:
    ingestion_id = await a_site(unit_of_work)
    sitemap = a_page("more.xml", is_sitemap=True)
    pages = [sitemap, a_page("a"), a_page("b"), a_page("c")]
    assert await discovered(unit_of_work, ingestion_id, pages, most=3) == [16, 17, 18]
    assert await discovered(unit_of_work, ingestion_id, [a_page("d")], most=3) == []
    async with unit_of_work() as uow:
        await uow.ingestions.leave_out(ingestion_id, 5)
        await uow.commit()
    async with unit_of_work() as uow:
        assert (await uow.ingestions.get(ingestion_id, None)).left_out == 7


async def test_an_ended_ingestion_discovers_nothing(unit_of_work: UnitOfWorkFactory) -> None:
    ingestion_id = await a_site(unit_of_work)
    async with unit_of_work() as uow:
        await uow.ingestions.cancel(ingestion_id, at=after(1))
        await uow.commit()
    assert await discovered(unit_of_work, ingestion_id, [a_page("a")]) == []


async def test_a_page_is_called_what_no_other_is_and_its_address_stays_known(unit_of_work: UnitOfWorkFactory) -> None:
    ingestion_id = await a_site(unit_of_work)
    await discovered(unit_of_work, ingestion_id, [a_page("a?x=1"), a_page("a?x=2"), a_page("b")])
    own = a_page("a").address
    async with unit_of_work() as uow:
        assert await uow.ingestions.call(ingestion_id, 16, own)
        assert await uow.ingestions.call(ingestion_id, 16, own), "again, as after a crash"
        assert not await uow.ingestions.call(ingestion_id, 17, own)
        assert not await uow.ingestions.call(ingestion_id, 17, a_page("b").address)
        await uow.ingestions.record(ingestion_id, {17: DocumentOutcome(own, Outcome.PASSED)})
        await uow.commit()
    assert await discovered(unit_of_work, ingestion_id, [a_page("a?x=1"), a_page("a?x=2"), a_page("a")]) == []
    assert [one.uri for one in await outcomes(unit_of_work, ingestion_id)] == [
        LOCATION.address,
        own,
        a_page("b").address,
    ]
    async with unit_of_work() as uow:
        assert (await uow.ingestions.get(ingestion_id, None)).counts == zeros(total=3)
        assert list(await uow.ingestions.requested_uris(ingestion_id)) == [LOCATION.address, own, a_page("b").address]


async def test_a_page_that_is_gone_is_not_named_any_more(unit_of_work: UnitOfWorkFactory) -> None:
    ingestion_id = await a_site(unit_of_work)
    await discovered(unit_of_work, ingestion_id, [a_page("a"), a_page("b")])
    gone = DocumentOutcome(a_page("a").address, Outcome.FAILED, "there is no such page (404)", gone=True)
    await record(unit_of_work, ingestion_id, {16: gone})
    async with unit_of_work() as uow:
        assert list(await uow.ingestions.requested_uris(ingestion_id)) == [LOCATION.address, a_page("b").address]
        await uow.ingestions.cancel(ingestion_id, at=after(1))
        assert await uow.ingestions.retry(ingestion_id) == 3
        await uow.commit()
    assert await pending(unit_of_work, ingestion_id) == [0, 16, 17]
