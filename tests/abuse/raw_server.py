"""The real HTTP server over memory adapters, and bytes sent to it as they are."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

import uvicorn

from entrypoints.bounded_connection import BoundedConnection
from entrypoints.server import server_config
from tests.entrypoints.http_service import HttpService


@dataclass(frozen=True, slots=True)
class RawServer:
    port: int
    service: HttpService
    server: uvicorn.Server

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def exchange(self, *pieces: bytes, timeout_s: float = 20.0) -> bytes:
        """Send the pieces one after the other; what came back until the server closed the connection."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            async with asyncio.timeout(timeout_s):
                return await reader.read()
        except ConnectionError:
            return b""
        finally:
            writer.close()


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready: threading.Event) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready.set()


@contextmanager
def served(service: HttpService, connection: type[BoundedConnection] = BoundedConnection) -> Iterator[RawServer]:
    """The service behind the server as ``ibid serve`` sets it up, in a thread, on a free port."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(512)
        ready = threading.Event()
        config = server_config(service.app)
        config.http = connection
        server = _Server(config, ready)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        assert ready.wait(20)
        try:
            yield RawServer(listener.getsockname()[1], service, server)
        finally:
            server.should_exit = True
            thread.join(30)


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes


def replies(raw: bytes) -> list[Reply]:
    """The responses in what came back, one after the other."""
    found = []
    while raw.startswith(b"HTTP/1.1 "):
        head, _, rest = raw.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
        length = int(headers.get("content-length", len(rest)))
        found.append(Reply(int(lines[0].split()[1]), headers, rest[:length]))
        raw = rest[length:]
    assert not raw, raw
    return found


def request(
    target: str = "/v1/documents",
    *headers: str,
    method: str = "GET",
    body: bytes = b"",
    host: Sequence[str] = ("ibid.test",),
    key: str | None = None,
    version: str = "1.1",
) -> bytes:
    lines = [f"{method} {target} HTTP/{version}", *(f"Host: {one}" for one in host)]
    if key:
        lines.append(f"Authorization: Bearer {key}")
    lines += ["Connection: close", *headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


@asynccontextmanager
async def connected(server: RawServer) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        yield reader, writer
    finally:
        writer.close()
