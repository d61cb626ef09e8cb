"""``ibid eval``: read the gold file, ask, measure, compare, and say whether every bar was cleared."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import click

from entrypoints.terminal.evaluating import Asking, evaluate
from entrypoints.terminal.evaluation_run import Bar, Run, load, save, worse
from entrypoints.terminal.evaluation_view import run_json, show_run
from entrypoints.terminal.gold_file import read_gold
from entrypoints.terminal.service import Service

MISSED: Final = 3
"""The exit code that says: a bar was missed."""
FRESH_COLLECTION: Final = "eval"


@dataclass(frozen=True, slots=True)
class EvaluationRequest:
    """The options of the command, as it has them."""

    gold: Path
    collections: Sequence[str]
    documents: Path | None
    k: int
    top_k: int | None
    jobs: int
    least: Sequence[str]
    most: Sequence[str]
    save: Path | None
    against: Path | None
    not_worse: bool
    as_json: bool


def evaluate_gold(request: EvaluationRequest) -> int:
    """Exit code: 0, 1 when a question failed, 3 when a bar was missed. Raises ClickException."""
    questions = read_gold(request.gold)
    bars = _bars(request.least, request.most)
    if request.not_worse and request.against is None:
        raise click.UsageError("--not-worse needs a run to compare with; give --against FILE")
    before = load(request.against) if request.against is not None else None
    if before is not None and before.k != request.k:
        raise click.UsageError(f"{request.against} was measured with --k {before.k}; compare with that")
    from entrypoints.terminal.ingest_view import progress_bar

    if request.documents is not None:
        if request.collections:
            raise click.UsageError("--documents asks a service that holds nothing else; leave --collection out")
        questions = [replace(question, collections=()) for question in questions]
    asking = Asking(request.collections, request.k, request.top_k, request.jobs)
    with _service(request.documents) as service:
        began_s = time.monotonic()
        with progress_bar(len(questions), doing="Asking", what="questions") as progress:
            results = evaluate(service, questions, asking, progress)
    run = Run(request.k, results, time.monotonic() - began_s)
    if request.save is not None:
        save(run, request.save)
    changes = run.changes(before) if before is not None else {}
    missed = [line for bar in bars if (line := bar.missed(run.figures)) is not None]
    if request.not_worse:
        missed += worse(changes)
    if request.as_json:
        from entrypoints.terminal.rendering import print_json

        print_json(run_json(run, changes, missed))
    else:
        show_run(run, changes)
    return exit_code(missed, failed=bool(run.failures))


def _bars(least: Sequence[str], most: Sequence[str]) -> list[Bar]:
    return [*(Bar.read(one, at_least=True) for one in least), *(Bar.read(one, at_least=False) for one in most)]


def exit_code(missed: Sequence[str], *, failed: bool = False) -> int:
    """Say on standard error what was missed, and give the command's exit code."""
    for line in missed:
        click.echo(f"ibid: a bar was missed: {line}", err=True)
    if failed:
        click.echo("ibid: some questions failed; their figures are missing above", err=True)
    return 1 if failed else MISSED if missed else 0


@contextmanager
def _service(documents: Path | None) -> Iterator[Service]:
    """The service that commands speak to, or a fresh one that holds nothing but ``documents``."""
    from entrypoints.terminal.find_service import find_service, fresh_service

    if documents is None:
        with find_service() as service:
            yield service
        return
    from entrypoints.terminal.documents import read_documents
    from entrypoints.terminal.ingest_view import ingest_bar, print_failures
    from entrypoints.terminal.ingesting import IngestRequest, ingest

    read = read_documents(documents)
    with fresh_service() as service:
        with ingest_bar(len(read.documents) + len(read.failed)) as progress:
            request = IngestRequest(FRESH_COLLECTION, base_url=None, prune=False)
            summary = ingest(service, request, read, progress)
        print_failures(summary)
        yield service
