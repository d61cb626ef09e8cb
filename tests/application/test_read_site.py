"""Reading a site: which pages become documents, under which names, and what a crash, a fault or a change costs."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from adapters.memory.source_fetcher import Given, InMemorySourceFetcher
from application.ports import DocumentOutcome, Ingestion, IngestionStatus, Outcome
from application.submit_site import SubmitSite, SubmitSiteCommand
from domain.access.model import Principal, Scope
from domain.errors import OutOfRange, PortUnavailable, ScopeMissing
from domain.library.ports import FetchedPage, FetchedSitemap, NotFetched, NotYet, Validators
from domain.library.web_sources import SourceKind
from tests.application.test_ingest_documents import CountingEmbedder
from tests.story import ADMIN, Story

ROOT = "https://x.example/docs/"


def html(path: str, *links: str, text: str = "", etag: str | None = None, canonical: str | None = None) -> FetchedPage:
    address = ROOT + path
    body = f"<main><h1>Page {path}</h1><h2 id='more'>More</h2><p>This is the page {path}. {text}</p></main>"
    found = tuple(link if "://" in link else ROOT + link for link in links)
    return FetchedPage(address, body.encode(), "text/html", "utf-8", Validators(etag), found, canonical)


def site(*pages: FetchedPage, **more: Given) -> dict[str, Given]:
    return {page.address: page for page in pages} | {ROOT + path: given for path, given in more.items()}


class Killed(BaseException):
    """What no code of ours gets to handle."""


async def in_turn(story: Story) -> None:
    """Work on job after job, in this task, so that what kills one kills the whole."""
    while waiting := list(story.adapters.store().jobs.values()):
        for job in waiting:
            await story.worker.work(job)


class Reader(Story):
    """A story whose service reads sites."""

    def __init__(self, web: Mapping[str, Given], **instead: object) -> None:
        self.fetcher = InMemorySourceFetcher(dict(web))
        super().__init__(source_fetcher=self.fetcher, **instead)
        self.submit_site: SubmitSite = self.use_cases.submit_site()

    async def read(self, location: str = ROOT, *, kind: SourceKind = SourceKind.URL, **more: object) -> Ingestion:
        ingestion = await self.asked(location, kind=kind, **more)
        await self.work()
        return await self.now(ingestion)

    async def asked(self, location: str = ROOT, *, kind: SourceKind = SourceKind.URL, **more: object) -> Ingestion:
        command = SubmitSiteCommand(ADMIN, "docs", kind, location, **more)  # type: ignore[arg-type]  # a test's own
        return (await self.submit_site.execute(command)).ingestion

    async def now(self, ingestion: Ingestion) -> Ingestion:
        async with self.unit_of_work() as uow:
            return await uow.ingestions.get(ingestion.id, None)

    async def outcomes(self, ingestion: Ingestion) -> dict[str, Outcome]:
        return {one.uri.removeprefix(ROOT): one.outcome for one in await self.documents(ingestion)}

    async def documents(self, ingestion: Ingestion) -> Sequence[DocumentOutcome]:
        async with self.unit_of_work() as uow:
            return (await uow.ingestions.documents(ingestion.id, limit=100, cursor=None)).items

    async def uris(self) -> list[str]:
        async with self.unit_of_work() as uow:
            return [uri.removeprefix(ROOT) for uri in await uow.documents.uris("docs")]


async def test_links_are_followed_below_the_folder_of_the_first_page() -> None:
    outside = ("https://x.example/blog/", "https://y.example/docs/z", "logo.png", "archive.zip")
    story = Reader(site(html("", "a", "b", *outside), html("a", "", "b", "c"), html("b"), html("c", "a")))
    done = await story.read()
    assert done.status is IngestionStatus.SUCCEEDED
    assert (done.counts["total"], done.counts["added"], done.left_out) == (4, 4, 0)
    assert await story.uris() == ["", "a", "b", "c"]
    assert sorted(story.fetcher.asked) == [ROOT, ROOT + "a", ROOT + "b", ROOT + "c"], "each once"


async def test_a_page_s_uri_and_url_are_its_address() -> None:
    story = Reader(site(html("a")))
    await story.read(ROOT + "a")
    document = await story.document(ROOT + "a")
    assert (document.url, document.title) == (ROOT + "a", "Page a")


async def test_depth_and_page_limits_hold_and_what_is_left_out_is_told() -> None:
    web = site(html("", "a", "b"), html("a", "c"), html("b", "d"), html("c", "e"), html("d"), html("e"))
    deep = await Reader(web).read(max_depth=1)
    assert (deep.counts["added"], deep.left_out) == (3, 0)
    few = await Reader(web).read(max_pages=2)
    assert (few.counts["added"], few.left_out) == (2, 2)
    assert (await Reader(web).read(max_depth=0)).counts["added"] == 1


async def test_include_and_exclude_choose_by_path() -> None:
    web = site(html("", "guide/a", "guide/old/b", "api/c"), html("guide/a"), html("guide/old/b"), html("api/c"))
    story = Reader(web)
    await story.read(include=("/docs/guide/**",), exclude=("**/old/**",))
    assert await story.uris() == ["", "guide/a"], "the location itself is asked for by name"


async def test_a_canonical_address_names_the_page_and_is_fetched_once() -> None:
    own = ROOT + "a"
    web = site(
        html("", "a?ref=1", "a?ref=2", "b"),
        html("a?ref=1", "a", canonical=own),
        html("a?ref=2", "a", canonical=own),
        html("b", canonical="https://elsewhere.example/b"),
    )
    story = Reader(web)
    done = await story.read()
    assert await story.uris() == ["", "a", "b"], "another site's name is not believed"
    assert done.counts["total"] == 3
    assert own not in story.fetcher.asked


async def test_a_redirect_names_the_page_where_it_led() -> None:
    web = site(html("", "old", "away"), html("new"))
    moved = html("new")
    web[ROOT + "old"] = moved
    web[ROOT + "away"] = FetchedPage("https://x.example/login", b"<p>Log in</p>", "text/html")
    story = Reader(web)
    done = await story.read()
    assert await story.uris() == ["", "new"]
    assert await story.outcomes(done) == {"": Outcome.ADDED, "new": Outcome.ADDED, "away": Outcome.FAILED}


async def test_the_first_page_may_lead_to_another_host_which_then_is_the_site() -> None:
    www = "https://www.x.example/docs/"
    first = FetchedPage(www, b"<p>Hello to all.</p>", "text/html", links=(www + "a", ROOT + "b"))
    story = Reader({ROOT: first, www + "a": FetchedPage(www + "a", b"<p>Hello.</p>", "text/html")})
    await story.read()
    async with story.unit_of_work() as uow:
        assert list(await uow.documents.uris("docs")) == [www, www + "a"]


async def test_an_unchanged_page_costs_a_304_and_no_embedding() -> None:
    embedder = CountingEmbedder()
    story = Reader(site(html("", "a", "b", etag='"1"'), html("a", etag='"1"'), html("b")), embedder=embedder)
    await story.read()
    embedder.bought.clear()
    again = await story.read()
    assert again.counts["unchanged"] == 3, "the links of the page that did not come whole were followed all the same"
    assert embedder.bought == []
    assert again.passages == 0

    story.fetcher.web = {**story.fetcher.web, ROOT + "a": html("a", text="And more.", etag='"2"')}
    changed = await story.read()
    assert (changed.counts["updated"], changed.counts["unchanged"]) == (1, 2)


async def test_a_page_whose_document_was_deleted_comes_whole_again() -> None:
    story = Reader(site(html("a", etag='"1"')))
    await story.read(ROOT + "a")
    await story.use_cases.forget_document().execute(ADMIN, (await story.document(ROOT + "a")).id)
    assert (await story.read(ROOT + "a")).counts["added"] == 1


async def test_each_page_tells_what_was_wrong_with_it() -> None:
    web = site(
        html("", "gone", "closed", "down", "empty"),
        closed=NotFetched("the site's robots.txt does not let it be fetched"),
        down=PortUnavailable("web", "the host answered 503"),
        empty=FetchedPage(ROOT + "empty", b"<p></p>", "text/html"),
    )
    story = Reader(web)
    done = await story.read()
    assert done.status is IngestionStatus.PARTIAL
    assert {one.uri.removeprefix(ROOT): one.error for one in await story.documents(done)} == {
        "": None,
        "gone": "there is no such page (404)",
        "closed": "the site's robots.txt does not let it be fetched",
        "down": "the host answered 503",
        "empty": "there is no text in it",
    }
    assert done.left_out == 1, "of what is down nobody knows what is behind it"


async def test_pruning_removes_what_the_site_does_not_hold_any_more() -> None:
    story = Reader(site(html("", "a", "b"), html("a"), html("b")))
    await story.read()
    story.fetcher.web = site(html("", "a", "c"), html("a"))
    done = await story.read(prune=True)
    assert done.counts["removed"] == 1
    assert await story.uris() == ["", "a"], "c is named, and there is none"


@pytest.mark.parametrize("why", ["down", "limit"])
async def test_nothing_is_pruned_unless_the_site_was_read_whole(why: str) -> None:
    story = Reader(site(html("", "a", "b"), html("a"), html("b")))
    await story.read()
    story.fetcher.web = site(html("", "a", "c"), html("c"), a=PortUnavailable("web", "no answer"))
    done = await story.read(prune=True, max_pages=2 if why == "limit" else None)
    assert done.counts["removed"] == 0
    assert "b" in await story.uris()


async def test_a_sitemap_s_pages_are_read_and_the_sitemap_is_no_document() -> None:
    pages = [ROOT + "a", ROOT + "b", "https://y.example/x", ROOT + "api/c"]
    index = FetchedSitemap(ROOT + "sitemap.xml", [], [ROOT + "one.xml", ROOT + "two.xml"])
    web = site(html("a", "never-followed"), html("b"), html("c"))
    web |= {
        ROOT + "sitemap.xml": index,
        ROOT + "one.xml": FetchedSitemap(ROOT + "one.xml", pages, []),
        ROOT + "two.xml": FetchedSitemap(ROOT + "two.xml", [ROOT + "b", ROOT + "c"], [ROOT + "three.xml"]),
    }
    story = Reader(web)
    done = await story.read(ROOT + "sitemap.xml", kind=SourceKind.SITEMAP, exclude=("/docs/api/**",))
    assert done.status is IngestionStatus.SUCCEEDED
    assert done.counts["total"] == 3
    assert await story.uris() == ["a", "b", "c"]


async def test_a_sitemap_that_is_none_fails_the_ingestion_and_prunes_nothing() -> None:
    story = Reader(site(html("a")) | {ROOT + "s.xml": FetchedSitemap(ROOT + "s.xml", [], [])})
    await story.read(ROOT + "a")
    for location in (ROOT + "s.xml", ROOT + "a", ROOT + "none.xml"):
        done = await story.read(location, kind=SourceKind.SITEMAP, prune=True)
        assert (done.status, done.counts["removed"]) == (IngestionStatus.FAILED, 0)
    assert await story.uris() == ["a"]


async def test_a_host_that_asks_for_patience_is_waited_for() -> None:
    story = Reader(site(html("", "a")) | {ROOT + "a": NotYet(0.01)})
    ingestion = await story.asked()
    working = asyncio.create_task(story.work())
    await asyncio.sleep(0.15)
    assert not working.done()
    assert (await story.now(ingestion)).counts["added"] == 1
    story.fetcher.web = site(html("", "a"), html("a"))
    await working
    done = await story.now(ingestion)
    assert (done.status, done.counts["added"]) == (IngestionStatus.SUCCEEDED, 2)


async def test_a_crash_between_any_two_pages_loses_and_doubles_nothing() -> None:
    """Killed before each page in turn: what is in is kept, what was in flight is fetched again."""
    paths = [f"p{n}" for n in range(40)]
    pages = [html("", *paths[:20]), *(html(path, *paths[20:]) for path in paths)]
    whole = Reader(site(*pages))
    await whole.read()
    for fatal in (1, 5, 23, 39):
        story = Reader(site(*pages))
        ingestion = await story.asked()
        answer, asked = story.fetcher.page, story.fetcher.asked

        async def dies(address: str, *, known: Validators) -> object:
            if len(asked) == fatal:  # noqa: B023  called within this turn of the loop
                raise Killed
            return await answer(address, known=known)  # noqa: B023

        story.fetcher.page = dies  # type: ignore[method-assign, assignment]  # the process, not the port, is at fault
        with pytest.raises(BaseExceptionGroup):
            await in_turn(story)
        story.fetcher.page = answer  # type: ignore[method-assign]
        await story.worker.resume(only_process=True)
        await story.work()
        done = await story.now(ingestion)
        assert (done.status, done.counts["total"]) == (IngestionStatus.SUCCEEDED, 41)
        assert await story.uris() == await whole.uris()
        assert await story.adapters.passage_index().count() == await whole.adapters.passage_index().count()


async def test_cancelling_ends_it_and_a_retry_reads_the_rest() -> None:
    story = Reader(site(html("", "a"), html("a"), down=PortUnavailable("web", "no answer")))
    ingestion = await story.asked()
    await story.use_cases.cancel_ingestion().execute(ADMIN, ingestion.id)
    await story.work()
    assert (await story.now(ingestion)).status is IngestionStatus.CANCELLED
    assert story.fetcher.asked == []
    _, queued = await story.use_cases.retry_ingestion().execute(ADMIN, ingestion.id)
    await story.work()
    done = await story.now(ingestion)
    assert queued
    assert (done.status, done.counts["added"]) == (IngestionStatus.SUCCEEDED, 2)


async def test_a_page_that_failed_is_fetched_again_by_a_retry() -> None:
    story = Reader(site(html("", "a"), a=PortUnavailable("web", "no answer")))
    done = await story.read()
    assert done.status is IngestionStatus.PARTIAL
    story.fetcher.web = site(html("", "a"), html("a", "b"), html("b"))
    await story.use_cases.retry_ingestion().execute(ADMIN, done.id)
    await story.work()
    again = await story.now(done)
    assert (again.status, again.counts["added"]) == (IngestionStatus.SUCCEEDED, 3)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"location": "http://127.0.0.1/"}, "source.location"),
        ({"location": "file:///etc/passwd"}, "source.location"),
        ({"location": "https://user:secret@x.example/"}, "source.location"),
        ({"include": ("docs",)}, r"source.include\[0\]"),
        ({"exclude": ("/a" * 200,)}, r"source.exclude\[0\]"),
        ({"max_pages": 1_000_000}, "source.max_pages"),
        ({"max_depth": -1}, "source.max_depth"),
    ],
)
async def test_what_is_no_source_is_refused_before_it_is_stored(changes: dict[str, object], field: str) -> None:
    story = Reader({})
    with pytest.raises(OutOfRange, match=field):
        await story.asked(**changes)  # type: ignore[arg-type]  # a test's own


async def test_who_may_not_ingest_may_not_read_a_site() -> None:
    reader = Principal("acme", "a key", frozenset({Scope.ASK}))
    with pytest.raises(ScopeMissing):
        await Reader({}).submit_site.execute(SubmitSiteCommand(reader, "docs", SourceKind.URL, ROOT))
