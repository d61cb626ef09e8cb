"""
Ibid on services outside, with many users: ``python -m bench.outside`` prints the table.

PostgreSQL, and fakes of Cohere, of Qdrant and of a model's server, each in a process of its own on the same two cores;
the fakes answer as late as they are told, and what each costs is printed. Two processes of Ibid serve (``--workers``).
Keys, claims, verdicts and the store are on; plan limits are off.
"""

import argparse
import asyncio
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import asyncpg
import httpx
import uvloop

from adapters.embedded_postgres.server import EmbeddedPostgres
from adapters.neon.engine import read_url
from adapters.neon.migrate import migrate
from bench.asking_users import Crowd, crowd_of
from bench.service_process import ServiceProcess, running, tree_cpu_s
from bench.speed import ingest, react_native_pages
from bench.table import Row

KEY: Final = "ibid_the-admin-of-the-benches"
THINK_S: Final = 5.0
AT_ONCE: Final = (0.0, 0.0, 0.0)
FAR: Final = (80.0, 5.0, 120.0)
"""Median milliseconds of embedding, searching and reranking; p95 is twice as much."""
QUESTIONS: Final = (
    "how do i use the accessibility label of a touchable?",
    "how do i keep the keyboard from covering a text input?",
    "how do i render a long list with the flat list component?",
    "how do i make a network request with fetch?",
    "how do i animate the opacity of a view?",
    "how do i open a link in the browser with linking?",
    "how do i ask for permissions on android?",
    "how do i debug a release build?",
    "how do i change the status bar style?",
    "how do i handle the back button on android?",
    "how do i write a native module for ios?",
    "how do i pull to refresh a scroll view?",
    "how do i measure the size of a view after layout?",
    "how do i upgrade to a new version of react native?",
)
_PASSED_OVER: Final = frozenset({"how", "do", "i", "the", "a", "of", "to", "in", "on", "for", "with", "from"})
_SIGNS: Final = str.maketrans("01", "?!")
_NOTED: Final = (b"rerank_late", b"lexical_only", b"fulltext_only", b"rerank_skipped")
_LIMITS: Final = {"IBID_PLAN": "paid", "IBID_RATE_PER_MINUTE": "1000000", "IBID_MAX_RUNNING_TURNS": "10000"}

