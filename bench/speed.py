"""
Speed, measured over HTTP with key, claims and store: ``python -m bench.speed`` prints the table.

Every figure comes from a service in a process of its own on a data directory of its own, talked to over loopback.
CPU is what the operating system booked on the service's process, so a busy machine slows the run but hardly the
figure; the event path is a ratio to a floor measured in the same run. ``--write`` puts the table into the docs.
"""

import argparse
import asyncio
import json
import random
import shutil
import tempfile
import time
from collections.abc import Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import uvloop

from adapters.qdrant_edge.index import QdrantEdgeIndex
from bench.service_process import ServiceProcess, running
from bench.stream_client import Streams, open_streams
from bench.table import Row, write_table
from entrypoints.terminal.event_stream import read_events

ROOT: Final = Path(__file__).parent.parent
DATA: Final = ROOT.parent / "shared" / "data"
STREAMS: Final = 200
LARGE_INDEX: Final = 100_000


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    arguments.add_argument("--only", choices=["start", "small", "large", "events"], help="one part of the table")
    chosen = arguments.parse_args()
    parts = {"start": _start, "small": _small_library, "large": _large_library, "events": _event_path}
    rows: list[Row] = []
    folder = Path(tempfile.mkdtemp(prefix="ibid-bench-"))
    # PostgreSQL runs as another user when the bench runs as root, and must pass through.
    folder.chmod(0o711)
    try:
        for name, part in parts.items():
            if chosen.only in (None, name):
                for row in part(folder):
                    rows.append(row)
                    print(
                        f"{'ok  ' if row.met else 'MISS'} {row.what}: {row.measured} (wanted: {row.wanted})", flush=True
                    )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if chosen.write:
        write_table("table", rows)


def _start(folder: Path) -> Iterator[Row]:
    data_dir = folder / "start"
    with running(data_dir) as service:
        new_s = service.ready_s
    with running(data_dir) as service:
        time.sleep(3)
        yield Row("ready on a new data directory", f"{new_s:.2f} s", "under 6 s", new_s < 6)
        ready_s = service.ready_s
        yield Row("ready on an existing data directory", f"{ready_s:.2f} s", "under 3 s", ready_s < 3)
        pss = service.pss_mb()
        yield Row("idle memory of the whole process tree (PSS)", f"{pss:.0f} MB", "under 350 MB", pss < 350)


def _small_library(folder: Path) -> Iterator[Row]:
    pages = react_native_pages()
    with running(folder / "small") as service:
        taken_s = ingest(service, "react-native", pages)
        rate = len(pages) / taken_s
        yield Row(f"ingest {len(pages)} pages of react-native-docs", f"{rate:.0f} pages/s", "100 or more", rate >= 100)
        questions = [f"How do I use {Path(str(page['uri'])).stem.replace('-', ' ')}?" for page in pages]
        own_ms, tree_ms, p95_ms = _cpu_per_request(service, "/v1/ask", [{"question": one} for one in questions])
        yield Row(
            "an extractive answer, CPU of the service",
            f"{own_ms:.1f} ms (with PostgreSQL {tree_ms:.1f} ms; p95 {p95_ms:.0f} ms wall)",
            "under 30 ms",
            own_ms < 30,
        )


def _large_library(folder: Path) -> Iterator[Row]:
    data_dir = folder / "large"
    claims = [json.loads(line)["claim"] for line in (DATA / "scifact/claims_train.jsonl").open()]
    with running(data_dir) as service:
        documents = _synthetic_documents(LARGE_INDEX)
        began = time.monotonic()
        for start in range(0, len(documents), 200):
            ingest(service, "large", documents[start : start + 200])
        rate = LARGE_INDEX / (time.monotonic() - began)
        _wait_until_idle(service)  # the index builds its search structures beside the service
        queries = [{"query": claim, "limit": 10} for claim in claims[:450]]
        own_ms, tree_ms, p95_ms = _cpu_per_request(service, "/v1/search", queries)
        pss = service.pss_mb()
    held = asyncio.run(_index_size(next((data_dir / "index").iterdir())))
    yield Row(
        f"a search in {held:,} passages, CPU of the service",
        f"{own_ms:.1f} ms (with PostgreSQL {tree_ms:.1f} ms; p95 {p95_ms:.0f} ms wall)",
        "under 8 ms",
        own_ms < 8 and held >= LARGE_INDEX,
    )
    yield Row("ingest of those passages", f"{rate:,.0f} passages/s", "-", True)
    yield Row("memory of the process tree with them (PSS)", f"{pss:.0f} MB", "-", True)


def _event_path(folder: Path) -> Iterator[Row]:
    data_dir = folder / "small"
    if not data_dir.exists():
        with running(data_dir) as service:
            ingest(service, "react-native", react_native_pages())
    # Side by side, so that whatever slows the machine slows both.
    with (
        running(data_dir, ("-m", "bench.bare_stream")) as bare,
        running(data_dir, ("-m", "bench.paced_service")) as service,
    ):
        floor, path = uvloop.run(_together(_cpu_per_event(bare), _cpu_per_event(service)))
    yield Row(
        f"the event path, CPU an event, {STREAMS} streams, events 20 ms apart",
        f"{path:.1f} µs to {floor:.1f} µs of a bare stream: {path / floor:.2f} times",
        "at most 2.5 times",
        path / floor <= 2.5,
    )


