"""Hand documents to a service, wait until each has been worked on, and sum up."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from domain.library.model import SourceDocument
from entrypoints.terminal.documents import FailedDocument, ReadDocuments
from entrypoints.terminal.failures import CommandFailed
from entrypoints.terminal.service import Service

MAX_BODY_BYTES: Final = 60_000_000
"""The service takes 64 MB to a request; the rest is left for what stands around the documents."""

OUTCOMES: Final = ("added", "updated", "unchanged", "removed", "failed")
_FIRST_POLL_S: Final = 0.05
_SLOWEST_POLL_S: Final = 1.0

Progress: TypeAlias = Callable[[int], None]
"""Told how many documents of all have been worked on."""


@dataclass(frozen=True, slots=True)
class IngestRequest:
    collection: str
    base_url: str | None
    prune: bool


@dataclass(slots=True)
class IngestSummary:
    collection: str
    seconds: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)
    failures: list[FailedDocument] = field(default_factory=list)
    ingestions: list[str] = field(default_factory=list)
    prune_skipped: bool = False

    def as_json(self) -> Mapping[str, Any]:
        return {
            "collection": self.collection,
            "ingestions": self.ingestions,
            "counts": {name: self.counts[name] for name in ("total", *OUTCOMES)},
            "seconds": round(self.seconds, 3),
            "prune_skipped": self.prune_skipped,
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
    summary = IngestSummary(request.collection, failures=list(read.failed))
    summary.counts.update(total=unreadable, failed=unreadable)
    summary.prune_skipped = request.prune and bool(read.failed)
    batches = list(_batches(read.documents))
    if request.prune and len(batches) > 1:
        raise CommandFailed(
            f"--prune needs all documents in one request, and these take {len(batches)} requests of "
            f"{MAX_BODY_BYTES // 1_000_000} MB; leave --prune out, or keep the parts in collections of their own"
        )
    head = _head(request, prune=request.prune and not read.failed)
    for documents in batches:
        _ingest_batch(service, head + b",".join(documents) + b"]}", summary, progress)
    summary.seconds = time.monotonic() - began_s
    return summary


def _head(request: IngestRequest, *, prune: bool) -> bytes:
    fields: dict[str, Any] = {"collection": request.collection, "prune": prune}
    if request.base_url is not None:
        fields["base_url"] = request.base_url
    return json.dumps(fields).encode()[:-1] + b', "documents": ['


def _batches(documents: Sequence[SourceDocument]) -> Iterator[list[bytes]]:
    """The documents as JSON, as many together as go into one request."""
    batch: list[bytes] = []
    size = 0
    for document in documents:
        content = {"uri": document.uri, "content": document.content, "format": document.format.value}
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
    wait_s = _FIRST_POLL_S
    while True:
        found = service.get(f"/v1/admin/ingestions/{ingestion}")
        counts = found["counts"]
        progress(before + sum(counts[name] for name in OUTCOMES if name != "removed"))
        if found["status"] not in ("queued", "running"):
            break
        time.sleep(wait_s)
        wait_s = min(wait_s * 1.5, _SLOWEST_POLL_S)
    summary.counts.update({name: counts[name] for name in ("total", *OUTCOMES)})
    if found["status"] == "cancelled":
        raise CommandFailed(f"ingestion {ingestion} was cancelled; what was in by then stays")
    if counts["failed"]:
        summary.failures += _failures(service, ingestion)


def _failures(service: Service, ingestion: str) -> Iterator[FailedDocument]:
    cursor: str | None = None
    while True:
        more = {} if cursor is None else {"cursor": cursor}
        page = service.get(f"/v1/admin/ingestions/{ingestion}/documents", limit=100, **more)
        for document in page["items"]:
            if document["outcome"] == "failed":
                yield FailedDocument(document["uri"], document["error"] or "no reason was given")
        cursor = page["next_cursor"]
        if cursor is None:
            return
