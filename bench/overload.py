"""
More than the service can do: ``python -m bench.overload`` measures what becomes of the requests, and of the rest.

A mix of 60% reads, 30% searches and 10% questions, sent at a set rate by a process of its own: first as usual, then
five times as much, then as usual again. Usual is four tenths of what the machine can do at all, measured just before.
"""

import argparse
import asyncio
import itertools
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bench.load_client import Asked, Crowd, as_bytes, percentile
from bench.service_process import ServiceProcess, running
from bench.speed import ingest, react_native_pages

USUAL_SHARE: Final = 0.4
TIMES: Final = 5
KINDS: Final = {"reads": "GET", "searches": "POST /v1/search", "questions": "POST /v1/ask"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each of the three stretches")
    chosen = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="ibid-overload-"))
    folder.chmod(0o711)  # PostgreSQL runs as another user when this runs as root
    try:
        with running(folder / "data") as service:
            ingest(service, "docs", react_native_pages())
            time.sleep(3)
            asyncio.run(_measure(service, chosen.seconds))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _measure(service: ServiceProcess, seconds: float) -> None:
    mix = _mix(service)
    crowd = Crowd(service.url, service.key, lambda: next(mix))
    await crowd.ask_for(2, per_second=30)  # warm
    most = await _most(crowd)
    usual_rate = most * USUAL_SHARE
    usual = await crowd.ask_for(seconds, per_second=usual_rate)
    over = await crowd.ask_for(seconds, per_second=usual_rate * TIMES)
    ended = time.perf_counter()
    again = await crowd.ask_for(seconds, per_second=usual_rate)
    await crowd.close()
    accepted = [one for one in over if one.status == 200]
    refused = [one for one in over if one.status in (429, 503)]
    broken = [one for one in (*usual, *over, *again) if one.status not in (200, 429, 503)]
    print(f"the most that is answered: {most:.0f} requests/s")
    print(f"usual, {usual_rate:.0f}/s: p50 {percentile(usual, 0.5):.0f} ms, p95 {percentile(usual, 0.95):.0f} ms")
    print(
        f"five times, {usual_rate * TIMES:.0f}/s: {len(accepted) / seconds:.0f}/s answered, p50"
        f" {percentile(accepted, 0.5):.0f} ms, p95 {percentile(accepted, 0.95):.0f} ms;"
        f" {len(refused) / len(over):.0%} refused, p50 {percentile(refused, 0.5):.0f} ms,"
        f" p95 {percentile(refused, 0.95):.0f} ms, all with Retry-After: {all(one.retry_after for one in refused)}"
    )
    for kind, begins in KINDS.items():
        here, there, away = (
            [one for one in part if one.what.startswith(begins)] for part in (usual, accepted, refused)
        )
        print(
            f"  {kind}: usual p50 {percentile(here, 0.5):.0f} ms, p95 {percentile(here, 0.95):.0f} ms; five times:"
            f" {len(there)} accepted, p50 {percentile(there, 0.5):.0f} ms, p95 {percentile(there, 0.95):.0f} ms,"
            f" {len(away)} refused, p95 {percentile(away, 0.95):.0f} ms"
        )
    for second in range(int(seconds)):
        late = [one for one in accepted if second <= one.due_at - over[0].due_at < second + 1]
        print(f"  second {second}: {len(late)} accepted, p95 {percentile(late, 0.95):.0f} ms")
    print(f"as usual again after {_recovered(again, ended, percentile(usual, 0.95)):.0f} s")
    print(f"requests with another end: {len(broken)} {sorted({one.status for one in broken})}")


async def _most(crowd: Crowd) -> float:
    """Requests a second that six clients get answered, each asking again as soon as it has its answer."""
    before, until = len(crowd.asked), time.perf_counter() + 5

    async def client() -> None:
        while time.perf_counter() < until:
            await crowd.ask_for(0.011, per_second=100)

    await asyncio.gather(*(client() for _ in range(6)))
    return sum(one.status == 200 for one in crowd.asked[before:]) / 5


def _recovered(again: list[Asked], since: float, usual_p95_ms: float) -> float:
    """Seconds until a whole second of requests was answered as usual: none refused, p95 at most half as much again."""
    for second in itertools.count():
        within = [one for one in again if second <= one.due_at - since < second + 1]
        if not within:
            return float("inf")
        if all(one.status == 200 for one in within) and percentile(within, 0.95) <= max(usual_p95_ms * 1.5, 30):
            return second
    raise AssertionError


def _mix(service: ServiceProcess) -> Iterator[bytes]:
    names = [Path(str(page["uri"])).stem.replace("-", " ") for page in react_native_pages()]
    with service.client() as client:
        turn = client.post("/v1/ask", json={"question": "How do I use a flatlist?"}).json()
        document = client.get("/v1/documents?limit=1").json()["items"][0]["id"]
    reads = itertools.cycle(
        ["/v1/documents?limit=20", f"/v1/turns/{turn['turn_id']}", f"/v1/documents/{document}", "/v1/me",
         f"/v1/conversations/{turn['conversation_id']}/turns?limit=5", f"/v1/documents/{document}/text"]
    )  # fmt: skip
    for number in itertools.count():
        name = names[number % len(names)]
        kind = number * 7 % 10
        if kind < 6:
            yield as_bytes(service.url, service.key, "GET", next(reads))
        elif kind < 9:
            yield as_bytes(service.url, service.key, "POST", "/v1/search", {"query": f"{name} example"})
        else:
            yield as_bytes(service.url, service.key, "POST", "/v1/ask", {"question": f"How do I use {name}?"})


if __name__ == "__main__":
    main()
