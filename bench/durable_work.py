"""
Ingestion as an operator meets it: ``python -m bench.durable_work`` prints the table; ``--write`` puts it into the docs.

Everything over HTTP, with durable jobs, on services in processes and data directories of their own; two workers on a
PostgreSQL, a fake of Qdrant and one of Cohere. CPU is what the operating system booked on the processes.
"""

import argparse
import asyncio
import base64
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import asyncpg
import httpx

from adapters.embedded_postgres.server import EmbeddedPostgres
from adapters.neon.migrate import migrate
from bench.pdf_writer import pdf
from bench.service_process import ServiceProcess, running
from bench.speed import DATA, ingest, react_native_pages
from bench.table import Row, write_table

MANY: Final = 20_000
AT_ONCE: Final = 500
"""Documents to a request of those many, under a megabyte; the requests come at once, and are one long drain."""
PDF_PAGES: Final = 300
SHARED: Final = 2_000
EMBED_MS: Final = 150
QUESTIONS_A_DAY: Final = 30
PAGES_OF_A_MONTH: Final = 1_000


def main() -> None:
    parts = {
        "pages": _pages,
        "pdf": _pdf,
        "searching": _searching,
        "reindex": _reindex,
        "workers": _workers,
        "many": _many,
        "month": _month,
    }
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    arguments.add_argument("--only", choices=parts, nargs="*", help="parts of the table")
    chosen = arguments.parse_args()
    rows: list[Row] = []
    folder = Path(tempfile.mkdtemp(prefix="ibid-bench-"))
    folder.chmod(0o711)  # PostgreSQL runs as another user when the bench runs as root, and must pass through
    try:
        for name in chosen.only or parts:
            for row in parts[name](folder / name):
                rows.append(row)
                print(f"{'ok  ' if row.met else 'MISS'} {row.what}: {row.measured} (wanted: {row.wanted})", flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if chosen.write:
        write_table("durable", rows)


def _pages(data_dir: Path) -> Iterator[Row]:
    pages = react_native_pages()
    with running(data_dir) as service:
        rate = len(pages) / ingest(service, "react-native", pages)
        yield Row(f"{len(pages)} pages of react-native-docs, from nothing", f"{rate:.0f} pages/s", "100", rate >= 100)
        pages[40]["content"] += "\n\n## Changed\n\nThis section is new.\n"
        changed_s = ingest(service, "react-native", pages)
        yield Row("the same with one section of one page changed", f"{changed_s:.2f} s", "-", True)
        again_s = ingest(service, "react-native", pages)
        yield Row("the same once more, nothing changed", f"{again_s:.2f} s", "under 1 s", again_s < 1)


def _pdf(data_dir: Path) -> Iterator[Row]:
    text = " ".join(sentence for one in _abstracts(3_000) for sentence in one["sentences"])
    with running(data_dir) as service:
        # What parsing takes to start is no matter of size.
        ingest(service, "warm", [_pdf_document("warm.pdf", text, 5)])
        taken_s = []
        for pages in (PDF_PAGES, 2 * PDF_PAGES):
            before = service.tree_cpu_s()
            ingest(service, f"pdf-{pages}", [_pdf_document(f"{pages}.pdf", text, pages)])
            taken_s.append(service.tree_cpu_s() - before)
    one_s, two_s = taken_s
    yield Row(f"a PDF of {PDF_PAGES} pages, CPU of all processes", f"{one_s:.1f} s", "under 6 s", one_s < 6)
    times = two_s / one_s
    yield Row("one of twice as many, CPU", f"{two_s:.1f} s: {times:.2f} times", "under 2.3 times", times < 2.3)


def _pdf_document(uri: str, text: str, pages: int) -> dict[str, Any]:
    return {"uri": uri, "content": base64.b64encode(pdf(text, pages)).decode(), "format": "pdf"}


def _searching(data_dir: Path) -> Iterator[Row]:
    pages = react_native_pages()
    words = [Path(str(page["uri"])).stem.replace("-", " ") for page in pages]
    with running(data_dir) as service:
        ingest(service, "react-native", pages)
        for number in range(100):
            _searched_ms(service, words, number)
        alone_ms = sorted(_searched_ms(service, words, number) for number in range(200))
        while_ms: list[float] = []
        rates: list[float] = []

        def ingesting() -> None:
            rates.extend(len(pages) / ingest(service, f"copy-{copy}", _varied(pages, copy)) for copy in range(4))

        thread = threading.Thread(target=ingesting)
        thread.start()
        number = 0
        while thread.is_alive():
            while_ms.append(_searched_ms(service, words, number))
            number += 1
            time.sleep(0.02)
        thread.join()
    while_ms.sort()
    p50, p95 = (while_ms[int(len(while_ms) * share)] for share in (0.5, 0.95))
    rate = statistics.mean(rates)
    alone = f"p50 {alone_ms[100]:.0f} ms, p95 {alone_ms[190]:.0f} ms without ingestion"
    measured = f"p50 {p50:.0f} ms, p95 {p95:.0f} ms at {rate:.0f} pages/s ({alone})"
    yield Row("a search while pages go in", measured, "p95 under 40 ms at 50 pages/s", p95 < 40 and rate >= 50)


def _reindex(data_dir: Path) -> Iterator[Row]:
    """Other chunking, which embeds every passage anew by the built-in embedder; then the same index once more."""
    with running(data_dir) as service:
        ingest(service, "react-native", react_native_pages())
        for what, body in (("in passages of 900 characters", {"chunk_chars": 900}), ("as it is, by kept vectors", {})):
            began = time.perf_counter()
            path = "/v1/admin/collections/react-native/reindex"
            status_url = _client(service).post(path, json=body).raise_for_status().json()["status_url"]
            while (state := _client(service).get(status_url).json())["status"] in ("queued", "running"):
                time.sleep(0.05)
            rate = state["passages"] / (time.perf_counter() - began)
            done = f"{rate:,.0f} passages/s ({state['passages']:,} of {state['counts']['total']} pages)"
            yield Row(f"reindexing react-native-docs {what}", done, "-", state["status"] == "succeeded")


def _searched_ms(service: ServiceProcess, words: Sequence[str], number: int) -> float:
    query = f"How do I use {words[number % len(words)]} with {words[number * 7 % len(words)]}?"
    client = _client(service)
    began = time.perf_counter()
    client.post("/v1/search", json={"query": query, "limit": 6}).raise_for_status()
    return (time.perf_counter() - began) * 1_000


_clients: dict[str, httpx.Client] = {}


def _client(service: ServiceProcess) -> httpx.Client:
    if service.url not in _clients:
        _clients[service.url] = service.client()
    return _clients[service.url]


def _varied(pages: Sequence[dict[str, Any]], copy: int) -> list[dict[str, Any]]:
    """The pages with other words, so that nothing of them is known already."""
    return [page | {"content": page["content"].replace(" the ", f" the {copy} ")} for page in pages]


def _workers(folder: Path) -> Iterator[Row]:
    folder.mkdir(mode=0o711)
    taken: dict[int, float] = {}
    twice = 0
    for count in (1, 2):
        taken[count], again = _shared_work(folder / str(count), count)
        twice += again
    yield Row(f"{SHARED:,} documents by two workers, worked on twice", f"{twice}", "none", twice == 0)
    one, two = (SHARED / taken[count] for count in (1, 2))
    measured = f"{two:.0f} documents/s to {one:.0f} of one: {two / one:.2f} times"
    what = f"the same, an embedder of {EMBED_MS} ms: speed of two workers"
    yield Row(what, measured, "1.5 times or more", two / one >= 1.5)


def _shared_work(folder: Path, count: int) -> tuple[float, int]:
    """Seconds that so many workers take for all documents, and how many jobs were done more than once."""
    folder.mkdir(mode=0o711)
    postgres = EmbeddedPostgres(folder / "postgres")
    url = postgres.start()
    try:
        asyncio.run(migrate(url))
        with ExitStack() as stack:
            qdrant = stack.enter_context(_program("-m", "bench.fake_qdrant", "0"))
            cohere = stack.enter_context(_program("-m", "bench.fake_cohere", str(EMBED_MS), "0"))
            settings = {
                "DATABASE_URL": url,
                "QDRANT_URL": qdrant,
                "COHERE_BASE_URL": cohere,
                "COHERE_API_KEY": "x",
                "IBID_PLAN": "paid",
                "IBID_ADMIN_KEY": "ibid_only-for-the-form-of-it",
                "IBID_DATA_DIR": str(folder / "data"),
            }
            for _ in range(count):
                stack.enter_context(_worker(settings))
            return asyncio.run(_until_done(url))
    finally:
        postgres.stop()


@contextmanager
def _program(*arguments: str) -> Iterator[str]:
    """A program that prints its address."""
    process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.communicate()


@contextmanager
def _worker(settings: dict[str, str]) -> Iterator[None]:
    command = [sys.executable, "-m", "entrypoints.cli", "worker"]
    process = subprocess.Popen(command, env={**os.environ, **settings}, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        while "ibid worker: working" not in (line := process.stderr.readline()):
            assert line, "the worker ended"
        threading.Thread(target=process.stderr.read, daemon=True).start()
        yield
    finally:
        process.terminate()
        process.wait(60)


async def _until_done(url: str) -> tuple[float, int]:
    """Submit the documents to workers that wait for them; a few go before, so that everything is loaded."""
    from adapters.memory.clock import SystemClock, TimeOrderedIds
    from adapters.neon.engine import make_engine
    from adapters.neon.unit_of_work import NeonUnitOfWork
    from adapters.neon.work_queue import PgQueuerWorkQueue
    from application.submit_ingestion import SubmitIngestion, SubmitIngestionCommand
    from domain.access.model import Principal, Scope
    from domain.library.model import Format, SourceDocument

    engine = make_engine(url)
    submit = SubmitIngestion(lambda: NeonUnitOfWork(engine), PgQueuerWorkQueue(url), SystemClock(), TimeOrderedIds())
    admin = Principal("default", "admin", frozenset({Scope.ADMIN}))
    connection = await asyncpg.connect(url)
    try:
        for collection, chosen in (("warm", _documents(200)), ("docs", _documents(SHARED))):
            sources = [SourceDocument(one["uri"], one["content"], Format.TEXT) for one in chosen]
            await connection.execute("DELETE FROM pgqueuer_log")
            ingestion = await submit.execute(SubmitIngestionCommand(admin, collection, sources))
            began = time.monotonic()
            ended = "SELECT finished_at FROM ingestions WHERE id = $1"
            while await connection.fetchval(ended, ingestion.id) is None:  # noqa: ASYNC110  other processes end it
                await asyncio.sleep(0.02)
            taken_s = time.monotonic() - began
        added = await connection.fetchval(
            "SELECT count(*) FROM ingestion_documents WHERE ingestion_id = $1 AND outcome = 'added'", ingestion.id
        )
        assert added == SHARED, added
        await asyncio.sleep(1)  # the last jobs are ticked off
        twice = await connection.fetchval(
            "SELECT count(*) FROM (SELECT FROM pgqueuer_log WHERE status = 'successful' GROUP BY job_id"
            " HAVING count(*) > 1) AS doubled"
        )
        return taken_s, int(twice)
    finally:
        await connection.close()
        await engine.dispose()


def _many(data_dir: Path) -> Iterator[Row]:
    documents = _documents(MANY)
    with running(data_dir) as service:
        ingest(service, "warm", documents[:500])
        before, highest, done = _memory_mb(service), dict.fromkeys(_MEMORY, 0.0), threading.Event()

        def watch() -> None:
            while not done.wait(0.5):
                highest.update({kind: max(highest[kind], mb) for kind, mb in _memory_mb(service).items()})

        watching = threading.Thread(target=watch)
        watching.start()
        rate = MANY / ingest(service, "many", documents, at_once=AT_ONCE)
        done.set()
        watching.join()
    grown = {kind: highest[kind] - before[kind] for kind in _MEMORY}
    measured = (
        f"+{grown['VmRSS']:.0f} MB ({before['VmRSS']:.0f} to {highest['VmRSS']:.0f}), of which no file stands behind "
        f"+{grown['RssAnon']:.0f} MB; {rate:.0f} documents/s"
    )
    what = f"{MANY:,} documents of an abstract each, {AT_ONCE} to a request, resident memory of the service"
    yield Row(what, measured, "under +150 MB", grown["VmRSS"] < 150)


_MEMORY: Final = ("VmRSS", "RssAnon")
"""All that is in memory, and what of it could not be read from a file again."""


def _memory_mb(service: ServiceProcess) -> dict[str, float]:
    lines = Path(f"/proc/{service.pid}/status").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    return {kind: int(fields[kind].split()[0]) / 1_024 for kind in _MEMORY}


def _month(data_dir: Path) -> Iterator[Row]:
    pages = react_native_pages()
    words = [Path(str(page["uri"])).stem.replace("-", " ") for page in pages]
    questions = 30 * QUESTIONS_A_DAY
    with running(data_dir) as service:
        [socket] = [path for path in data_dir.rglob(".s.PGSQL.*") if path.is_socket()]
        empty = asyncio.run(_size(socket.parent))
        for copy in range(-(-PAGES_OF_A_MONTH // len(pages))):
            some = _varied(pages, copy)[: PAGES_OF_A_MONTH - copy * len(pages)]
            ingest(service, f"copy-{copy}", some)
        ingested = asyncio.run(_size(socket.parent))
        with service.client() as client:
            for number in range(questions):
                body = {"question": f"How do I use {words[number % len(words)]} with {words[number * 7 % len(words)]}?"}
                answer = client.post("/v1/ask", json=body, headers={"Idempotency-Key": f"q{number}"})
                answer.raise_for_status()
        asked = asyncio.run(_size(socket.parent))
    library, turns = ingested - empty, asked - ingested
    total_mb = (empty + library + turns) / 1e6
    measured = (
        f"{total_mb:.0f} MB: {empty / 1e6:.0f} to begin with, {library / PAGES_OF_A_MONTH / 1e3:.1f} KB a page, "
        f"{turns / questions / 1e3:.1f} KB a question"
    )
    what = f"PostgreSQL after a month of {QUESTIONS_A_DAY} questions a day on {PAGES_OF_A_MONTH:,} pages"
    yield Row(what, measured, "a part of 500 MB", total_mb < 250)


async def _size(socket_folder: Path) -> float:
    """Bytes of the database, after what was deleted or rewritten has been cleared up, as autovacuum does in time."""
    connection = await asyncpg.connect(user="postgres", host=str(socket_folder), database="postgres")
    try:
        await connection.execute("VACUUM")
        return float(await connection.fetchval("SELECT pg_database_size(current_database())"))
    finally:
        await connection.close()


def _abstracts(count: int) -> list[dict[str, Any]]:
    with (DATA / "scifact" / "corpus.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line) for line, _ in zip(lines, range(count), strict=False)]


def _documents(count: int) -> list[dict[str, Any]]:
    """Abstracts as text, again and again with other words."""
    read = _abstracts(count)
    documents = []
    for number in range(count):
        one, copy = read[number % len(read)], number // len(read)
        text = f"{one['title']}\n\n{' '.join(one['sentences'])}".replace(" the ", f" the {copy} ")
        documents.append({"uri": f"{copy}/{one['_id']}.txt", "content": text, "format": "text"})
    return documents


if __name__ == "__main__":
    main()
