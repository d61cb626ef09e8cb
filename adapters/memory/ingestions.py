"""Ingestion requests and their staged documents, in memory."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from adapters.memory.paging import page_after
from adapters.memory.store import InMemoryStore, StagedIngestion, Transaction
from application.ports import (
    PART,
    Arrival,
    DocumentOutcome,
    Ingestion,
    IngestionKind,
    Ingestions,
    IngestionStatus,
    Outcome,
    StagedDocument,
    StagedPage,
)
from domain.access.embedding_plan import Embedded, EmbeddingPlan
from domain.access.model import Owner
from domain.errors import IngestionNotFound
from domain.library.model import Format, Page, SourceDocument
from domain.library.web_sources import WebPage, within_limits

_TO_RETRY = (Outcome.FAILED, Outcome.CANCELLED)


class InMemoryIngestions(Ingestions):
    def __init__(self, store: InMemoryStore, transaction: Transaction) -> None:
        self._store = store
        self._transaction = transaction

    async def add(self, ingestion: Ingestion, arrivals: Sequence[Arrival]) -> None:
        self._transaction.put(self._store.ingestions, ingestion.id, StagedIngestion(ingestion))
        await self.stage(ingestion.id, arrivals, first=0)

    async def stage(self, ingestion_id: UUID, arrivals: Sequence[Arrival], *, first: int) -> None:
        kept = self._store.ingestions[ingestion_id]
        for ordinal, arrival in enumerate(arrivals, start=first):
            if isinstance(arrival, DocumentOutcome) and arrival.outcome is Outcome.PENDING:
                without = StagedDocument(ordinal, SourceDocument(arrival.uri, "", Format.TEXT))
                self._transaction.put(kept.staged, ordinal, without)
            elif isinstance(arrival, DocumentOutcome):
                self._transaction.put(kept.outcomes, ordinal, arrival)
            elif isinstance(arrival, WebPage):
                self._transaction.put(kept.staged, ordinal, StagedPage(ordinal, arrival))
            else:
                self._transaction.put(kept.staged, ordinal, StagedDocument(ordinal, arrival))

    async def get(self, ingestion_id: UUID, owner: Owner | None) -> Ingestion:
        kept = self._store.ingestions.get(ingestion_id)
        if kept is None or (owner is not None and kept.ingestion.owner != owner):
            raise IngestionNotFound(ingestion_id)
        return self._counted(kept)

    @staticmethod
    def _counted(kept: StagedIngestion) -> Ingestion:
        seen = Counter(outcome.outcome for outcome in kept.outcomes.values())
        counts = {"total": len(_ordinals(kept))}
        counts |= {one.value: seen[one] for one in Outcome if one not in (Outcome.PENDING, Outcome.PASSED)}
        counts[Outcome.REMOVED.value] = len(kept.removed)
        passages = sum(outcome.passages for outcome in kept.outcomes.values())
        return replace(kept.ingestion, counts=counts, passages=passages)

    async def list(self, owner: Owner | None, *, limit: int, cursor: str | None) -> Page[Ingestion]:
        mine = [
            self._counted(kept)
            for kept in self._store.ingestions.values()
            if owner is None or kept.ingestion.owner == owner
        ]
        mine.sort(key=lambda ingestion: (ingestion.created_at, ingestion.id), reverse=True)
        return page_after(mine, key=lambda ingestion: str(ingestion.id), limit=limit, cursor=cursor)

    async def documents(self, ingestion_id: UUID, *, limit: int, cursor: str | None) -> Page[DocumentOutcome]:
        kept = self._store.ingestions[ingestion_id]
        rows = [(str(ordinal), self._outcome(kept, ordinal)) for ordinal in _ordinals(kept)] + [
            (f"removed {uri}", outcome) for uri, outcome in kept.removed.items()
        ]
        page = page_after(rows, key=lambda row: row[0], limit=limit, cursor=cursor)
        return Page([outcome for _, outcome in page.items], page.next_cursor)

    @staticmethod
    def _outcome(kept: StagedIngestion, ordinal: int) -> DocumentOutcome:
        known = kept.outcomes.get(ordinal)
        return known or DocumentOutcome(_uri(kept, ordinal), Outcome.PENDING)

    async def unfinished(self) -> Sequence[UUID]:
        waiting = [kept.ingestion for kept in self._store.ingestions.values() if not kept.ingestion.status.is_final]
        return [ingestion.id for ingestion in sorted(waiting, key=lambda one: (one.created_at, one.id))]

    async def pending(self, ingestion_id: UUID, ordinals: range) -> Sequence[StagedDocument | StagedPage]:
        kept = self._store.ingestions[ingestion_id]
        return [kept.staged[ordinal] for ordinal in await self.pending_ordinals(ingestion_id) if ordinal in ordinals]

    async def discover(self, ingestion_id: UUID, pages: Sequence[WebPage], *, most: int) -> Sequence[int]:
        kept = self._store.ingestions[ingestion_id]
        if kept.ingestion.status.is_final:
            return []
        staged = [one.page for one in kept.staged.values() if isinstance(one, StagedPage)]
        there = {_uri(kept, ordinal) for ordinal in kept.staged} | {page.address for page in staged}
        new = list({page.address: page for page in pages if page.address not in there}.values())
        sitemaps = sum(page.is_sitemap for page in staged)
        taken = within_limits(new, there=len(staged) - sitemaps, sitemaps_there=sitemaps, most=most)
        first = (max(kept.staged, default=-1) // PART + 1) * PART
        await self.stage(ingestion_id, taken, first=first)
        await self.leave_out(ingestion_id, len(new) - len(taken))
        return range(first, first + len(taken))

    async def call(self, ingestion_id: UUID, ordinal: int, uri: str) -> bool:
        kept = self._store.ingestions[ingestion_id]
        others = (other for other in _ordinals(kept) if other != ordinal)
        if any(self._outcome(kept, other).uri == uri for other in others):
            return False
        self._transaction.put(kept.called, ordinal, uri)
        return True

    async def leave_out(self, ingestion_id: UUID, count: int) -> None:
        kept = self._store.ingestions[ingestion_id]
        if count:
            self._change(kept, replace(kept.ingestion, left_out=kept.ingestion.left_out + count))

    async def pending_uris(self, ingestion_id: UUID, ordinals: range) -> Sequence[tuple[int, str]]:
        pending = await self.pending(ingestion_id, ordinals)
        return [(one.ordinal, one.source.uri) for one in pending if isinstance(one, StagedDocument)]

    async def pending_ordinals(self, ingestion_id: UUID) -> Sequence[int]:
        kept = self._store.ingestions[ingestion_id]
        return sorted(kept.staged.keys() - kept.outcomes.keys())

    async def requested_uris(self, ingestion_id: UUID) -> Sequence[str]:
        kept = self._store.ingestions[ingestion_id]
        requested = (self._outcome(kept, ordinal) for ordinal in _ordinals(kept))
        return [outcome.uri for outcome in requested if not outcome.gone]

    async def start(self, ingestion_id: UUID) -> Ingestion | None:
        kept = self._store.ingestions.get(ingestion_id)
        if kept is None or kept.ingestion.status.is_final:
            return None
        started = replace(kept.ingestion, status=IngestionStatus.RUNNING)
        self._change(kept, started)
        return started

    async def keep_plan(self, ingestion_id: UUID, plan: EmbeddingPlan) -> None:
        kept = self._store.ingestions[ingestion_id]
        if kept.ingestion.plan is None:
            self._change(kept, replace(kept.ingestion, plan=plan))

    async def count_embedded(self, ingestion_id: UUID, more: Embedded) -> None:
        kept = self._store.ingestions.get(ingestion_id)
        if kept is not None:
            was = kept.ingestion.embedded
            now = Embedded(was.calls + more.calls, was.texts + more.texts, was.reused + more.reused)
            self._change(kept, replace(kept.ingestion, embedded=now))

    async def done(self, ingestion_id: UUID) -> bool:
        kept = self._store.ingestions[ingestion_id]
        return not kept.ingestion.status.is_final and not await self.pending_ordinals(ingestion_id)

    async def record(self, ingestion_id: UUID, outcomes: Mapping[int, DocumentOutcome]) -> None:
        kept = self._store.ingestions[ingestion_id]
        for ordinal, outcome in outcomes.items():
            known = kept.outcomes.get(ordinal)
            if known is None or known.outcome is Outcome.CANCELLED:
                self._transaction.put(kept.outcomes, ordinal, outcome)

    async def record_removed(self, ingestion_id: UUID, uris: Sequence[str]) -> None:
        kept = self._store.ingestions[ingestion_id]
        for uri in uris:
            self._transaction.put(kept.removed, uri, DocumentOutcome(uri, Outcome.REMOVED))

    async def finish(self, ingestion_id: UUID, status: IngestionStatus, *, at: datetime) -> None:
        kept = self._store.ingestions[ingestion_id]
        if not kept.ingestion.status.is_final:
            self._change(kept, replace(kept.ingestion, status=status, finished_at=at))

    async def cancel(self, ingestion_id: UUID, *, at: datetime) -> bool:
        kept = self._store.ingestions[ingestion_id]
        if kept.ingestion.status.is_final:
            return False
        for ordinal in kept.staged.keys() - kept.outcomes.keys():
            outcome = DocumentOutcome(_uri(kept, ordinal), Outcome.CANCELLED)
            self._transaction.put(kept.outcomes, ordinal, outcome)
        self._change(kept, replace(kept.ingestion, status=IngestionStatus.CANCELLED, finished_at=at))
        return True

    async def retry(self, ingestion_id: UUID) -> int:
        kept = self._store.ingestions[ingestion_id]
        again = [
            ordinal
            for ordinal, outcome in kept.outcomes.items()
            if outcome.outcome in _TO_RETRY and ordinal in kept.staged
        ]
        if not kept.ingestion.status.is_final or kept.ingestion.kind is not IngestionKind.INGEST or not again:
            return 0
        for ordinal in again:
            self._transaction.drop(kept.outcomes, ordinal)
        queued = replace(
            kept.ingestion, status=IngestionStatus.QUEUED, finished_at=None, retries=kept.ingestion.retries + 1
        )
        self._change(kept, queued)
        return len(again)

    def _change(self, kept: StagedIngestion, ingestion: Ingestion) -> None:
        changed = StagedIngestion(ingestion, kept.staged, kept.outcomes, kept.removed, kept.called)
        self._transaction.put(self._store.ingestions, ingestion.id, changed)


def _ordinals(kept: StagedIngestion) -> list[int]:
    """Of all rows but those that turned out to be no document."""
    passed = {ordinal for ordinal, outcome in kept.outcomes.items() if outcome.outcome is Outcome.PASSED}
    return sorted((kept.staged.keys() | kept.outcomes.keys()) - passed)


def _uri(kept: StagedIngestion, ordinal: int) -> str:
    staged = kept.staged[ordinal]
    return kept.called.get(ordinal) or (staged.page.uri if isinstance(staged, StagedPage) else staged.source.uri)
