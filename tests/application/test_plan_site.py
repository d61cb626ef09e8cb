"""What reading a site will take is said from a few of its pages, and nothing of it is stored or bought."""

from collections.abc import Mapping

import pytest

from adapters.memory.source_fetcher import Given
from application.plan_site import SAMPLE, SitePlan
from application.submit_site import SubmitSiteCommand
from domain.access.model import Principal, Scope
from domain.errors import CollectionNotFound, OutOfRange, PortUnavailable, ScopeMissing
from domain.library.ports import FetchedPage, FetchedSitemap, NotFetched, NotYet
from domain.library.web_sources import SourceKind
from tests.application.test_read_site import ROOT, Reader, html, site
from tests.application.test_reindex_collection import CountingEmbedder
from tests.story import ADMIN


class Planner(Reader):
    """A story whose embedder is one that costs something."""

    def __init__(self, web: Mapping[str, Given], *, texts_a_call: int = 96) -> None:
        self.bought = CountingEmbedder()
        super().__init__(web, embedder=self.bought, texts_a_call=texts_a_call)

    async def plan(
        self, location: str = ROOT, *, kind: SourceKind = SourceKind.URL, principal: Principal = ADMIN, **more: object
    ) -> SitePlan:
        before = self.bought.bought
        command = SubmitSiteCommand(principal, "docs", kind, location, **more)  # type: ignore[arg-type]  # a test's own
        plan = await self.use_cases.plan_site().execute(command)
        assert self.bought.bought == before
        return plan


def of_a_sitemap(count: int, *more: str) -> dict[str, Given]:
    pages = [html(f"p{n:03}", text=f"Words of {n}.") for n in range(count)]
    named = FetchedSitemap(ROOT + "sitemap.xml", [page.address for page in pages], [ROOT + one for one in more])
    return site(*pages, **{"sitemap.xml": named})


async def test_a_small_site_s_plan_is_what_is_then_bought() -> None:
    story = Planner(site(html("", "a", "b"), html("a", "c", etag='"1"'), html("b"), html("c")))
    plan = await story.plan()
    async with story.unit_of_work() as uow:
        assert list(await uow.collections.all()) == []
    done = await story.read()
    assert (plan.pages, plan.read, plan.complete, plan.seconds) == (4, 4, True, 1.0)
    assert plan.embedding is not None
    assert (plan.embedding.documents, plan.embedding.passages) == (4, done.passages)
    assert plan.embedding.inputs == story.bought.bought == done.embedded.texts

    again = await story.plan()
    assert again.pages == 4, "an unchanged page leads to what it led to"
    assert again.embedding is not None
    assert (again.embedding.documents, again.embedding.inputs) == (0, 0)


async def test_some_pages_from_all_over_a_sitemap_stand_for_the_others() -> None:
    story = Planner(of_a_sitemap(120))
    plan = await story.plan(ROOT + "sitemap.xml", kind=SourceKind.SITEMAP)
    asked = [int(address[-3:]) for address in story.fetcher.asked if not address.endswith("xml")]
    assert (len(asked), min(asked), max(asked) >= 110) == (SAMPLE, 0, True)
    assert (plan.pages, plan.read, plan.complete, plan.seconds) == (120, SAMPLE, True, 30.0)
    done = await story.read(ROOT + "sitemap.xml", kind=SourceKind.SITEMAP)
    assert plan.embedding is not None
    assert plan.embedding.documents == done.counts["added"] == 120
    assert plan.embedding.inputs == done.embedded.texts == story.bought.bought
    assert plan.embedding.calls == done.embedded.calls


async def test_what_the_request_narrows_narrows_the_plan() -> None:
    story = Planner(of_a_sitemap(120))
    at = {"location": ROOT + "sitemap.xml", "kind": SourceKind.SITEMAP}
    assert (await story.plan(**at, max_pages=30)).pages == 30
    assert (await story.plan(**at, include=("/docs/p00*",))).pages == 10
    with pytest.raises(OutOfRange, match="no page"):
        await story.plan(**at, include=("/elsewhere/**",))


async def test_links_that_were_not_followed_are_said_to_lead_on() -> None:
    pages = [html("", "p0"), *(html(f"p{n}", f"p{n + 1}") for n in range(40)), html("p40")]
    story = Planner(site(*pages))
    plan = await story.plan(max_depth=50)
    assert (plan.pages, plan.read, plan.complete) == (SAMPLE + 1, SAMPLE, False)
    assert (await story.plan(max_depth=3)).complete
    limited = await story.plan(max_depth=50, max_pages=5)
    assert (limited.pages, limited.read, limited.complete) == (5, 5, True)


async def test_sitemaps_beyond_the_first_ten_are_said_to_be_left() -> None:
    more = [f"more-{n}.xml" for n in range(15)]
    web = of_a_sitemap(20, *more)
    for name in more:
        web[ROOT + name] = FetchedSitemap(ROOT + name, [f"{ROOT}of-{name}"], [])
    story = Planner(web)
    plan = await story.plan(ROOT + "sitemap.xml", kind=SourceKind.SITEMAP)
    assert (plan.pages, plan.complete) == (20 + 9, False)
    assert len([one for one in story.fetcher.asked if one.endswith(".xml") and "of-" not in one]) == 10


async def test_where_nothing_is_bought_a_sitemap_s_pages_are_counted_and_not_read() -> None:
    story = Planner(of_a_sitemap(120), texts_a_call=0)
    plan = await story.plan(ROOT + "sitemap.xml", kind=SourceKind.SITEMAP)
    assert (plan.pages, plan.read, plan.embedding) == (120, 0, None)
    assert story.fetcher.asked == [ROOT + "sitemap.xml"]
    linked = Planner(site(html("", "a"), html("a")), texts_a_call=0)
    found = await linked.plan()
    assert (found.pages, found.complete, found.embedding) == (2, True, None)


@pytest.mark.parametrize("kind", SourceKind)
@pytest.mark.parametrize(
    ("given", "error"),
    [
        (NotFetched("there is no such page (404)", gone=True), OutOfRange),
        (NotYet(60.0), PortUnavailable),
        (PortUnavailable("web", "the host cannot be reached"), PortUnavailable),
    ],
)
async def test_a_location_that_is_not_to_be_had_is_no_plan(
    kind: SourceKind, given: Given, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await Planner({ROOT: given}).plan(kind=kind)


async def test_pages_that_fail_are_counted_and_cost_nothing() -> None:
    picture = FetchedPage(ROOT + "d", b"\x00\x01", "application/pdf")
    web = site(html("", "a", "b", "c", "d"), html("a"), b=NotYet(9.0), c=PortUnavailable("web", "x"), d=picture)
    plan = await Planner(web).plan()
    assert (plan.pages, plan.read) == (5, 3)
    assert plan.embedding is not None
    assert plan.embedding.documents == 4, "two of three, times five thirds"


async def test_it_takes_what_an_ingestion_takes() -> None:
    story = Planner(site(html("")))
    with pytest.raises(ScopeMissing):
        await story.plan(principal=Principal("r", "r", frozenset({Scope.ASK})))
    with pytest.raises(CollectionNotFound):
        await story.plan(principal=Principal("l", "l", frozenset({Scope.INGEST}), frozenset({"docs"})))
    with pytest.raises(OutOfRange):
        await story.plan("http://127.0.0.1/")
    assert story.fetcher.asked == []
