"""
Ibid with its providers at a distance: ``python -m bench.outside`` prints the table.

Cohere is a fake in a process of its own, on the same two cores, that answers as late as it is told; what it costs is
printed with each row. Plan limits are off.
"""

import argparse
import asyncio
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import uvloop

from adapters.resilience.http_client import http_client
from bench.service_process import ServiceProcess, running
from bench.speed import Row, ingest, react_native_pages

USERS: Final = 1_000
THINK_S: Final = 5.0
SECONDS: Final = 20.0


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--only", choices=["ingest", "users"])
    arguments.add_argument("--users", type=int, default=USERS)
    chosen = arguments.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="ibid-bench-"))
    folder.chmod(0o711)  # PostgreSQL runs as another user when the bench runs as root, and must pass through
    try:
        for row in _rows(folder, chosen.only, chosen.users):
            print(f"{'ok  ' if row.met else 'MISS'} {row.what}: {row.measured} (wanted: {row.wanted})", flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _rows(folder: Path, only: str | None, users: int) -> Iterator[Row]:
    if only in (None, "ingest"):
        yield _ingesting(folder / "at-once", 0, 60)
        yield _ingesting(folder / "far", 150, 40)
    if only in (None, "users"):
        yield _searching(folder / "users", users)


@contextmanager
def _with_cohere(data_dir: Path, embed_ms: float, rerank_ms: float) -> Iterator[ServiceProcess]:
    command = [sys.executable, "-m", "bench.fake_cohere", str(embed_ms), str(rerank_ms)]
    fake = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert fake.stdout is not None
    os.environ |= {"COHERE_BASE_URL": fake.stdout.readline().strip(), "COHERE_API_KEY": "x", "IBID_PLAN": "paid"}
    try:
        with running(data_dir) as service:
            yield service
    finally:
        fake.terminate()
        print("     the fake:", fake.communicate()[0].strip())


def _ingesting(data_dir: Path, embed_ms: float, wanted: float) -> Row:
    pages = react_native_pages()
    with _with_cohere(data_dir, embed_ms, 0) as service:
        before = service.cpu_s()
        rate = len(pages) / ingest(service, "react-native", pages)
        cpu_s = service.cpu_s() - before
    what = f"ingest {len(pages)} pages of react-native-docs by Cohere at {embed_ms:.0f} ms a call"
    return Row(what, f"{rate:.0f} pages/s, {cpu_s:.1f} s of CPU", f"{wanted:.0f} or more", rate >= wanted)


def _searching(data_dir: Path, users: int) -> Row:
    pages = react_native_pages()
    with _with_cohere(data_dir, 80, 120) as service:
        ingest(service, "react-native", pages)
        before = service.cpu_s()
        taken_ms, late, failed = uvloop.run(_users(service, users, [Path(str(page["uri"])).stem for page in pages]))
        cpu_s = service.cpu_s() - before
    taken_ms.sort()
    p50, p95 = taken_ms[len(taken_ms) // 2], taken_ms[int(len(taken_ms) * 0.95)]
    share = f"rerank late {late / len(taken_ms):.0%}, {cpu_s / len(taken_ms) * 1_000:.1f} ms of CPU a search"
    what = f"a search, {users} users, {THINK_S:.0f} s between questions, embed 80 ms, rerank 120 ms"
    measured = f"p50 {p50:.0f} ms, p95 {p95:.0f} ms, {len(taken_ms)} searches, {failed} failed, {share}"
    return Row(what, measured, "p95 under 200 ms, none failed", p95 < 200 and not failed)


async def _users(service: ServiceProcess, users: int, words: list[str]) -> tuple[list[float], int, int]:
    """Milliseconds of each search, how many of them had no rerank in time, and how many failed."""
    taken_ms: list[float] = []
    late = failed = 0
    choose = random.Random(11)  # noqa: S311  repeatable, not secret
    ends = time.monotonic() + SECONDS
    async with http_client(service.url, headers={"Authorization": f"Bearer {service.key}"}) as client:

        async def user() -> None:
            nonlocal late, failed
            await asyncio.sleep(choose.uniform(0, THINK_S))
            while time.monotonic() < ends:
                query = f"How do I use {choose.choice(words)} with {choose.choice(words)}?".replace("-", " ")
                body: dict[str, Any] = {"query": query, "limit": 6}
                began = time.perf_counter()
                answer = await client.post("/v1/search", json=body)
                taken_ms.append((time.perf_counter() - began) * 1_000)
                failed += answer.status_code != httpx.codes.OK
                late += "rerank_late" in answer.text
                await asyncio.sleep(choose.expovariate(1 / THINK_S))

        await asyncio.gather(*(user() for _ in range(users)))
    return taken_ms, late, failed


if __name__ == "__main__":
    main()
