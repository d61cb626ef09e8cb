"""The command line. What a command needs is imported when it runs: most of them only speak HTTP."""

import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import click

from entrypoints.terminal.document_commands import documents
from entrypoints.terminal.failures import TERMINATED, OneLineErrors, leave_on_sigterm
from entrypoints.terminal.keys import keys

_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
_collections = click.option(
    "--collection", "collections", multiple=True, metavar="NAME", help="Look here only; can be given several times."
)


@click.group("ibid", cls=OneLineErrors, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="ibid", message="ibid %(version)s")
def main() -> None:
    """Answers from your documents, with footnotes.

    Commands speak to the service at IBID_URL (with IBID_API_KEY), else to the one that runs on the data directory,
    else they open the data directory themselves for as long as they run.
    """
    leave_on_sigterm(TERMINATED)


@main.command()
def serve() -> None:
    """Serve until Ctrl-C."""
    from entrypoints.server import run_server
    from entrypoints.settings import read_environment, read_settings

    leave_on_sigterm(0)
    run_server(read_settings(read_environment()))


@main.command()
@_json
def migrate(as_json: bool) -> None:
    """Bring the database's schema up to date; the embedded one does it itself at every start."""
    from entrypoints.server import migrate_database
    from entrypoints.settings import read_environment, read_settings
    from entrypoints.terminal.rendering import print_json

    migrate_database(read_settings(read_environment()))
    if as_json:
        print_json({"up_to_date": True})
    else:
        click.echo("The database's schema is up to date.")


@main.command()
def demo() -> None:
    """Serve Ibid's own manual, and answer a first question about it."""
    from entrypoints.server import run_server
    from entrypoints.settings import read_environment, read_settings
    from entrypoints.terminal.demo import introduce, read_manual

    leave_on_sigterm(0)
    settings, manual = read_settings(read_environment()), read_manual()
    failed: list[click.ClickException] = []

    def show(url: str) -> None:
        try:
            introduce(url, settings, manual)
        except click.ClickException as error:
            failed.append(error)
            os.kill(os.getpid(), signal.SIGTERM)

    try:
        run_server(settings, on_ready=show)
    finally:
        if failed:
            raise failed[0]


@main.command()
@click.argument("path", metavar="PATH_OR_URL")
@click.option("--collection", default="docs", show_default=True, metavar="NAME", help="Made when it is not there.")
@click.option("--base-url", metavar="URL", help="Where readers find the pages; footnotes then link to them.")
@click.option("--prune", is_flag=True, help="Remove documents of the collection that PATH_OR_URL does not hold.")
@click.option("--outcomes", is_flag=True, help="Say of each document what became of it, and why.")
@click.option("--estimate", is_flag=True, help="Say what that would take, and ingest nothing.")
@click.option("--yes", is_flag=True, help="Ask nothing, even where the plan has not as much left.")
@click.option("--include", multiple=True, metavar="PATTERN", help="Of a site: these paths alone, as '/docs/**'.")
@click.option("--exclude", multiple=True, metavar="PATTERN", help="Of a site: not these paths.")
@click.option("--max-pages", type=click.IntRange(1), metavar="N", help="Of a site: no more pages than these.")
@click.option("--max-depth", type=click.IntRange(0, 100), metavar="N", help="Of a site: no more links deep than this.")
@_json
@click.pass_context
def ingest(
    context: click.Context,
    /,
    path: str,
    collection: str,
    base_url: str | None,
    prune: bool,
    outcomes: bool,
    estimate: bool,
    yes: bool,
    as_json: bool,
    **of_a_site: Any,
) -> None:
    """Add or refresh the documents below PATH, or the pages of the site at URL.

    Returns when all are in. A file's uri is its path below PATH; files and folders that begin with '_' or '.' are
    left out. A URL that ends with .xml or .xml.gz is a sitemap, and its pages are read; of any other, the page and what
    its links lead to below its folder. A page's uri is its address.
    """
    _check_ingest(path, collection, base_url, of_a_site)
    from entrypoints.terminal.ingest_command import estimate_url, ingest_path, ingest_url
    from entrypoints.terminal.ingest_view import print_summary
    from entrypoints.terminal.ingesting import IngestRequest, IngestSummary
    from entrypoints.terminal.rendering import print_json

    request = IngestRequest(collection, base_url, prune, outcomes)
    summary: IngestSummary | None
    if "://" not in path:
        found, summary = ingest_path(Path(path), request, estimate=estimate, asking=not yes)
    elif estimate:
        found, summary = estimate_url(path, request, of_a_site), None
    else:
        summary = ingest_url(path, request, of_a_site)
    if summary is None:
        print_json(found.as_json()) if as_json else click.echo(found.told())
        return
    if as_json:
        print_json(summary.as_json())
    else:
        print_summary(summary)
    if summary.counts["failed"]:
        context.exit(1)


