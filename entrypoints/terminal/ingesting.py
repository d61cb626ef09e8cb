"""Hand documents to a service, wait until each has been worked on, and sum up."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias

from domain.library.model import SourceDocument
from entrypoints.terminal.documents import FailedDocument, ReadDocuments
from entrypoints.terminal.failures import CommandFailed
from entrypoints.terminal.service import Service

MAX_BODY_BYTES: Final = 60_000_000
"""The service takes 64 MB to a request; the rest is left for what stands around the documents."""

OUTCOMES: Final = ("added", "updated", "unchanged", "removed", "failed")


@dataclass(frozen=True, slots=True)
class StepsDone:
    """
    How many documents of how many have been worked on, their passages, the rate, and how long the rest will take.

    ``calls`` to the provider of embeddings; 0 where there is none, or none was needed.
    """

    done: int
    total: int | None = None
    passages: int | None = None
    per_second: float | None = None
    remaining_s: float | None = None
    calls: int = 0


Progress: TypeAlias = Callable[[StepsDone], None]


@dataclass(frozen=True, slots=True)
class IngestRequest:
    collection: str
    base_url: str | None
    prune: bool
    outcomes: bool = False


@dataclass(slots=True)
class IngestSummary:
    collection: str
    seconds: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)
    failures: list[FailedDocument] = field(default_factory=list)
    ingestions: list[str] = field(default_factory=list)
    prune_skipped: bool = False
    passages: int = 0
    outcomes: list[Mapping[str, Any]] | None = None
    left_out: int = 0
    embedded: Counter[str] = field(default_factory=Counter)
    """``calls``, ``texts`` and ``reused``; empty where nothing was needed or it costs nothing."""

    def as_json(self) -> Mapping[str, Any]:
        listed = {} if self.outcomes is None else {"documents": self.outcomes}
        return listed | {
            "collection": self.collection,
            "ingestions": self.ingestions,
            "counts": {name: self.counts[name] for name in ("total", *OUTCOMES)},
            "passages": self.passages,
            "seconds": round(self.seconds, 3),
            "prune_skipped": self.prune_skipped,
            "left_out": self.left_out,
            "embedded": dict(self.embedded) or None,
            "failures": [{"uri": one.uri, "error": one.reason} for one in self.failures],
        }


def ingest(service: Service, request: IngestRequest, read: ReadDocuments, progress: Progress) -> IngestSummary:
    """
    Ingest what was read and return when all of it is in or has failed.

    A file that cannot be read names no document, so pruning would take its earlier version out: nothing is pruned
    then. Raises CommandFailed.
    """
    began_s = time.monotonic()
    unreadable = len(read.failed)
    summary = IngestSummary(request.collection, failures=list(read.failed), outcomes=_unread(request, read))
    summary.counts.update(total=unreadable, failed=unreadable)
    summary.prune_skipped = request.prune and bool(read.failed)
    parts = list(batches(read.documents))
    if request.prune and len(parts) > 1:
        raise CommandFailed(
            f"--prune needs all documents in one request, and these take {len(parts)} requests of "
            f"{MAX_BODY_BYTES // 1_000_000} MB; leave --prune out, or keep the parts in collections of their own"
        )
    opening = head(request, prune=request.prune and not read.failed)
    for documents in parts:
        _ingest_batch(service, opening + b",".join(documents) + b"]}", summary, progress)
    summary.seconds = time.monotonic() - began_s
    return summary


def ingest_site(
    service: Service, request: IngestRequest, source: Mapping[str, Any], progress: Progress
) -> IngestSummary:
    """Have the service read a site, and return when it has. Raises CommandFailed."""
    began_s = time.monotonic()
    summary = IngestSummary(request.collection)
    body = {"collection": request.collection, "prune": request.prune, "source": source}
    _ingest_batch(service, json.dumps(body).encode(), summary, progress)
    summary.prune_skipped = request.prune and summary.left_out > 0
    summary.seconds = time.monotonic() - began_s
    return summary


def head(request: IngestRequest, *, prune: bool) -> bytes:
    """The request's JSON up to its first document."""
    fields: dict[str, Any] = {"collection": request.collection, "prune": prune}
    if request.base_url is not None:
        fields["base_url"] = request.base_url
    return json.dumps(fields).encode()[:-1] + b', "documents": ['


def batches(documents: Sequence[SourceDocument]) -> Iterator[list[bytes]]:
    """The documents as JSON, as many together as go into one request."""
    batch: list[bytes] = []
    size = 0
    for document in documents:
        content: dict[str, Any] = {"uri": document.uri, "content": document.content, "format": document.format.value}
        if document.metadata:
            content["metadata"] = document.metadata
        encoded = json.dumps(content, ensure_ascii=False).encode()
        if batch and size + len(encoded) > MAX_BODY_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(encoded)
        size += len(encoded) + 1
    if batch:
        yield batch


def _ingest_batch(service: Service, body: bytes, summary: IngestSummary, progress: Progress) -> None:
    before = summary.counts["total"]
    ingestion = str(service.post_encoded("/v1/admin/ingestions", body)["id"])
    summary.ingestions.append(ingestion)
    found = followed(service, ingestion, lambda now: progress(_further(now, before)))
    counts = found["counts"]
    summary.passages += found["passages"]
    summary.left_out += found.get("left_out", 0)
    summary.embedded.update(found.get("embedded") or {})
    summary.counts.update({name: counts[name] for name in ("total", *OUTCOMES)})
    if found["status"] == "cancelled":
        raise CommandFailed(f"ingestion {ingestion} was cancelled; what was in by then stays")
    if counts["failed"] or summary.outcomes is not None:
        became = list(outcomes_of(service, ingestion))
        summary.failures += failures_among(became)
        if summary.outcomes is not None:
            summary.outcomes += became


def _further(now: StepsDone, before: int) -> StepsDone:
    """A batch's progress within the whole; how many there are in all is known from it only when it is the first."""
    return replace(now, done=before + now.done, total=None if before else now.total)


def followed(service: Service, ingestion: str, progress: Progress) -> Any:
    """The ingestion at its end. A stream that ends before, as when the service stops, is an error."""
    with service.follow(f"/v1/admin/ingestions/{ingestion}/events") as events:
        for event in events:
            now = json.loads(event.data)
            if event.name == "done":
                progress(StepsDone(sum(now["counts"][name] for name in OUTCOMES if name != "removed")))
                return now
            if event.name == "progress":
                calls = (now.get("embedded") or {}).get("calls", 0)
                rate = now["per_second"], now["remaining_s"]
                progress(StepsDone(now["done"], now["total"], now["passages"], *rate, calls))
    raise CommandFailed(f"the service stopped; ingestion {ingestion} goes on when it is started again")


def failures_among(became: Iterable[Mapping[str, Any]]) -> list[FailedDocument]:
    failed = (one for one in became if one["outcome"] == "failed")
    return [FailedDocument(one["uri"], one["error"] or "no reason was given") for one in failed]


def _unread(request: IngestRequest, read: ReadDocuments) -> list[Mapping[str, Any]] | None:
    """What became of files that were not even sent, where that is asked for."""
    if not request.outcomes:
        return None
    return [{"uri": one.uri, "outcome": "failed", "error": one.reason, "passages": 0} for one in read.failed]


def outcomes_of(service: Service, ingestion: str) -> Iterator[Mapping[str, Any]]:
    cursor: str | None = None
    while True:
        more = {} if cursor is None else {"cursor": cursor}
        page = service.get(f"/v1/admin/ingestions/{ingestion}/documents", limit=100, **more)
        yield from page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return
