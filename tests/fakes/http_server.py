"""A small HTTP/1.1 server on loopback for scripted fakes: cheap enough not to be what a bench measures."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, Self, cast
from urllib.parse import parse_qsl, urlsplit

import httptools
import msgspec

JSON: Final = "application/json"


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes

    def json(self) -> Any:
        return msgspec.json.decode(self.body)


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered; ``cut`` closes the connection after the body, ``hang`` answers nothing at all."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=lambda: {"content-type": JSON})
    cut: bool = False
    hang: bool = False

    @classmethod
    def of(cls, value: Any, status: int = 200, **headers: str) -> Self:
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        return cls(status, msgspec.json.encode(value), {"content-type": JSON} | named)


Handler = Callable[[Request], Awaitable[Reply]]


class HttpServer:
    """``async with HttpServer(handler) as server``: then ``server.url`` is where it listens, on a port of its own."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._server: asyncio.Server | None = None
        self._open: set[_Connection] = set()

    @property
    def port(self) -> int:
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def open_connections(self) -> int:
        return len(self._open)

    async def start(self, port: int = 0) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self._handler, self._open), "127.0.0.1", port)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            for connection in list(self._open):
                await connection.drop()
            self._server = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()


class _Connection(asyncio.Protocol):
    """One connection: requests are answered in their order, one at a time."""

    def __init__(self, handler: Handler, registry: "set[_Connection]") -> None:
        self._handler = handler
        self._registry = registry
        self._waiting: asyncio.Queue[Request] = asyncio.Queue()
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance
        self._registry.add(self)
        self._task = asyncio.create_task(self._answer())

    def connection_lost(self, error: Exception | None) -> None:
        self._registry.discard(self)
        self._task.cancel()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.close()

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, part: bytes) -> None:
        self._body.append(part)

    def on_message_complete(self) -> None:
        address = urlsplit(self._url.decode("latin-1"))
        method = self._parser.get_method().decode()
        query = dict(parse_qsl(address.query, keep_blank_values=True))
        request = Request(method, address.path, query, self._headers, b"".join(self._body))
        self._url, self._headers, self._body = b"", {}, []
        self._waiting.put_nowait(request)

    async def drop(self) -> None:
        self._transport.abort()
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def _answer(self) -> None:
        while True:
            request = await self._waiting.get()
            reply = await self._handler(request)
            if reply.hang:
                continue
            lines = [f"HTTP/1.1 {reply.status} X", *(f"{name}: {value}" for name, value in reply.headers.items())]
            if not reply.cut:
                lines.append(f"content-length: {len(reply.body)}")
            self._transport.write("\r\n".join([*lines, "\r\n"]).encode("latin-1") + reply.body)
            if reply.cut:
                self._transport.close()
                return
