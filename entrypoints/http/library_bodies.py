"""Documents and ingestions on the wire."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from msgspec import Struct

from application.ingestion_progress import Progress
from application.plan_site import SitePlan
from application.ports import DocumentOutcome, Ingestion, Outcome
from domain.access.embedding_plan import Embedded, EmbeddingPlan
from domain.library.model import Document, Page
from domain.library.web_sources import WebSource


class DocumentBody(Struct):
    id: UUID
    collection: str
    uri: str
    title: str
    url: str | None
    peer_reviewed: bool | None
    metadata: dict[str, Any]
    version: str | None
    created_at: datetime
    updated_at: datetime


class DocumentsPageBody(Struct):
    items: list[DocumentBody]
    next_cursor: str | None


class DocumentTextBody(Struct):
    text: str
    version: str


class IngestionAcceptedBody(Struct):
    id: UUID
    status_url: str


class CountsBody(Struct):
    total: int
    added: int
    updated: int
    unchanged: int
    removed: int
    failed: int
    cancelled: int


class PlanBody(Struct):
    """What is to be embedded for an ingestion, at a provider that is paid or has a plan."""

    documents: int
    passages: int
    inputs: int
    calls: int
    tokens: int
    seconds: float
    short_of: str | None
    resets_at: datetime | None


class EmbeddedBody(Struct):
    """What was embedded at a provider so far: texts, in how many calls; ``reused`` had a vector already."""

    calls: int
    texts: int
    reused: int


class SitePlanBody(Struct):
    """
    ``pages`` were found and ``read`` of them looked into, which stand for the others in ``plan``.

    ``complete`` false: there may be more of them. ``seconds`` is how long fetching them takes at least.
    """

    pages: int
    read: int
    complete: bool
    seconds: float


class IngestionPlanBody(Struct):
    """``plan`` null: the embedder ``embedder`` costs nothing. ``site`` is null where no site is to be read."""

    embedder: str
    plan: PlanBody | None
    site: SitePlanBody | None = None


class SiteReadBody(Struct):
    """The site that an ingestion reads."""

    type: str
    location: str
    include: list[str]
    exclude: list[str]
    max_pages: int
    max_depth: int


class IngestionBody(Struct):
    """
    ``kind`` is ``ingest``, ``reindex`` or ``rollback``; of the latter two ``updated`` counts what was indexed anew.

    ``left_out``: pages of the site that were not looked at, as far as is known: beyond its limit, or no answer.
    ``embedded`` null: no vector was needed yet, or the embedder costs nothing.
    """

    id: UUID
    kind: str
    collection: str
    base_url: str | None
    prune: bool
    status: str
    counts: CountsBody
    passages: int
    retries: int
    created_at: datetime
    finished_at: datetime | None
    plan: PlanBody | None = None
    source: SiteReadBody | None = None
    left_out: int = 0
    embedded: EmbeddedBody | None = None


class IngestionsPageBody(Struct):
    items: list[IngestionBody]
    next_cursor: str | None


class ProgressBody(Struct):
    """
    How far an ingestion is; ``per_second`` and ``remaining_s`` are unknown until something was worked on.

    ``embedded`` is null where no vector was needed yet, or the embedder costs nothing.
    """

    ingestion_id: UUID
    status: str
    done: int
    total: int
    passages: int
    counts: CountsBody
    per_second: float | None
    remaining_s: float | None
    embedded: EmbeddedBody | None = None


class DocumentOutcomeBody(Struct):
    uri: str
    outcome: str
    error: str | None
    passages: int


class DocumentOutcomesPageBody(Struct):
    items: list[DocumentOutcomeBody]
    next_cursor: str | None


def document_body(document: Document) -> DocumentBody:
    return DocumentBody(
        id=document.id,
        collection=document.collection,
        uri=document.uri,
        title=document.title,
        url=document.url,
        peer_reviewed=document.peer_reviewed,
        metadata=dict(document.metadata),
        version=document.version,
        created_at=document.created_at.astimezone(UTC),
        updated_at=document.updated_at.astimezone(UTC),
    )


def documents_page_body(page: Page[Document]) -> DocumentsPageBody:
    return DocumentsPageBody([document_body(document) for document in page.items], page.next_cursor)


def progress_body(progress: Progress) -> ProgressBody:
    body = ingestion_body(progress.ingestion)
    return ProgressBody(
        ingestion_id=body.id,
        status=body.status,
        done=progress.done,
        total=body.counts.total,
        passages=body.passages,
        counts=body.counts,
        per_second=None if progress.per_second is None else round(progress.per_second, 2),
        remaining_s=None if progress.remaining_s is None else round(progress.remaining_s, 1),
        embedded=body.embedded,
    )


def ingestion_body(ingestion: Ingestion) -> IngestionBody:
    counts = ingestion.counts
    return IngestionBody(
        id=ingestion.id,
        kind=ingestion.kind.value,
        collection=ingestion.collection,
        base_url=ingestion.base_url,
        prune=ingestion.prune,
        status=ingestion.status.value,
        counts=CountsBody(
            total=counts.get("total", 0),
            added=counts.get(Outcome.ADDED, 0),
            updated=counts.get(Outcome.UPDATED, 0),
            unchanged=counts.get(Outcome.UNCHANGED, 0),
            removed=counts.get(Outcome.REMOVED, 0),
            failed=counts.get(Outcome.FAILED, 0),
            cancelled=counts.get(Outcome.CANCELLED, 0),
        ),
        passages=ingestion.passages,
        retries=ingestion.retries,
        created_at=ingestion.created_at.astimezone(UTC),
        finished_at=None if ingestion.finished_at is None else ingestion.finished_at.astimezone(UTC),
        plan=None if ingestion.plan is None else plan_body(ingestion.plan),
        source=None if ingestion.source is None else _site_body(ingestion.source),
        left_out=ingestion.left_out,
        embedded=_embedded_body(ingestion.embedded),
    )


def _embedded_body(embedded: Embedded) -> EmbeddedBody | None:
    return None if embedded == Embedded() else EmbeddedBody(embedded.calls, embedded.texts, embedded.reused)


def _site_body(site: WebSource) -> SiteReadBody:
    return SiteReadBody(
        site.kind.value, site.location, list(site.include), list(site.exclude), site.max_pages, site.max_depth
    )


def plan_body(plan: EmbeddingPlan) -> PlanBody:
    return PlanBody(
        plan.documents,
        plan.passages,
        plan.inputs,
        plan.calls,
        plan.tokens,
        plan.seconds,
        plan.short_of,
        None if plan.resets_at is None else plan.resets_at.astimezone(UTC),
    )


def ingestion_plan_body(embedder: str, plan: EmbeddingPlan | None, site: SitePlan | None = None) -> IngestionPlanBody:
    looked_at = None if site is None else SitePlanBody(site.pages, site.read, site.complete, round(site.seconds, 1))
    return IngestionPlanBody(embedder, None if plan is None else plan_body(plan), looked_at)


def ingestions_page_body(page: Page[Ingestion]) -> IngestionsPageBody:
    return IngestionsPageBody([ingestion_body(ingestion) for ingestion in page.items], page.next_cursor)


def outcomes_page_body(page: Page[DocumentOutcome]) -> DocumentOutcomesPageBody:
    items = [DocumentOutcomeBody(one.uri, one.outcome.value, one.error, one.passages) for one in page.items]
    return DocumentOutcomesPageBody(items, page.next_cursor)
