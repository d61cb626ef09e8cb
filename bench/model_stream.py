"""
What a model's streamed token costs through the whole service, and how soon the first text comes with many users:
``python -m bench.model_stream [--users 1000] [--only tokens|users]``.

A fake of a model's server (``bench.model_server``), the service and, for the tokens, a bare proxy on the same HTTP
client run side by side, each in a process of its own; CPU is what the operating system booked on each. Keys, claims,
verdicts and PostgreSQL are on; the passage index and the embedder are the embedded ones.
"""

import argparse
import asyncio
import itertools
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx
import uvloop

from bench.asking_users import Crowd, crowd_of
from bench.pace import PAUSE_S, WORDS
from bench.service_process import ServiceProcess, running
from bench.speed import ingest, react_native_pages
from bench.stream_client import Streams, open_streams
from entrypoints.settings import Settings

STREAMS: Final = (1, 50, 200)
WINDOW_S: Final = 8.0
USER_WORDS: Final = 100
_GENEROUS: Final = {"plan": "paid", "rate_per_minute": "1000000", "max_running_turns": "5000"}
"""Limits that are not to be what is measured, set where this version knows them."""

_serial = itertools.count()


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--users", type=int, nargs="*", default=[200, 1_000])
    arguments.add_argument("--seconds", type=float, default=20)
    arguments.add_argument("--only", choices=["tokens", "users"])
    chosen = arguments.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="ibid-bench-"))
    folder.chmod(0o711)  # PostgreSQL runs as another user when the bench runs as root, and must pass through
    try:
        with running(folder / "library") as service:
            ingest(service, "react-native", react_native_pages())
        with running(folder / "models", ("-m", "bench.model_server"), ready="/sent") as models:
            if chosen.only != "users":
                _tokens(folder, models)
            if chosen.only != "tokens":
                for users in chosen.users:
                    _users(folder, models, users, chosen.seconds)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _service(folder: Path, models: ServiceProcess, words: int) -> Iterator[ServiceProcess]:
    known = Settings.__struct_fields__
    limits = {f"IBID_{name.upper()}": value for name, value in _GENEROUS.items() if name in known}
    at = {"OPENROUTER_BASE_URL": models.url, "IBID_MODELS": f"{words}/service", "IBID_MAX_ANSWER_TOKENS": "4096"}
    with running(folder / "library", environment=at | limits) as service:
        yield service


def _tokens(folder: Path, models: ServiceProcess) -> None:
    at = {"OPENROUTER_BASE_URL": models.url}
    print("| streams | a token through Ibid | through a bare proxy | times | the fake model's server | Ibid reads |")
    print("|---|---|---|---|---|---|")
    for count in STREAMS:
        with (
            running(folder / "library", ("-m", "bench.bare_proxy"), environment=at) as proxy,
            _service(folder, models, WORDS) as service,
        ):
            floor, path, fake = uvloop.run(_side_by_side(proxy, service, models, count))
        print(
            f"| {count} | {path:.1f} µs | {floor:.1f} µs | {path / floor:.2f} | {fake:.1f} µs | "
            f"{'met' if path / floor <= 2 else 'missed'} (at most 2 times) |",
            flush=True,
        )


async def _side_by_side(
    proxy: ServiceProcess, service: ServiceProcess, models: ServiceProcess, count: int
) -> tuple[float, float, float]:
    """CPU microseconds a token: of the proxy, of the service, of the fake that feeds both."""
    ends = [*await _opened(proxy, count), *await _opened(service, count)]
    await asyncio.sleep(2)
    began = _taken(proxy, service, models)
    await asyncio.sleep(WINDOW_S)
    ended = _taken(proxy, service, models)
    await asyncio.wait_for(asyncio.gather(*ends), 120)
    proxied, served, fed, to_proxy, to_service = (after - before for before, after in zip(began, ended, strict=True))
    assert to_service > count * WINDOW_S / PAUSE_S * 0.8, "streams ended while they were measured"
    return proxied / to_proxy * 1e6, served / to_service * 1e6, fed / (to_proxy + to_service) * 1e6


def _taken(proxy: ServiceProcess, service: ServiceProcess, models: ServiceProcess) -> tuple[float, ...]:
    cpu = (proxy.exact_cpu_s(), service.exact_cpu_s(), models.exact_cpu_s())
    return (*cpu, _sent(models, "proxy"), _sent(models, "service"))


def _sent(models: ServiceProcess, whom: str) -> int:
    return int(httpx.get(f"{models.url}/sent", params={"model": f"{WORDS}/{whom}"}).text)


async def _opened(process: ServiceProcess, count: int) -> list[asyncio.Future[None]]:
    """``count`` streams, each of another question: the same one would be answered from memory."""
    host, port = _address(process)
    ends: list[asyncio.Future[None]] = []
    for _ in range(count):
        ends += await open_streams(host, port, _request(process, close=True)(), 1, Streams())
    return ends


def _request(process: ServiceProcess, *, close: bool = False) -> Callable[[], bytes]:
    netloc = urlsplit(process.url).netloc

    def request() -> bytes:
        question = f"How do I use the accessibility label of a touchable, number {next(_serial)}?"
        body = json.dumps({"question": question}).encode()
        lines = [
            "POST /v1/ask HTTP/1.1",
            f"Host: {netloc}",
            f"Authorization: Bearer {process.key}",
            "Accept: text/event-stream",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            *(["Connection: close"] if close else []),
        ]
        return "\r\n".join([*lines, "", ""]).encode() + body

    return request


def _address(process: ServiceProcess) -> tuple[str, int]:
    address = urlsplit(process.url)
    assert address.hostname is not None
    assert address.port is not None
    return address.hostname, address.port


def _users(folder: Path, models: ServiceProcess, users: int, seconds: float) -> None:
    with _service(folder, models, USER_WORDS) as service:
        own, tree, fake, load = service.cpu_s(), service.tree_cpu_s(), models.cpu_s(), time.process_time()
        began = time.monotonic()
        request = _request(service, close=False)
        crowd = uvloop.run(crowd_of(users, *_address(service), request, warm_s=seconds / 2, seconds=seconds))
        wall = time.monotonic() - began
        shares = [
            (after - before) / wall
            for before, after in (
                (own, service.cpu_s()),
                (tree, service.tree_cpu_s()),
                (fake, models.cpu_s()),
                (load, time.process_time()),
            )
        ]
    print(_told(users, crowd, shares, seconds), flush=True)


def _told(users: int, crowd: Crowd, shares: list[float], seconds: float) -> str:
    waits = sorted(crowd.first_ms)
    if not waits:
        return f"{users} users: no answer; {len(crowd.failed)} failed: {crowd.failed[:1]}"
    own, tree, fake, load = (f"{share:.0%}" for share in shares)
    p50, p95 = waits[len(waits) // 2], waits[int(len(waits) * 0.95)]
    return (
        f"{users} users: first text {p50:.0f} ms, p95 {p95:.0f} ms (wanted: under 60); {crowd.asked} asked in "
        f"{seconds:.0f} s, {crowd.done} done, {len(crowd.failed)} failed {crowd.failed[:1]}; of a core: service {own} "
        f"(with PostgreSQL {tree}), fake model {fake}, load client {load}"
    )


if __name__ == "__main__":
    main()
