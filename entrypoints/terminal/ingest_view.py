"""How an ingestion looks: a bar on standard error while it runs, then what became of the documents."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import click

from entrypoints.terminal.ingesting import OUTCOMES, IngestSummary, Progress
from entrypoints.terminal.text_flow import printable

SHOWN_FAILURES: Final = 20


@contextmanager
def progress_bar(total: int, *, doing: str = "Ingesting", what: str = "documents") -> Iterator[Progress]:
    """A bar where a person looks on, nothing where the error stream is a file."""
    if not sys.stderr.isatty():
        yield lambda done: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn(doing), BarColumn(), MofNCompleteColumn(), TextColumn(what), TimeElapsedColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda done: bar.update(task, completed=done)


def print_summary(summary: IngestSummary) -> None:
    """The counts on standard output, each failure with its reason on standard error."""
    counted = ", ".join(f"{summary.counts[name]:,} {name}" for name in OUTCOMES)
    click.echo(f"{summary.collection}: {counted} in {summary.seconds:.1f} s")
    print_failures(summary)
    if summary.prune_skipped:
        click.echo("  nothing was pruned, because of the files that could not be read", err=True)
    if summary.failures:
        click.echo("ibid: mend what failed and run this again; what is in already is not ingested anew", err=True)


def print_failures(summary: IngestSummary) -> None:
    for failure in summary.failures[:SHOWN_FAILURES]:
        click.echo(printable(f"  failed: {failure.uri}: {failure.reason}"), err=True)
    if (more := len(summary.failures) - SHOWN_FAILURES) > 0:
        click.echo(f"  and {more:,} more; --json lists them all", err=True)
