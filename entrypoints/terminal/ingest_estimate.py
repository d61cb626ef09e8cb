"""What an ingestion would buy, asked of the service before it begins."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
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

    def as_json(self) -> Mapping[str, Any]:
        names = ("documents", "passages", "inputs", "calls", "tokens", "seconds", "short_of", "resets_at")
        return {"embedder": self.embedder, "plan": {name: getattr(self, name) for name in names} if self.buys else None}

    def told(self) -> str:
        if not self.buys:
            return f"Embedding by {self.embedder} costs nothing."
        minutes = f", at least {self.seconds / 60:,.0f} min at the plan's rate" if self.seconds else ""
        lines = [
            f"{self.documents:,} documents have changed, {self.passages:,} passages; {self.inputs:,} are to be "
            f"embedded by {self.embedder}: {self.calls:,} calls, some {self.tokens:,} tokens{minutes}."
        ]
        if self.short_of is not None:
            lines.append(
                f"The plan has not as much left ({self.short_of}): documents that it does not suffice for fail, and "
                f"can be retried from {str(self.resets_at)[:10]} on."
            )
        return "\n".join(lines)


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