@main.command()
def worker() -> None:
    """Work on ingestions beside running services, until Ctrl-C; needs DATABASE_URL and QDRANT_URL.

    Any number of workers share the work, on one machine or several.
    """
    from entrypoints.settings import read_environment, read_settings
    from entrypoints.worker import run_worker

    run_worker(read_settings(read_environment()), on_ready=lambda: click.echo("ibid worker: working", err=True))


@main.command()
@click.option("--rebuild", is_flag=True, help="Throw the index away and make it anew.")
@_json
def repair(rebuild: bool, as_json: bool) -> None:
    """Make the passage index agree with the database; the service must not be running.

    Nothing is fetched again, and no embedding is bought whose vector was kept.
    """
    from dataclasses import asdict

    from entrypoints.maintenance import repair
    from entrypoints.settings import read_environment, read_settings
    from entrypoints.terminal.rendering import print_json

    report = repair(read_settings(read_environment()), rebuild=rebuild)
    if as_json:
        print_json(asdict(report))
    else:
        click.echo(
            f"{report.passages:,} passages: {report.missing:,} put into the index, {report.orphaned:,} taken out, "
            f"{report.bought:,} embedded anew"
        )


@main.command()
@click.argument("collection")
@click.option("--embedder", metavar="NAME", help="One that the settings make available.")
@click.option("--chunk-chars", type=click.IntRange(200, 4_000), metavar="N", help="Longest passage, 200 to 4,000.")
@click.option("--rollback", is_flag=True, help="Switch back to the index before.")
@click.option("--estimate", is_flag=True, help="Say what embedding anew would take, and reindex nothing.")
@_json
@click.pass_context
def reindex(
    context: click.Context,
    collection: str,
    embedder: str | None,
    chunk_chars: int | None,
    rollback: bool,
    estimate: bool,
    as_json: bool,
) -> None:
    """Index COLLECTION anew, or in another way, beside its index; questions go on meanwhile.

    Nothing is fetched again, and no embedding is bought whose vector was kept. What is not said stays as it is.
    """
    if rollback and (embedder or chunk_chars or estimate):
        raise click.UsageError(
            "--rollback goes back to what was; it takes no --embedder, no --chunk-chars and no --estimate"
        )
    from entrypoints.terminal.reindexing import estimate_reindex, reindex

    wanted = _without_none({"embedder": embedder, "chunk_chars": chunk_chars})
    if estimate:
        estimate_reindex(collection, wanted, as_json=as_json)
        return
    if not reindex(collection, wanted, rollback=rollback, as_json=as_json):
        context.exit(1)


@main.command()
@click.argument("question", nargs=-1, required=True)
@_collections
@click.option("--conversation", type=click.UUID, metavar="ID", help="Go on with an earlier conversation.")
@click.option("--top-k", type=click.IntRange(1, 20), metavar="N", help="Passages to answer from, 1 to 20.")
@_json
def ask(
    question: tuple[str, ...],
    collections: tuple[str, ...],
    conversation: UUID | None,
    top_k: int | None,
    as_json: bool,
) -> None:
    """Ask a question; the answer appears as it is written, its footnotes beneath."""
    body = _without_none(
        {
            "question": _not_blank(question, "QUESTION"),
            "collections": list(collections) or None,
            "conversation_id": None if conversation is None else str(conversation),
            "top_k": top_k,
        }
    )
    from entrypoints.terminal.find_service import find_service

    with find_service() as service:
        if as_json:
            from entrypoints.terminal.rendering import print_json

            print_json(service.post("/v1/ask", body))
        else:
            from entrypoints.terminal.asking import ask as show_answer

            turn = show_answer(service, body)
            from entrypoints.terminal.wording import program

            click.echo(f'\nGo on: {program()} ask --conversation {turn["conversation_id"]} "..."', err=True)