_serial = itertools.count()


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--only", choices=["ingest", "users", "far"])
    arguments.add_argument("--users", type=int, default=1_000)
    arguments.add_argument("--workers", type=int, default=2)
    arguments.add_argument("--tokens", type=int, default=100)
    arguments.add_argument("--seconds", type=float, default=20.0)
    chosen = arguments.parse_args()
    chosen.pause_ms = 20
    folder = Path(tempfile.mkdtemp(prefix="ibid-bench-"))
    folder.chmod(0o711)  # PostgreSQL runs as another user when the bench runs as root, and must pass through
    try:
        for row in _rows(folder, chosen):
            print(f"{'ok  ' if row.met else 'MISS'} {row.what}: {row.measured} (wanted: {row.wanted})", flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _rows(folder: Path, chosen: argparse.Namespace) -> Iterator[Row]:
    if chosen.only in (None, "ingest"):
        yield _ingesting(folder / "at-once", 0, 60)
        yield _ingesting(folder / "far", 150, 40)
    if chosen.only in (None, "users"):
        with outside(folder / "users", AT_ONCE, chosen) as parts:
            yield _asking(parts, chosen, "no delays", 60)
    if chosen.only in (None, "far"):
        with outside(folder / "users-far", FAR, chosen) as parts:
            yield _searching(parts, chosen)
            far = "embed 80 ms, search 5 ms, rerank 120 ms"
            yield _asking(parts, chosen, far, 200, to_prompt_counts=True)


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything that runs, by what it is called in the table."""

    service: ServiceProcess
    models_url: str
    database_url: str
    pids: dict[str, int]

    def cpu_s(self) -> dict[str, float]:
        return {name: tree_cpu_s(pid) for name, pid in self.pids.items()} | {"load client": time.process_time()}


@contextmanager
def outside(folder: Path, delays_ms: tuple[float, float, float], chosen: argparse.Namespace) -> Iterator[Parts]:
    embed_ms, search_ms, rerank_ms = delays_ms
    folder.mkdir(mode=0o755)
    # As many connections as the smallest database elsewhere gives.
    postgres = EmbeddedPostgres(folder / "postgres", settings={"max_connections": "100"})
    with ExitStack() as stack:
        url = postgres.start()
        stack.callback(postgres.stop)
        asyncio.run(migrate(url))
        cohere = stack.enter_context(_fake("cohere", embed_ms, rerank_ms, "meaning"))
        qdrant = stack.enter_context(_fake("qdrant", search_ms))
        models = stack.enter_context(running(folder / "models", ("-m", "bench.model_server"), ready="/sent"))
        settings = {
            "DATABASE_URL": url,
            "COHERE_BASE_URL": cohere[1],
            "COHERE_API_KEY": "x",
            "QDRANT_URL": qdrant[1],
            "OPENROUTER_BASE_URL": models.url,
            "IBID_MODELS": f"{chosen.tokens}/service/{chosen.pause_ms}",
            "IBID_MAX_ANSWER_TOKENS": "4096",
            "IBID_ADMIN_KEY": KEY,
            "IBID_WORKERS": str(chosen.workers),
        }
        service = stack.enter_context(running(folder / "data", environment=settings | _LIMITS))
        ingest(service, "react-native", react_native_pages())
        assert postgres.pid is not None
        pids = {"service": service.pid, "PostgreSQL": postgres.pid, "model": models.pid}
        yield Parts(service, models.url, url, pids | {"cohere": cohere[0], "qdrant": qdrant[0]})


@contextmanager
def _fake(name: str, *arguments: object) -> Iterator[tuple[int, str]]:
    """Its pid and its address."""
    command = [sys.executable, "-m", f"bench.fake_{name}", *map(str, arguments)]
    fake = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert fake.stdout is not None
    try:
        yield fake.pid, fake.stdout.readline().strip()
    finally:
        fake.terminate()
        print(f"     the fake of {name}:", fake.communicate()[0].strip())


def _ingesting(data_dir: Path, embed_ms: float, wanted: float) -> Row:
    pages = react_native_pages()
    with _fake("cohere", embed_ms, 0) as (_, url):
        at = {"COHERE_BASE_URL": url, "COHERE_API_KEY": "x", "IBID_PLAN": "paid"}
        with running(data_dir, environment=at) as service:
            before = service.cpu_s()
            rate = len(pages) / ingest(service, "react-native", pages)
            cpu_s = service.cpu_s() - before
    what = f"ingest {len(pages)} pages of react-native-docs by Cohere at {embed_ms:.0f} ms a call"
    return Row(what, f"{rate:.0f} pages/s, {cpu_s:.1f} s of CPU", f"{wanted:.0f} or more", rate >= wanted)


def _asking(
    parts: Parts, chosen: argparse.Namespace, delays: str, wanted_ms: float, *, to_prompt_counts: bool = False
) -> Row:
    request = requests(parts.service, "/v1/ask", "question", Accept="text/event-stream")
    crowd, told = _measured(parts, chosen, request, Crowd(noted=_NOTED))
    stored = asyncio.run(_stored(parts.database_url))
    prompts = _to_prompt_ms(crowd, httpx.get(f"{parts.models_url}/heard").json())
    to_prompt = f"question to prompt {_told_ms(prompts)}, of {len(prompts)}"
    p95 = _percentile(prompts if to_prompt_counts else crowd.first_ms, 0.95)
    bar = "question to prompt" if to_prompt_counts else "first text"
    what = f"{bar}, {chosen.users} users, 5 s between questions, {chosen.tokens} tokens 20 ms apart, {delays}"
    kept = f"{stored} turns in the table of {crowd.all} asked in all"
    met = p95 < wanted_ms and not crowd.failed and stored == crowd.all
    return Row(what, f"{to_prompt}; first text {told}; {kept}", f"p95 under {wanted_ms:.0f} ms, none failed", met)


def _searching(parts: Parts, chosen: argparse.Namespace) -> Row:
    request = requests(parts.service, "/v1/search", "query", limit=6)
    searches = Crowd(first=b'"passages"', last=b'"timings_ms"', noted=_NOTED)
    crowd, told = _measured(parts, chosen, request, searches)
    p95 = _percentile(crowd.first_ms, 0.95)
    what = f"a search, {chosen.users} users, 5 s between searches, embed 80 ms, search 5 ms, rerank 120 ms"
    return Row(what, told, "p95 under 200 ms, none failed", p95 < 200 and not crowd.failed)


def _measured(
    parts: Parts, chosen: argparse.Namespace, request: Callable[[], bytes], crowd: Crowd
) -> tuple[Crowd, str]:
    address = urlsplit(parts.service.url)
    assert address.hostname is not None
    assert address.port is not None
    edges: list[tuple[float, dict[str, float]]] = []
    users = crowd_of(
        chosen.users,
        address.hostname,
        address.port,
        request,
        warm_s=chosen.seconds / 2,
        seconds=chosen.seconds,
        pause_s=THINK_S,
        crowd=crowd,
        at_edge=lambda: edges.append((time.monotonic(), parts.cpu_s())),
    )
    uvloop.run(users)
    (began, before), (ended, after) = edges
    spent = {name: seconds - before[name] for name, seconds in after.items()}
    of_a_core = ", ".join(f"{name} {seconds / (ended - began):.0%}" for name, seconds in spent.items())
    each = ", ".join(f"{name} {seconds / crowd.asked * 1e3:.1f}" for name, seconds in spent.items())
    met = "".join(f", {word.decode()} {count / max(1, crowd.done):.0%}" for word, count in sorted(crowd.met.items()))
    return crowd, (
        f"{_told_ms(crowd.first_ms)}, the whole {_told_ms(crowd.whole_ms)}; {crowd.asked} asked in "
        f"{chosen.seconds:.0f} s, {crowd.done} done, {len(crowd.failed)} failed {crowd.failed[:1]}{met}; of a core: "
        f"{of_a_core}; ms each: {each}"
    )


def _to_prompt_ms(crowd: Crowd, heard: dict[str, float]) -> list[float]:
    """From each counted question to its prompt at the model's server; both read one machine's clock."""
    asked = {json.loads(request.rpartition(b"\r\n\r\n")[2])["question"]: at for request, at in crowd.sent.items()}
    return [(heard[question] - at) * 1_000 for question, at in asked.items() if question in heard]


def _told_ms(waits: list[float]) -> str:
    return f"p50 {_percentile(waits, 0.5):.0f} ms, p95 {_percentile(waits, 0.95):.0f} ms"


def _percentile(waits: list[float], share: float) -> float:
    waits = sorted(waits)
    return waits[int(len(waits) * share)] if waits else float("inf")


async def _stored(url: str) -> int:
    """Turns in the table that have ended well."""
    target, _ = read_url(url)
    connection = await asyncpg.connect(user=target.username, host=target.query["host"], database=target.database)
    try:
        return int(await connection.fetchval("SELECT count(*) FROM turns WHERE status = 'answered'"))
    finally:
        await connection.close()


def requests(service: ServiceProcess, path: str, asked: str, **more: Any) -> Callable[[], bytes]:
    """Requests of which no two ask the same, so that nothing is answered from memory."""
    netloc = urlsplit(service.url).netloc
    accept = more.pop("Accept", "application/json")

    def request() -> bytes:
        number = next(_serial)
        body = json.dumps(
            {asked: _varied(QUESTIONS[number % len(QUESTIONS)], number // len(QUESTIONS)), **more}
        ).encode()
        lines = [
            f"POST {path} HTTP/1.1",
            f"Host: {netloc}",
            f"Authorization: Bearer {KEY}",
            f"Accept: {accept}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
        ]
        return "\r\n".join([*lines, "", ""]).encode() + body

    return request


def _varied(question: str, number: int) -> str:
    """
    The same question in other letters and signs: for the caches another one; what is found and answered is the same.

    The words are those that nothing is searched by, each whole: one with a capital inside is taken for a name of two.
    """
    number, signs = divmod(number, 64)
    bits = itertools.chain(map(int, f"{number:b}"[::-1]), itertools.repeat(0))
    words = [word.upper() if word in _PASSED_OVER and next(bits) else word for word in question.split()]
    return " ".join(words) + f"{signs:06b}".translate(_SIGNS)


if __name__ == "__main__":
    os.environ.pop("COHERE_API_KEY", None)
    main()
