"""
Read a site: fetch the pages that wait, and stage the ones that they lead to.

What waits is in the database, page by page, so that a crash costs the pages in flight and nothing else. A part of a
site is worked on for some seconds at a time: a host that wants to be asked slowly keeps no other documents waiting.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from application.ports import (
    PART,
    DocumentOutcome,
    Ingestion,
    Job,
    Outcome,
    StagedDocument,
    StagedPage,
    UnitOfWork,
    UnitOfWorkFactory,
)
from domain.errors import DocumentUnreadable, PortUnavailable, Refused
from domain.library.files import web_document
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
from domain.library.versions import PIPELINE, version_of
from domain.library.web_sources import WebPage, WebSource

AT_ONCE: Final = 4
"""Pages of one part that are fetched at the same time."""
SLICE_S: Final = 5.0
SLICE_BYTES: Final = 16 * 1024 * 1024
"""How long, and how much of pages, one part is worked on before the others have their turn."""

Answer: TypeAlias = "FetchedPage | UnchangedPage | FetchedSitemap | NotFetched | NotYet | PortUnavailable"


@dataclass(slots=True)
class FetchedPart:
    """
    What came of a part: documents to ingest, what to remember of each once it is in, and when to go on with the part.
    """

    documents: list[StagedDocument] = field(default_factory=list)
    known: list[KnownPage] = field(default_factory=list)
    again_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class FetchPages:
    unit_of_work: UnitOfWorkFactory
    fetcher: SourceFetcher
    slice_s: float = SLICE_S

    async def execute(self, ingestion: Ingestion, pages: Sequence[StagedPage]) -> FetchedPart:
        """Raises a PortError of the database; what a page's own server does is an outcome of the page."""
        async with self.unit_of_work() as uow:
            known = await uow.known_pages.get(ingestion.collection, [one.page.address for one in pages])
        known = {address: page for address, page in known.items() if page.pipeline == PIPELINE}
        answers = await self._fetched(pages, known)
        reading = _Reading(ingestion, known)
        async with self.unit_of_work() as uow:
            for staged in pages:
                answer = answers.get(staged.ordinal)
                if answer is None:
                    reading.part.again_after_s = reading.part.again_after_s or 0.0
                else:
                    await reading.take(staged, answer, uow)
            await reading.write(uow)
            await uow.commit()
        return reading.part

    async def remember(self, ingestion: Ingestion, part: FetchedPart) -> None:
        """The documents of the part are in, or have failed: those that are in need not come whole next time."""
        if part.known:
            async with self.unit_of_work() as uow:
                await uow.known_pages.put(ingestion.collection, part.known)
                await uow.commit()

    async def _fetched(self, pages: Sequence[StagedPage], known: Mapping[str, KnownPage]) -> Mapping[int, Answer]:
        """By ordinal, those that a slice was enough for."""
        answers: dict[int, Answer] = {}
        waiting = iter(pages)
        until, size = time.monotonic() + self.slice_s, 0

        async def fetch_some() -> None:
            nonlocal size
            for staged in waiting:
                answer = answers[staged.ordinal] = await self._answer(staged.page, known.get(staged.page.address))
                size += len(answer.content) if isinstance(answer, FetchedPage) else 0
                if time.monotonic() > until or size > SLICE_BYTES:
                    return

        async with asyncio.TaskGroup() as group:
            for _ in range(min(AT_ONCE, len(pages))):
                group.create_task(fetch_some())
        return answers

    async def _answer(self, page: WebPage, known: KnownPage | None) -> Answer:
        try:
            if page.is_sitemap:
                return await self.fetcher.sitemap(page.address)
            return await self.fetcher.page(page.address, known=known.validators if known else Validators())
        except PortUnavailable as error:
            return error