@main.command()
@click.argument("query", nargs=-1, required=True)
@_collections
@click.option("--limit", type=click.IntRange(1, 50), default=10, show_default=True, metavar="N", help="1 to 50.")
@_json
def search(query: tuple[str, ...], collections: tuple[str, ...], limit: int, as_json: bool) -> None:
    """Show the passages that an answer would be written from, best first."""
    body = _without_none(
        {"query": _not_blank(query, "QUERY"), "collections": list(collections) or None, "limit": limit}
    )
    from entrypoints.terminal.find_service import find_service

    with find_service() as service:
        if as_json:
            from entrypoints.terminal.rendering import print_json

            print_json(service.post("/v1/search", body))
        else:
            from entrypoints.terminal.asking import search as show_passages

            show_passages(service, body)


main.add_command(keys)
main.add_command(documents)


@main.command("eval")
@click.argument("gold", required=False, type=click.Path(path_type=Path))
@click.option("--claims", type=click.Path(path_type=Path), metavar="FILE", help="Judge labelled claims instead.")
@_collections
@click.option("--documents", type=click.Path(path_type=Path), metavar="PATH", help="Ask a fresh service about these.")
@click.option("--k", type=click.IntRange(1, 50), default=10, show_default=True, metavar="N", help="Passages ranked.")
@click.option("--top-k", type=click.IntRange(1, 20), metavar="N", help="Passages to answer from, 1 to 20.")
@click.option("--jobs", type=click.IntRange(1, 64), default=4, show_default=True, metavar="N", help="Asked at a time.")
@click.option("--min", "least", multiple=True, metavar="FIGURE=X", help="Exit with 3 when the figure is below X.")
@click.option("--max", "most", multiple=True, metavar="FIGURE=X", help="Exit with 3 when the figure is above X.")
@click.option("--save", type=click.Path(path_type=Path), metavar="FILE", help="Keep this run for a later --against.")
@click.option("--against", type=click.Path(path_type=Path), metavar="FILE", help="Compare with a run that was kept.")
@click.option("--not-worse", is_flag=True, help="Exit with 3 when a figure is surely worse than in --against.")
@_json
@click.pass_context
def evaluate(context: click.Context, /, gold: Path | None, claims: Path | None, as_json: bool, **options: Any) -> None:
    """Measure retrieval, citations, verdicts, refusals, latency and cost on the questions of GOLD (JSON lines)."""
    if claims is not None and gold is None:
        from entrypoints.terminal.claim_evaluation import evaluate_claims

        context.exit(evaluate_claims(claims, least=options["least"], most=options["most"], as_json=as_json))
    if gold is None or claims is not None:
        raise click.UsageError("give either a gold file or --claims FILE")
    from entrypoints.terminal.evaluation import EvaluationRequest, evaluate_gold

    context.exit(evaluate_gold(EvaluationRequest(gold=gold, as_json=as_json, **options)))


@main.command()
@_json
@click.pass_context
def doctor(context: click.Context, as_json: bool) -> None:
    """Ask every part once: what is set, what answers, what is wrong and how to mend it.

    Costs one call of each provider that is configured.
    """
    from entrypoints.terminal.doctoring import examine, show
    from entrypoints.terminal.rendering import print_json

    report = examine()
    if as_json:
        print_json(report)
    else:
        show(report)
    if not report["healthy"]:
        context.exit(1)


def _check_ingest(path: str, collection: str, base_url: str | None, of_a_site: Mapping[str, Any]) -> None:
    """Raises UsageError, before anything is read or started."""
    from domain.errors import Refused
    from domain.library.model import collection_name

    if "://" in path and base_url is not None:
        raise click.UsageError("--base-url is for a PATH; the pages of a URL have addresses of their own")
    given = [f"--{name.replace('_', '-')}" for name, value in of_a_site.items() if value not in (None, ())]
    if "://" not in path and given:
        raise click.UsageError(f"{given[0]} is for a URL; of a PATH everything goes in")
    if base_url is not None and not base_url.startswith(("http://", "https://")):
        raise click.BadParameter(f"{base_url!r} must begin with https:// or http://", param_hint="--base-url")
    try:
        collection_name(collection)
    except Refused as error:
        raise click.BadParameter(f"{collection!r} {error.message}", param_hint="--collection") from error


def _not_blank(words: tuple[str, ...], name: str) -> str:
    text = " ".join(words).strip()
    if not text:
        raise click.BadParameter("it is blank", param_hint=name)
    return text


def _without_none(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if value is not None}


if __name__ == "__main__":
    main()
