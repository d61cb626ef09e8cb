"""
Say what reading a site would take: how many pages it has, how long, and what embedding them would buy.

What a site holds is known once it is read, so some of its pages are, as politely as in earnest, and stand for the
others. Nothing of them is stored.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from application.fetch_pages import Answer
from application.plan_ingestion import PlanIngestion
from application.ports import StagedDocument, UnitOfWorkFactory
from application.reckoning import Count
from application.submit_ingestion import found_collection
from application.submit_site import SubmitSiteCommand, checked_site
from domain.access.embedding_plan import EmbeddingPlan
from domain.errors import DocumentUnreadable, OutOfRange, PortUnavailable, Refused
from domain.library.files import web_document
from domain.library.model import Collection, SourceDocument, collection_name
from domain.library.ports import (
    FetchedPage,
    FetchedSitemap,
    KnownPage,
    NotFetched,
    NotYet,
    SourceFetcher,
    UnchangedPage,
    Validators,
)
from domain.library.versions import PIPELINE
from domain.library.web_addresses import AddressPolicy
from domain.library.web_sources import SourceKind, WebPage, WebSource, within_limits

SAMPLE: Final = 12
"""Pages that are read for a plan: three seconds at four a second."""
MOST_SITEMAPS: Final = 10
WITHIN_S: Final = 15.0
"""After which no further page is begun."""
AT_ONCE: Final = 4


@dataclass(frozen=True, slots=True)
class SitePlan:
    """
    ``pages`` were found, and ``read`` of them looked into; where these are fewer, ``embedding`` is reckoned from them.

    ``complete`` False: there may be more pages than were found. ``seconds`` is how long fetching them takes at least.
    ``embedding`` None: the embedder buys nothing.
    """

    pages: int
    read: int
    complete: bool
    seconds: float
    embedding: EmbeddingPlan | None


@dataclass(frozen=True, slots=True)
class PlanSite:
    """
    Raises what SubmitSite raises, OutOfRange for a location that is not to be had, and PortUnavailable for one that
    may be, another time.
    """

    planning: PlanIngestion
    fetcher: SourceFetcher
    policy: AddressPolicy
    most_pages: int

    async def execute(self, command: SubmitSiteCommand) -> SitePlan:
        site = checked_site(command, self.policy, self.most_pages)
        name = collection_name(command.collection)
        async with self.planning.unit_of_work() as uow:
            found = await found_collection(uow, name, command.principal)
        looking = _Looking(site, name, self.fetcher, self.planning.unit_of_work, time.monotonic() + WITHIN_S)
        buys = bool(self.planning.reckoning.texts_a_call)
        if site.kind is SourceKind.SITEMAP:
            await looking.read_sitemaps()
            await looking.read(_spread(list(looking.found.values()), SAMPLE) if buys else ())
        else:
            await looking.follow_links()
        plan = await self._embedding(command, looking, found) if buys else None
        seconds = len(looking.found) * self.fetcher.interval_s(site.location)
        return SitePlan(len(looking.found), looking.seen, looking.complete, seconds, plan)

    async def _embedding(
        self, command: SubmitSiteCommand, looking: "_Looking", found: Collection | None
    ) -> EmbeddingPlan:
        count, granted = Count(), command.principal.collections
        staged = [StagedDocument(place, source) for place, source in enumerate(looking.sources.values())]
        await self.planning.count(count, staged, command.collection, None, found, granted)
        return await self.planning.reckoning.of_a_sample(count, read=looking.seen, of=len(looking.found))


@dataclass(slots=True)
class _Looking:
    """
    What is known of the site so far.

    ``unread``: sitemaps, and pages whose links are not known; ``seen`` counts the pages that were looked into.
    """

    site: WebSource
    collection: str
    fetcher: SourceFetcher
    unit_of_work: UnitOfWorkFactory
    until_s: float
    found: dict[str, WebPage] = field(default_factory=dict)
    unread: dict[str, WebPage] = field(default_factory=dict)
    sources: dict[str, SourceDocument] = field(default_factory=dict)
    seen: int = 0

    @property
    def complete(self) -> bool:
        return not self.unread or len(self.found) >= self.site.max_pages

    async def read_sitemaps(self) -> None:
        first = self.site.first()
        self.unread[first.address] = first
        for _ in range(MOST_SITEMAPS):
            sitemap = next(iter(self.unread.values()), None)
            if sitemap is None or time.monotonic() > self.until_s:
                break
            try:
                answer = await self.fetcher.sitemap(sitemap.address)
            except PortUnavailable:
                if sitemap is first:
                    raise
                break
            if isinstance(answer, NotYet) and sitemap is not first:
                break
            del self.unread[sitemap.address]
            if not isinstance(answer, FetchedSitemap):
                self._miss(sitemap, answer)
                continue
            named = self.site.named_in(sitemap, answer.address, answer.pages, answer.sitemaps)
            self.unread |= {page.address: page for page in named if page.is_sitemap}
            self._find([page for page in named if not page.is_sitemap])
        if not self.found:
            raise OutOfRange("source.location", "leads to no page that is wanted")

    async def follow_links(self) -> None:
        """From the first page on, as many as a sample has."""
        self._find([self.site.first()])
        asked = 0
        while asked < SAMPLE and self.unread and time.monotonic() < self.until_s:
            some = list(self.unread.values())[: min(AT_ONCE, SAMPLE - asked)]
            asked += len(some)
            await self.read(some)

    async def read(self, pages: Sequence[WebPage]) -> None:
        for first in range(0, len(pages), AT_ONCE):
            if time.monotonic() > self.until_s:
                return
            some = pages[first : first + AT_ONCE]
            async with self.unit_of_work() as uow:
                known = await uow.known_pages.get(self.collection, [page.address for page in some])
            known = {address: one for address, one in known.items() if one.pipeline == PIPELINE}
            answers = await asyncio.gather(*(self._answer(page, known.get(page.address)) for page in some))
            for page, answer in zip(some, answers, strict=True):
                self.unread.pop(page.address, None)
                self._learn(page, answer, known)

    async def _answer(self, page: WebPage, known: KnownPage | None) -> Answer:
        try:
            return await self.fetcher.page(page.address, known=known.validators if known else Validators())
        except PortUnavailable as error:
            return error

    def _learn(self, page: WebPage, answer: Answer, known: Mapping[str, KnownPage]) -> None:
        if isinstance(answer, UnchangedPage):
            before = known[page.address]
            self._find(self.site.below(page, before.found_at, before.links))
        elif isinstance(answer, FetchedPage):
            uri = self.site.uri_of(page, answer.address, answer.canonical)
            if uri is not None:
                self._find(self.site.below(page, answer.address, answer.links))
                # One that cannot be read will fail, and cost nothing.
                with suppress(DocumentUnreadable, Refused):
                    source = web_document(uri, answer.content, answer.content_type, answer.charset)
                    self.sources.setdefault(uri, source)
        else:
            self._miss(page, answer)
            if not isinstance(answer, NotFetched):
                return
        self.seen += 1

    def _find(self, pages: Sequence[WebPage]) -> None:
        new = [page for page in pages if page.address not in self.found]
        for page in within_limits(new, there=len(self.found), sitemaps_there=0, most=self.site.max_pages):
            self.found[page.address] = page
            if self.site.kind is SourceKind.URL and page.depth < self.site.max_depth:
                self.unread[page.address] = page

    def _miss(self, page: WebPage, answer: Answer) -> None:
        """Without the location itself nothing is known."""
        if page.address != self.site.location:
            return
        if isinstance(answer, PortUnavailable):
            raise answer
        if isinstance(answer, NotYet):
            raise PortUnavailable("web", "the host is to be left alone for now", retry_after_s=answer.after_s)
        if isinstance(answer, NotFetched):
            raise OutOfRange("source.location", f"cannot be read: {answer.reason}")


def _spread(pages: Sequence[WebPage], count: int) -> Sequence[WebPage]:
    """So many of them, evenly from first to last."""
    return pages if len(pages) <= count else [pages[place * len(pages) // count] for place in range(count)]