def react_native_pages() -> list[dict[str, Any]]:
    root = DATA / "react-native-docs/docs"
    return [
        {
            "uri": path.relative_to(root).as_posix(),
            "content": path.read_text(encoding="utf-8"),
            "format": "mdx" if path.suffix == ".mdx" else "markdown",
        }
        for path in sorted(root.rglob("*.md*"))
    ]


def _synthetic_documents(passages: int) -> list[dict[str, Any]]:
    """Documents of 100 paragraphs, each of some 550 characters of real sentences in an order that no page has."""
    lines = (DATA / "scifact/corpus.jsonl").open()
    sentences = [sentence for line in lines for sentence in json.loads(line)["sentences"] if 40 < len(sentence) < 300]
    order = random.Random(7)  # noqa: S311  repeatable, not secret
    documents = []
    for number in range(passages // 100 + 1):
        paragraphs = []
        for _ in range(100):
            paragraph = ""
            while len(paragraph) < 450:
                paragraph += order.choice(sentences) + " "
            paragraphs.append(paragraph.strip())
        documents.append({"uri": f"made/{number:04}.txt", "content": "\n\n".join(paragraphs), "format": "text"})
    return documents


def ingest(
    service: ServiceProcess,
    collection: str,
    documents: Sequence[dict[str, Any]],
    *,
    at_once: int | None = None,
) -> float:
    """
    Seconds from the first request to the end of the ingestion; every document must go in.

    ``at_once``: so many to a request, and no request waits for those before it. The ingestion is followed as `ibid
    ingest` follows it: asking for its state again and again would take the time of the service that is measured.
    """
    with service.client() as client:
        began = time.monotonic()
        size = at_once or len(documents)
        status_urls = []
        for start in range(0, len(documents), size):
            some = list(documents[start : start + size])
            body = {"collection": collection, "base_url": "https://docs.test/", "documents": some}
            accepted = client.post("/v1/admin/ingestions", json=body)
            accepted.raise_for_status()
            status_urls.append(accepted.json()["status_url"])
        for status_url in status_urls:
            state = _ended(client, status_url)
            assert state["status"] in ("succeeded", "partial"), state
            assert state["counts"]["failed"] <= 1, state  # one page of the site is empty but for an import
        return time.monotonic() - began


def _ended(client: httpx.Client, status_url: str) -> dict[str, Any]:
    """The ingestion when it has ended."""
    with client.stream("GET", f"{status_url}/events") as response:
        response.raise_for_status()
        events = {event.name: event.data for event in read_events(response.iter_bytes())}
    return dict(json.loads(events["done"]))


def _wait_until_idle(service: ServiceProcess) -> None:
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        before = service.tree_cpu_s()
        time.sleep(3)
        if service.tree_cpu_s() - before < 0.1:
            return
    raise RuntimeError("the service is still at work five minutes after the ingestion")


def _cpu_per_request(
    service: ServiceProcess, path: str, bodies: Sequence[dict[str, Any]]
) -> tuple[float, float, float]:
    """CPU milliseconds a request, of the service and of its process tree, and the p95 of the wall time."""
    with service.client() as client:
        for body in bodies[:50]:
            client.post(path, json=body).raise_for_status()
        own, tree, waits = service.cpu_s(), service.tree_cpu_s(), []
        for body in bodies[50:]:
            began = time.perf_counter()
            client.post(path, json=body).raise_for_status()
            waits.append((time.perf_counter() - began) * 1_000)
        count = len(bodies) - 50
        own_ms, tree_ms = (service.cpu_s() - own) / count * 1_000, (service.tree_cpu_s() - tree) / count * 1_000
    return own_ms, tree_ms, sorted(waits)[int(len(waits) * 0.95)]


async def _cpu_per_event(service: ServiceProcess, seconds: float = 6.0) -> float:
    """CPU microseconds an event, in the middle of all streams: none begins and none ends while it is measured."""
    address = urlsplit(service.url)
    body = json.dumps({"question": "How do I use the accessibility label of a touchable?"}).encode()
    request = (
        f"POST /v1/ask HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: Bearer {service.key}\r\n"
        "Accept: text/event-stream\r\nContent-Type: application/json\r\nConnection: close\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body
    streams = Streams()
    assert address.hostname is not None
    assert address.port is not None
    ends = await open_streams(address.hostname, address.port, request, STREAMS, streams)
    await asyncio.sleep(2)
    assert streams.open == STREAMS, f"{STREAMS - streams.open} streams ended early: {streams.failed[:1]}"
    cpu_s, events = service.cpu_s(), streams.events
    await asyncio.sleep(seconds)
    cpu_s, events = service.cpu_s() - cpu_s, streams.events - events
    await asyncio.wait_for(asyncio.gather(*ends), 120)
    assert not streams.failed, streams.failed[0]
    return cpu_s / events * 1_000_000


async def _together(first: Coroutine[Any, Any, float], second: Coroutine[Any, Any, float]) -> tuple[float, float]:
    return await asyncio.gather(first, second)


async def _index_size(folder: Path) -> int:
    index = QdrantEdgeIndex(folder, 256)
    await index.open()
    held = await index.count()
    await index.close()
    return held


if __name__ == "__main__":
    main()
