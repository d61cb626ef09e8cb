"""Requests at a set rate, whether or not the answers keep up: what a crowd does, and a loop of one client does not."""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Asked:
    """
    One request as it went: its method and path, when it was due (seconds of a clock that only goes forward), its end.
    """

    what: str
    due_at: float
    took_ms: float
    status: int
    retry_after: bool


@dataclass(slots=True)
class Crowd:
    """Sends what ``next_request`` gives over connections that are kept alive; 0 as a status is a broken connection."""

    url: str
    key: str
    next_request: Callable[[], bytes]
    asked: list[Asked] = field(default_factory=list)
    _idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = field(default_factory=list)

    async def ask_for(self, seconds: float, *, per_second: float) -> list[Asked]:
        """The outcomes of this stretch, when all of it has been answered."""
        before = len(self.asked)
        began = time.perf_counter()
        waiting = set()
        for number in range(int(seconds * per_second)):
            due = began + number / per_second
            if (ahead := due - time.perf_counter()) > 0:
                await asyncio.sleep(ahead)
            task = asyncio.create_task(self._ask(due))
            waiting.add(task)
            task.add_done_callback(waiting.discard)
        await asyncio.gather(*waiting)
        return self.asked[before:]

    async def close(self) -> None:
        for _, writer in self._idle:
            writer.close()

    async def _ask(self, due: float) -> None:
        status, retry_after, request = 0, False, self.next_request()
        try:
            async with asyncio.timeout(60):
                status, retry_after = await self._exchange(request)
        except (OSError, EOFError, TimeoutError):
            pass
        what = request.partition(b" HTTP/")[0].decode()
        self.asked.append(Asked(what, due, (time.perf_counter() - due) * 1_000, status, retry_after))

    async def _exchange(self, request: bytes) -> tuple[int, bool]:
        address = urlsplit(self.url)
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof() and not writer.is_closing():
                break
        else:
            reader, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.decode("latin-1").lower().split("\r\n")
        length = next(int(line[16:]) for line in lines if line.startswith("content-length: "))
        await reader.readexactly(length)
        self._idle.append((reader, writer))
        return int(lines[0].split()[1]), any(line.startswith("retry-after: ") for line in lines)


def as_bytes(url: str, key: str, method: str, path: str, body: Mapping[str, Any] | None = None) -> bytes:
    """A whole HTTP/1.1 request."""
    raw = b"" if body is None else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", f"Host: {urlsplit(url).netloc}", f"Authorization: Bearer {key}"]
    if raw:
        lines += ["Content-Type: application/json", f"Content-Length: {len(raw)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + raw


def percentile(asked: list[Asked], share: float) -> float:
    """Milliseconds within which this share of the requests were answered; 0 of none."""
    waits = sorted(one.took_ms for one in asked)
    return waits[min(len(waits) - 1, int(len(waits) * share))] if waits else 0.0
