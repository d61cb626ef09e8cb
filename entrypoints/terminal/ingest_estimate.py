"""What an ingestion would buy, asked of the service before it begins."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import click

from entrypoints.terminal.documents import ReadDocuments
from entrypoints.terminal.ingesting import IngestRequest, batches, head
from entrypoints.terminal.service import Service

LARGE: Final = 100
"""Documents from which on it is asked unasked."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """``short_of``: the allowance of the plan that does not suffice, and ``resets_at`` when it comes back."""

    embedder: str
    buys: bool
    documents: int = 0
    passages: int = 0
    inputs: int = 0
    calls: int = 0
    tokens: int = 0
    seconds: float = 0.0
    short_of: str | None = None
    resets_at: str | None = None
    site: Mapping[str, Any] | None = None

    def as_json(self) -> Mapping[str, Any]:
        names = ("documents", "passages", "inputs", "calls", "tokens", "seconds", "short_of", "resets_at")
        plan = {name: getattr(self, name) for name in names} if self.buys else None
        return {"embedder": self.embedder, "plan": plan} | ({} if self.site is None else {"site": self.site})

    def told(self, *, of: str = "documents have changed") -> str:
        lines = [] if self.site is None else [_told_of(self.site, sampled=self.buys)]
        if not self.buys:
            return "\n".join([*lines, f"Embedding by {self.embedder} costs nothing."])
        minutes = f", at least {_duration(self.seconds)} at the plan's rate" if self.seconds else ""
        lines.append(
            f"{self.documents:,} {of}, {self.passages:,} passages; {self.inputs:,} are to be "
            f"embedded by {self.embedder}: {self.calls:,} calls, some {self.tokens:,} tokens{minutes}."
        )
        if self.short_of is not None:
            lines.append(
                f"The plan has not as much left ({self.short_of}): documents that it does not suffice for fail, and "
                f"can be retried from {str(self.resets_at)[:10]} on."
            )
        return "\n".join(lines)


def _duration(seconds: float) -> str:
    return f"{seconds:,.0f} s" if seconds < 120 else f"{seconds / 60:,.0f} min"


def _told_of(site: Mapping[str, Any], *, sampled: bool) -> str:
    many = f"{site['pages']:,} pages" if site["complete"] else f"{site['pages']:,} pages were found, and there are more"
    read = f"; {site['read']:,} of them were read and stand for all" if sampled and site["read"] < site["pages"] else ""
    return f"{many}, at least {_duration(site['seconds'])} to fetch politely{read}."


def estimated_site(service: Service, request: IngestRequest, source: Mapping[str, Any]) -> Estimate:
    """Raises CommandFailed."""
    answer = service.post("/v1/admin/ingestions/plan", {"collection": request.collection, "source": source})
    return replace(_with(Estimate("", buys=False), answer["embedder"], answer["plan"]), site=answer["site"])


def estimated_reindex(service: Service, name: str, wanted: Mapping[str, Any]) -> Estimate:
    """Raises CommandFailed."""
    answer = service.post(f"/v1/admin/collections/{name}/reindex/plan", wanted)
    return _with(Estimate("", buys=False), answer["embedder"], answer["plan"])


def estimated(service: Service, request: IngestRequest, read: ReadDocuments) -> Estimate:
    """Raises CommandFailed."""
    found = Estimate("", buys=False)
    for documents in batches(read.documents):
        body = head(request, prune=False) + b",".join(documents) + b"]}"
        answer = service.post_encoded("/v1/admin/ingestions/plan", body)
        found = _with(found, answer["embedder"], answer["plan"])
    return found


def _with(so_far: Estimate, embedder: str, plan: Mapping[str, Any] | None) -> Estimate:
    """Several requests one after the other; each plan is reckoned from what is left now."""
    if plan is None:
        return Estimate(embedder, buys=False)
    counted = ("documents", "passages", "inputs", "calls", "tokens", "seconds")
    sums = {name: getattr(so_far, name) + plan[name] for name in counted}
    short = {name: getattr(so_far, name) or plan[name] for name in ("short_of", "resets_at")}
    return Estimate(embedder, True, **sums, **short)


def warn_of(found: Estimate, *, asking: bool) -> None:
    """Say what will be bought; where the plan does not suffice and somebody looks on, ask. Raises click.Abort."""
    if not (found.buys and found.inputs):
        return
    click.echo(found.told(), err=True)
    if asking and found.short_of is not None and sys.stdin.isatty() and sys.stderr.isatty():
        click.confirm("Ingest what it suffices for?", abort=True, err=True)
