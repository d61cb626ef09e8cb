"""How an ingestion looks: a bar on standard error while it runs, then what became of the documents."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import click

from entrypoints.terminal.ingesting import OUTCOMES, IngestSummary, Progress, StepsDone
from entrypoints.terminal.text_flow import printable

SHOWN_FAILURES: Final = 20


@contextmanager
def progress_bar(total: int, *, doing: str, what: str) -> Iterator[Callable[[int], None]]:
    """A bar where a person looks on, nothing where the error stream is a file; told how many are done."""
    with _bar(total, doing, what) as update:
        yield lambda done: update(done, "", total)


@contextmanager
def ingest_bar(total: int | None) -> Iterator[Progress]:
    """
    The same for documents, with their passages, calls to the embedder, the rate and the time that is left.

    ``total`` None: it is learned from the progress, and may grow, as when a site is read.
    """
    with _bar(total, "Ingesting", "documents") as update:
        yield lambda now: update(now.done, _rate(now), total or now.total)


@contextmanager
def reindex_bar() -> Iterator[Progress]:
    """The same for documents that are here already."""
    with _bar(None, "Reindexing", "documents") as update:
        yield lambda now: update(now.done, _rate(now), now.total)


@contextmanager
def _bar(total: int | None, doing: str, what: str) -> Iterator[Callable[[int, str, int | None], None]]:
    if not sys.stderr.isatty():
        yield lambda done, more, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    said = TextColumn(what + "{task.fields[more]}")
    columns = (TextColumn(doing), BarColumn(), MofNCompleteColumn(), said, TimeElapsedColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total, more="")
        yield lambda done, more, total: bar.update(task, completed=done, more=more, total=total)


def _rate(now: StepsDone) -> str:
    parts = [] if now.passages is None else [f"{now.passages:,} passages"]
    if now.calls:
        parts.append(f"{now.calls:,} calls")
    if now.per_second is not None:
        parts.append(f"{now.per_second:,.1f} documents/s")
    if now.remaining_s is not None:
        parts.append(f"{now.remaining_s:,.0f} s left")
    return "".join(f", {part}" for part in parts)


def print_summary(summary: IngestSummary) -> None:
    """The counts on standard output, each failure with its reason on standard error."""
    counted = ", ".join(f"{summary.counts[name]:,} {name}" for name in OUTCOMES)
    click.echo(f"{summary.collection}: {counted} in {summary.seconds:.1f} s ({summary.passages:,} passages)")
    if bought := summary.embedded:
        of = f"{bought['texts']:,} texts in {bought['calls']:,} calls"
        click.echo(f"  embedded: {of}, {bought['reused']:,} reused")
    for one in summary.outcomes or ():
        why = f": {one['error']}" if one["error"] else ""
        click.echo(printable(f"  {one['outcome']}: {one['uri']}{why}"))
    print_failures(summary)
    if summary.left_out:
        click.echo(f"  {summary.left_out:,} pages were not looked at: beyond the limit, or no answer", err=True)
    if summary.prune_skipped:
        click.echo("  nothing was pruned, because of what could not be read", err=True)
    if summary.failures:
        click.echo("ibid: mend what failed and run this again; what is in already is not ingested anew", err=True)


def print_failures(summary: IngestSummary) -> None:
    for failure in summary.failures[:SHOWN_FAILURES]:
        click.echo(printable(f"  failed: {failure.uri}: {failure.reason}"), err=True)
    if (more := len(summary.failures) - SHOWN_FAILURES) > 0:
        click.echo(f"  and {more:,} more; --json lists them all", err=True)
