"""The cheapest client that reads event streams: bare sockets on uvloop, counting the ends of events."""

import asyncio
from dataclasses import dataclass, field
from typing import cast


@dataclass(slots=True)
class Streams:
    """How many events have arrived on how many open streams, and how many chunks brought them."""

    events: int = 0
    chunks: int = 0
    open: int = 0
    failed: list[bytes] = field(default_factory=list)


class _Reader(asyncio.Protocol):
    def __init__(self, request: bytes, streams: Streams, ended: asyncio.Future[None]) -> None:
        self._request, self._streams, self._ended = request, streams, ended
        self._first = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.WriteTransport, transport).write(self._request)
        self._streams.open += 1

    def data_received(self, data: bytes) -> None:
        if self._first:
            self._first = False
            if not data.startswith(b"HTTP/1.1 200"):
                self._streams.failed.append(data[:300])
        self._streams.events += data.count(b"\n\n")
        self._streams.chunks += 1

    def connection_lost(self, exc: Exception | None) -> None:
        self._streams.open -= 1
        if not self._ended.done():
            self._ended.set_result(None)


async def open_streams(
    host: str, port: int, request: bytes, count: int, streams: Streams
) -> list[asyncio.Future[None]]:
    """Open ``count`` connections, each sending ``request`` (with ``Connection: close``); a future each for its end."""
    loop = asyncio.get_running_loop()
    ends = []
    for _ in range(count):
        ended: asyncio.Future[None] = loop.create_future()
        await loop.create_connection(lambda ended=ended: _Reader(request, streams, ended), host, port)  # type: ignore[misc]  # bound per turn
        ends.append(ended)
        await asyncio.sleep(0.025)  # a question costs some 10 ms: all at once would measure the queue
    return ends
