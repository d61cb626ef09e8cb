"""Ingestion requests and their staged documents, in memory."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from adapters.memory.paging import page_after
from adapters.memory.store import InMemoryStore, StagedIngestion, Transaction
from application.ports import DocumentOutcome, Ingestion, Ingestions, IngestionStatus, Outcome, StagedDocument
from domain.access.model import Owner
from domain.errors import IngestionNotFound
from domain.library.model import Page, SourceDocument

_UNFINISHED = (IngestionStatus.QUEUED, IngestionStatus.RUNNING)


class InMemoryIngestions(Ingestions):
    def __init__(self, store: InMemoryStore, transaction: Transaction) -> None:
        self._store = store
        self._transaction = transaction

    async def add(self, ingestion: Ingestion, sources: Sequence[SourceDocument]) -> None:
        staged = tuple(StagedDocument(ordinal, source) for ordinal, source in enumerate(sources))
        self._transaction.put(self._store.ingestions, ingestion.id, StagedIngestion(ingestion, staged))

    async def get(self, ingestion_id: UUID, owner: Owner | None) -> Ingestion:
        kept = self._store.ingestions.get(ingestion_id)
        if kept is None or (owner is not None and kept.ingestion.owner != owner):
            raise IngestionNotFound(ingestion_id)
        return self._counted(kept)

    @staticmethod
    def _counted(kept: StagedIngestion) -> Ingestion:
        seen = Counter(outcome.outcome for outcome in kept.outcomes.values())
        counts = {"total": len(kept.staged)}
        counts |= {outcome.value: seen[outcome] for outcome in Outcome if outcome is not Outcome.PENDING}
        counts[Outcome.REMOVED.value] = len(kept.removed)
        return replace(kept.ingestion, counts=counts)

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
        rows = [(str(document.ordinal), self._outcome(kept, document)) for document in kept.staged] + [
            (f"removed {uri}", outcome) for uri, outcome in kept.removed.items()
        ]
        page = page_after(rows, key=lambda row: row[0], limit=limit, cursor=cursor)
        return Page([outcome for _, outcome in page.items], page.next_cursor)

    @staticmethod
    def _outcome(kept: StagedIngestion, document: StagedDocument) -> DocumentOutcome:
        return kept.outcomes.get(document.ordinal, DocumentOutcome(document.source.uri, Outcome.PENDING))

    async def unfinished(self) -> Sequence[UUID]:
        waiting = [kept.ingestion for kept in self._store.ingestions.values() if kept.ingestion.status in _UNFINISHED]
        return [ingestion.id for ingestion in sorted(waiting, key=lambda one: (one.created_at, one.id))]

    async def pending(self, ingestion_id: UUID, *, limit: int) -> Sequence[StagedDocument]:
        kept = self._store.ingestions[ingestion_id]
        return [document for document in kept.staged if document.ordinal not in kept.outcomes][:limit]

    async def requested_uris(self, ingestion_id: UUID) -> Sequence[str]:
        return [document.source.uri for document in self._store.ingestions[ingestion_id].staged]

    async def start(self, ingestion_id: UUID) -> None:
        kept = self._store.ingestions[ingestion_id]
        if kept.ingestion.status is IngestionStatus.QUEUED:
            self._change(kept, replace(kept.ingestion, status=IngestionStatus.RUNNING))

    async def record(self, ingestion_id: UUID, outcomes: Mapping[int, DocumentOutcome]) -> None:
        kept = self._store.ingestions[ingestion_id]
        for ordinal, outcome in outcomes.items():
            if ordinal not in kept.outcomes:
                self._transaction.put(kept.outcomes, ordinal, outcome)

    async def record_removed(self, ingestion_id: UUID, uris: Sequence[str]) -> None:
        kept = self._store.ingestions[ingestion_id]
        for uri in uris:
            self._transaction.put(kept.removed, uri, DocumentOutcome(uri, Outcome.REMOVED))

    async def finish(self, ingestion_id: UUID, status: IngestionStatus, *, at: datetime) -> None:
        kept = self._store.ingestions[ingestion_id]
        self._change(kept, replace(kept.ingestion, status=status, finished_at=at))

    def _change(self, kept: StagedIngestion, ingestion: Ingestion) -> None:
        changed = StagedIngestion(ingestion, kept.staged, kept.outcomes, kept.removed)
        self._transaction.put(self._store.ingestions, ingestion.id, changed)
