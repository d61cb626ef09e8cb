"""
A thousand streams open at once on two processes, and every text of them compared: ``python -m bench.open_streams``.

What each reader was told by ``text`` events, what its ``done`` event says, and what the table holds must be one text.
The model writes slowly, so that all streams are open together; memory and files of the service are read at that moment.
"""

import argparse
import asyncio
import json
import shutil
import tempfile
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import asyncpg
import uvloop

from adapters.neon.engine import read_url
from bench.outside import AT_ONCE, Parts, outside, requests
from bench.service_process import tree_of

STREAMS: Final = 1_000
A_SECOND: Final = 40
"""Streams begun."""


class _Reader(asyncio.Protocol):
    def __init__(self, request: bytes, ended: asyncio.Future[None]) -> None:
        self._request, self._ended = request, ended
        self.told = bytearray()

    def connection_made(self, transport: Any) -> None:
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self.told += data

    def connection_lost(self, error: Exception | None) -> None:
        self._ended.set_result(None)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--streams", type=int, default=STREAMS)
    arguments.add_argument("--workers", type=int, default=2)
    chosen = arguments.parse_args()
    # As long as it takes to begin all, and ten seconds.
    chosen.pause_ms, chosen.tokens = 500, int((chosen.streams / A_SECOND + 10) * 2)
    folder = Path(tempfile.mkdtemp(prefix="ibid-bench-"))
    folder.chmod(0o711)  # PostgreSQL runs as another user when the bench runs as root, and must pass through
    try:
        with outside(folder / "streams", AT_ONCE, chosen) as parts:
            print(uvloop.run(_streams(parts, chosen.streams)))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _streams(parts: Parts, count: int) -> str:
    request = requests(parts.service, "/v1/ask", "question", Accept="text/event-stream")
    before = _held(parts)
    began = time.monotonic()
    readers, ends = await _begun(parts, request, count)
    await asyncio.sleep(2)
    open_at_once = sum(not end.done() for end in ends)
    held = _held(parts)
    await asyncio.wait_for(asyncio.gather(*ends), 300)
    took_s = time.monotonic() - began
    await asyncio.sleep(2)
    stored = await _stored(parts.database_url)
    answered = [bytes(reader.told) for reader in readers if reader.told.startswith(b"HTTP/1.1 200")]
    equal = sum(_is_one_text(told, stored) for told in answered)
    return (
        f"{open_at_once} streams open at once, {count} in all in {took_s:.0f} s, {count - len(answered)} refused; "
        f"{equal} whose text by events, at the end and in the table is the same; the service with none open {before}, "
        f"with {open_at_once} {held}, after {_held(parts)}"
    )


async def _begun(
    parts: Parts, request: Callable[[], bytes], count: int
) -> tuple[list[_Reader], list[asyncio.Future[None]]]:
    loop, address = asyncio.get_running_loop(), urlsplit(parts.service.url)
    readers, ends = [], []
    for _ in range(count):
        ends.append(loop.create_future())
        reader = _Reader(request(), ends[-1])
        readers.append(reader)
        await loop.create_connection(lambda reader=reader: reader, address.hostname, address.port)  # type: ignore[misc]  # bound per turn
        await asyncio.sleep(1 / A_SECOND)
    return readers, ends


def _held(parts: Parts) -> str:
    """Of each process that serves: resident memory and open files."""
    told = []
    for pid in tree_of(parts.service.pid):
        status = Path(f"/proc/{pid}/status").read_text()
        command = Path(f"/proc/{pid}/cmdline").read_text()
        if "spawn_main" in command or pid == parts.service.pid:
            rss_mb = int(status.split("VmRSS:")[1].split()[0]) // 1_024
            told.append(f"{rss_mb} MB and {len(list(Path(f'/proc/{pid}/fd').iterdir()))} files")
    return " / ".join(told)


async def _stored(url: str) -> dict[str, str]:
    """The hash of each answer in the table."""
    target, _ = read_url(url)
    connection = await asyncpg.connect(user=target.username, host=target.query["host"], database=target.database)
    try:
        rows = await connection.fetch("SELECT id::text, body::jsonb->>'answer' AS answer FROM turns")
    finally:
        await connection.close()
    return {row["id"]: _hash(row["answer"]) for row in rows}


def _is_one_text(told: bytes, stored: dict[str, str]) -> bool:
    body = told.partition(b"\r\n\r\n")[2]
    events = _unchunked(body).decode().split("\n\n")
    text, done = "", None
    for event in events:
        name, data = (event.partition(f"{field}: ")[2].partition("\n")[0] for field in ("event", "data"))
        if name == "text":
            text += json.loads(data)["delta"]
        elif name == "reset":
            text = ""
        elif name == "done":
            done = json.loads(data)
    return done is not None and _hash(text) == _hash(done["answer"]) == stored.get(done["turn_id"])


def _unchunked(body: bytes) -> bytes:
    parts = []
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size, 16)
        parts.append(body[:length])
        body = body[length + 2 :]
    return b"".join(parts)


def _hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()


if __name__ == "__main__":
    main()
