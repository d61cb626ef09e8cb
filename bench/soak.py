"""
Hours in minutes: ``python -m bench.soak --minutes 10`` asks, searches, streams, reads and ingests without pause at a
low rate, and watches that nothing grows: memory, threads, sockets, files, connections to the database.

First all of it is done for a minute and a half at four times the rate, so that caches, pools of connections and the
prepared statements of each are as full as they become. The slope of memory is that of a line through what was measured
after the first fifth. What fills up more slowly is in it: the events of ended turns, up to an hour of them, and the
places that replaced passages have in the index, up to 5,000 of them.
"""

import argparse
import asyncio
import itertools
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncpg
import httpx

from bench.load_client import Crowd, as_bytes, percentile
from bench.service_process import ServiceProcess, running
from bench.speed import ingest, react_native_pages

PER_SECOND: Final = 10.0
EVERY_S: Final = 10.0
MAX_MB_A_MINUTE: Final = 1.0
WARM_SHARE: Final = 0.2
WARM_S: Final = 90.0
WARM_TIMES: Final = 4


@dataclass(frozen=True, slots=True)
class Sample:
    minute: float
    resident_mb: float
    threads: int
    files: int
    sockets: int
    connections: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    chosen = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="ibid-soak-"))
    folder.chmod(0o711)  # PostgreSQL runs as another user when this runs as root
    try:
        with running(folder / "data") as service:
            ingest(service, "docs", react_native_pages())
            samples, crowd = asyncio.run(_soak(service, folder / "data", chosen.minutes))
            broken = [line for line in service.log().splitlines() if "unhandled" in line or "level=error" in line]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(0 if _report(samples, crowd, broken) else 1)


async def _soak(service: ServiceProcess, data_dir: Path, minutes: float) -> tuple[list[Sample], Crowd]:
    mix = _mix(service)
    crowd = Crowd(service.url, service.key, lambda: next(mix))
    await _warm(service, crowd)
    samples: list[Sample] = []
    began = time.monotonic()
    while time.monotonic() - began < minutes * 60:
        await asyncio.gather(crowd.ask_for(EVERY_S, per_second=PER_SECOND), _streams(service))
        await asyncio.sleep(0.5)  # what was begun has ended: what is counted now stays
        samples.append(await _sample(service, data_dir, (time.monotonic() - began) / 60))
    await crowd.close()
    return samples, crowd


async def _warm(service: ServiceProcess, crowd: Crowd) -> None:
    began = time.monotonic()
    while time.monotonic() - began < WARM_S:
        readers = (_streams(service) for _ in range(WARM_TIMES))
        await asyncio.gather(crowd.ask_for(EVERY_S, per_second=PER_SECOND * WARM_TIMES), *readers)
    crowd.asked.clear()


async def _streams(service: ServiceProcess) -> None:
    """Readers of event streams: half of them stay to the end, half hang up after the first event."""
    headers = {"Authorization": f"Bearer {service.key}", "Accept": "text/event-stream"}
    async with httpx.AsyncClient(base_url=service.url, headers=headers, timeout=60) as client:
        for number in range(8):
            body = {"question": "How do I use a flatlist?", "on_disconnect": ("continue", "cancel")[number // 2 % 2]}
            async with client.stream("POST", "/v1/ask", json=body) as response:
                async for _ in response.aiter_bytes():
                    if number % 2:
                        break


async def _sample(service: ServiceProcess, data_dir: Path, minute: float) -> Sample:
    process = Path(f"/proc/{service.pid}")
    status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
    targets = []
    for entry in (process / "fd").iterdir():
        try:
            targets.append(entry.readlink().as_posix())
        except OSError:
            continue
    return Sample(
        minute,
        int(status["VmRSS"].split()[0]) / 1_024,
        int(status["Threads"]),
        len(targets),
        sum(target.startswith("socket:") for target in targets),
        await _connections(data_dir),
    )


async def _connections(data_dir: Path) -> int:
    [path] = [path for path in data_dir.rglob(".s.PGSQL.*") if path.is_socket()]  # noqa: ASYNC240  nothing else runs
    connection = await asyncpg.connect(user="postgres", host=str(path.parent), database="postgres")
    try:
        held = await connection.fetchval("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'ibid'")
        return int(held)
    finally:
        await connection.close()


def _mix(service: ServiceProcess) -> Iterator[bytes]:
    """Questions with and without an answer, searches, reads, bad requests, and a page that changes again and again."""
    names = [Path(str(page["uri"])).stem.replace("-", " ") for page in react_native_pages()]
    for number in itertools.count():
        name = names[number % len(names)]
        kind = number % 20
        if kind < 4:
            yield as_bytes(service.url, service.key, "POST", "/v1/ask", {"question": f"How do I use {name}?"})
        elif kind < 10:
            yield as_bytes(service.url, service.key, "POST", "/v1/search", {"query": f"{name} {number}"})
        elif kind < 17:
            yield as_bytes(service.url, service.key, "GET", f"/v1/documents?limit={kind}")
        elif kind == 17:
            yield as_bytes(service.url, service.key, "POST", "/v1/ask", {"question": ""})
        elif kind == 18:
            yield as_bytes(service.url, service.key, "GET", "/v1/turns/01890b2f-0000-7000-8000-000000000000")
        else:
            page = {"uri": "changing.md", "content": f"# Changing\n\nVersion {number}.", "format": "markdown"}
            body = {"collection": "changing", "documents": [page]}
            yield as_bytes(service.url, service.key, "POST", "/v1/admin/ingestions", body)


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Of the straight line that lies nearest to the points (least squares)."""
    count = len(points)
    middle_x, middle_y = sum(x for x, _ in points) / count, sum(y for _, y in points) / count
    spread = sum((x - middle_x) ** 2 for x, _ in points)
    return sum((x - middle_x) * (y - middle_y) for x, y in points) / spread if spread else 0.0


def _report(samples: Sequence[Sample], crowd: Crowd, broken: Sequence[str]) -> bool:
    warm = samples[int(len(samples) * WARM_SHARE) :]
    growth = slope([(one.minute, one.resident_mb) for one in warm])
    ends = {status: sum(one.status == status for one in crowd.asked) for status in {one.status for one in crowd.asked}}
    print(f"{len(crowd.asked):,} requests in {samples[-1].minute:.1f} minutes: {ends}")
    print(f"p50 {percentile(crowd.asked, 0.5):.0f} ms, p95 {percentile(crowd.asked, 0.95):.0f} ms")
    print(f"memory: {warm[0].resident_mb:.0f} to {warm[-1].resident_mb:.0f} MB, {growth:+.2f} MB a minute")
    held = True
    for name in ("threads", "files", "sockets", "connections"):
        counts = [getattr(one, name) for one in warm]
        early, late = counts[: max(1, len(counts) // 3)], counts[-max(1, len(counts) // 3) :]
        grew = min(late) > max(early)
        held = held and not grew
        print(f"{name}: {min(counts)} to {max(counts)}, at the end {counts[-1]}{' GREW' if grew else ''}")
    for line in broken[:10]:
        print(line)
    expected = {200, 202, 404, 422}
    return held and growth < MAX_MB_A_MINUTE and not broken and set(ends) <= expected


if __name__ == "__main__":
    main()