@dataclass(slots=True)
class _Reading:
    """Turns answers into outcomes, documents, and pages that are still to come."""

    ingestion: Ingestion
    known: Mapping[str, KnownPage]
    part: FetchedPart = field(default_factory=FetchedPart)
    _outcomes: dict[int, DocumentOutcome] = field(default_factory=dict)
    _found: list[WebPage] = field(default_factory=list)
    _missed: int = 0

    @property
    def _source(self) -> WebSource:
        assert self.ingestion.source is not None  # noqa: S101  pages are staged for sites alone
        return self.ingestion.source

    async def take(self, staged: StagedPage, answer: Answer, uow: UnitOfWork) -> None:
        if isinstance(answer, NotYet):
            self.part.again_after_s = max(self.part.again_after_s or 0.0, answer.after_s)
        elif isinstance(answer, PortUnavailable):
            self._miss(staged, str(answer).removeprefix(f"{answer.port}: "))
        elif isinstance(answer, NotFetched) and staged.page.is_sitemap:
            self._miss(staged, answer.reason)
        elif isinstance(answer, NotFetched):
            self._fail(staged, answer.reason, gone=answer.gone)
        elif isinstance(answer, FetchedSitemap):
            self._sitemap(staged, answer)
        elif isinstance(answer, UnchangedPage):
            await self._unchanged(staged, uow)
        else:
            await self._page(staged, answer, uow)

    async def write(self, uow: UnitOfWork) -> None:
        ingestion_id = self.ingestion.id
        await uow.ingestions.record(ingestion_id, self._outcomes)
        await uow.ingestions.leave_out(ingestion_id, self._missed)
        new = await uow.ingestions.discover(ingestion_id, self._found, most=self._source.max_pages)
        parts = sorted({ordinal // PART for ordinal in new})
        await uow.jobs.add([Job(ingestion_id, part, self.ingestion.retries) for part in parts])

    def _sitemap(self, staged: StagedPage, answer: FetchedSitemap) -> None:
        found = self._source.named_in(staged.page, answer.address, answer.pages, answer.sitemaps)
        if not found and not staged.page.depth:
            self._miss(staged, "the sitemap names no page that is wanted")
            return
        self._found += found
        self._outcomes[staged.ordinal] = DocumentOutcome(staged.page.uri, Outcome.PASSED)

    async def _unchanged(self, staged: StagedPage, uow: UnitOfWork) -> None:
        known = self.known[staged.page.address]
        self._found += self._source.below(staged.page, known.found_at, known.links)
        if await uow.ingestions.call(self.ingestion.id, staged.ordinal, known.uri):
            self._outcomes[staged.ordinal] = DocumentOutcome(known.uri, Outcome.UNCHANGED)
        else:
            self._outcomes[staged.ordinal] = DocumentOutcome(known.uri, Outcome.PASSED)

    async def _page(self, staged: StagedPage, answer: FetchedPage, uow: UnitOfWork) -> None:
        uri = self._source.uri_of(staged.page, answer.address, answer.canonical)
        if uri is None:
            self._fail(staged, f"it redirects out of the source, to {answer.address}")
            return
        self._found += self._source.below(staged.page, answer.address, answer.links)
        if not await uow.ingestions.call(self.ingestion.id, staged.ordinal, uri):
            self._outcomes[staged.ordinal] = DocumentOutcome(uri, Outcome.PASSED)
            return
        try:
            source = web_document(uri, answer.content, answer.content_type, answer.charset)
        except DocumentUnreadable as error:
            self._fail(staged, error.reason, uri=uri)
        except Refused as error:
            self._fail(staged, error.message, uri=uri)
        else:
            self.part.documents.append(StagedDocument(staged.ordinal, source))
            if answer.validators:
                version = version_of(source, self.ingestion.base_url)
                self.part.known.append(
                    KnownPage(
                        staged.page.address,
                        answer.address,
                        uri,
                        version,
                        PIPELINE,
                        answer.validators,
                        tuple(answer.links),
                    )
                )

    def _miss(self, staged: StagedPage, reason: str) -> None:
        """What is there, or behind it, is not known."""
        self._missed += 1
        self._fail(staged, reason)

    def _fail(self, staged: StagedPage, reason: str, *, uri: str | None = None, gone: bool = False) -> None:
        self._outcomes[staged.ordinal] = DocumentOutcome(uri or staged.page.uri, Outcome.FAILED, reason, gone=gone)
