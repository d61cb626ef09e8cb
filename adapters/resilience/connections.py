"""
POSTs over HTTP/1.1 connections that are kept: what `JsonPosts` needs of a client and no more.

aiohttp's client looks at each chunk of a model's stream seven times and makes some thirty objects a request; a question
makes four requests and reads a hundred chunks, which was a seventh of what it cost (docs/adr/0009). The parsing is
llhttp's, by httptools.
"""

import asyncio
import base64
import ssl
import zlib
from collections.abc import Mapping
from typing import Any, Final, cast
from urllib.parse import quote, unquote, urlsplit
from weakref import WeakSet

import httptools

CONNECT_TIMEOUT_S: Final = 5.0
KEEP_ALIVE_S: Final = 30.0
MAX_HEADER_BYTES: Final = 64 * 1024
MAX_UNREAD_BYTES: Final = 256 * 1024
"""Of a reply that is read, not as a whole, but more slowly than it comes; the system keeps the rest."""

_INFLATED: Final = frozenset({"gzip", "x-gzip", "deflate"})
_EITHER: Final = 32 + zlib.MAX_WBITS
"""zlib finds out by itself which of both it is."""


class Unreachable(OSError):
    """No connection came about: nothing was sent."""


class Lost(OSError):
    """The connection was closed before the reply began."""


class BrokenOff(OSError):
    """The reply ended before its end, or is not HTTP."""


class Connections:
    """Those to one service. ``headers`` go with every request."""

    def __init__(self, base_url: str, headers: Mapping[str, str], tls: ssl.SSLContext | None) -> None:
        address = urlsplit(base_url)
        host = address.hostname or ""
        self._host = host if host.isascii() else host.encode("idna").decode()
        self._port = address.port or (443 if tls is not None else 80)
        self._tls = tls
        self._path = quote(address.path.rstrip("/"), safe="/%:@!$&'()*+,;=~")
        named = f"[{self._host}]" if ":" in self._host else self._host
        sent = {"host": named if address.port is None else f"{named}:{address.port}", "accept-encoding": "identity"}
        if address.username is not None:
            login = f"{unquote(address.username)}:{unquote(address.password or '')}"
            sent["authorization"] = f"Basic {base64.b64encode(login.encode()).decode()}"
        sent |= headers
        self._head = "".join(f"{name}: {_one_line(value)}\r\n" for name, value in sent.items()).encode()
        self._idle: list[Connection] = []
        self._all = WeakSet[Connection]()
        self._closed = False
        self._sweeping: asyncio.TimerHandle | None = None

    async def post(self, path: str, body: bytes, *, whole: bool = False) -> "Connection":
        """
        A connection on which the reply has begun, or is there as a ``whole``, to be given back by ``done``.

        Raises Unreachable, Lost, BrokenOff, or TimeoutError when no connection came about in time.
        """
        target = (self._path + path).encode()
        request = b"POST %b HTTP/1.1\r\n%bcontent-length: %d\r\n\r\n%b" % (target, self._head, len(body), body)
        connection = self._taken() or await self._connected()
        try:
            await connection.ask(request, whole=whole)
        except BaseException:
            connection.close()
            raise
        return connection

    def done(self, connection: "Connection") -> None:
        """Keep it for the next request, if its reply was read to the end and the service keeps it too."""
        if self._closed or not connection.reusable:
            connection.close()
            return
        connection.idle_since = asyncio.get_running_loop().time()
        self._idle.append(connection)
        if self._sweeping is None:
            self._sweeping = asyncio.get_running_loop().call_later(KEEP_ALIVE_S, self._sweep)

    def close(self) -> None:
        """For good; whoever still waits for a reply is told that it is Lost or BrokenOff."""
        self._closed = True
        if self._sweeping is not None:
            self._sweeping.cancel()
        for connection in list(self._all):
            connection.close()

    def _taken(self) -> "Connection | None":
        """The one that was used last, and has not been closed since."""
        while self._idle:
            connection = self._idle.pop()
            if connection.reusable and asyncio.get_running_loop().time() - connection.idle_since < KEEP_ALIVE_S:
                return connection
            connection.close()
        return None

    async def _connected(self) -> "Connection":
        if self._closed:
            raise Lost
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                _, connection = await loop.create_connection(Connection, self._host, self._port, ssl=self._tls)
        except OSError as error:
            if isinstance(error, TimeoutError) and error.errno is None:
                raise  # it is ours
            raise Unreachable from error
        self._all.add(connection)
        return connection

    def _sweep(self) -> None:
        self._sweeping = None
        before = asyncio.get_running_loop().time() - KEEP_ALIVE_S
        kept = [one for one in self._idle if one.reusable and one.idle_since > before]
        for connection in self._idle:
            if connection not in kept:
                connection.close()
        self._idle = kept
        if kept:
            self._sweeping = asyncio.get_running_loop().call_later(KEEP_ALIVE_S, self._sweep)


class Connection(asyncio.Protocol):
    """
    One exchange at a time: ``ask``, then ``part`` until it is empty.

    ``status``, ``reason`` and ``headers``, whose names are in lower case, are those of the reply that has begun.
    """

    status: int
    reason: str
    headers: dict[str, str]
    _unread: int
    _inflating: Any

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._waiter: asyncio.Future[None] | None = None
        self._closed = True
        self.idle_since = 0.0
        self._begin()
        self._ended = True

    @property
    def transport(self) -> asyncio.Transport | None:
        """None: all of the reply has come, or the connection is closed."""
        return None if self._ended or self._closed else self._transport

    @property
    def reusable(self) -> bool:
        return self._ended and self._keeps and not (self._closed or self._parts or self._error)

    async def ask(self, request: bytes, *, whole: bool = False) -> None:
        """Send it and wait until the reply has begun, or is there as a ``whole``."""
        self._begin()
        self._whole = whole
        if self._transport is None or self._closed:
            raise Lost
        self._transport.write(request)
        while not (self._ended if whole else self._begun):
            if self._error is not None:
                raise self._error
            await self._wait()

    async def part(self) -> bytes:
        """What has come since the last; empty at the end. Raises BrokenOff."""
        while not self._parts:
            if self._ended:
                return b""
            if self._error is not None:
                raise self._error
            await self._wait()
        parts = self._parts
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        parts.clear()
        if self._unread > MAX_UNREAD_BYTES and self._transport is not None and not self._closed:
            self._transport.resume_reading()
        self._unread = 0
        return body

    def close(self) -> None:
        self._closed = True
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance
        self._closed = False

    def data_received(self, data: bytes) -> None:
        if self._ended or self._error is not None:
            self.close()  # nobody has asked for this
            return
        try:
            self._parser.feed_data(data)
        except Exception as error:  # whatever the parser, or what it calls, makes of a server's bytes
            self._fail(BrokenOff(), error)
        self._wake()

    def eof_received(self) -> None:
        """The transport then closes itself."""

    def connection_lost(self, error: Exception | None) -> None:
        self._closed = True
        if self._ended or self._error is not None:
            return
        if not self._begun:
            self._fail(Lost(), error)
        elif self._to_the_close and error is None:
            self._ended = True
        else:
            self._fail(BrokenOff(), error)
        self._wake()

    # What the parser calls.

    def on_message_begin(self) -> None:
        if self._ended:
            raise ValueError("one reply more than was asked for")

    def on_status(self, status: bytes) -> None:
        self._reason += status

    def on_header(self, name: bytes, value: bytes) -> None:
        self._header_bytes += len(name) + len(value)
        if self._header_bytes > MAX_HEADER_BYTES:
            raise ValueError("headers without an end")
        self.headers[name.decode("latin-1").lower()] = value.decode("utf-8", "replace")

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()
        if self.status < 200:
            return  # the reply itself follows
        self.reason = self._reason.decode("latin-1")
        self._to_the_close = "content-length" not in self.headers and "transfer-encoding" not in self.headers
        coding = self.headers.get("content-encoding", "identity").lower()
        if coding in _INFLATED:
            self._inflating = zlib.decompressobj(_EITHER)
        elif coding not in ("identity", ""):
            raise ValueError("a coding that was not asked for")
        self._begun = True

    def on_body(self, body: bytes) -> None:
        if self._inflating is not None:
            body = self._inflating.decompress(body)
        if body:
            self._parts.append(body)
            self._unread += len(body)
            if self._unread > MAX_UNREAD_BYTES and not self._whole and self._transport is not None:
                self._transport.pause_reading()

    def on_message_complete(self) -> None:
        if self.status < 200:
            self._reason, self.headers = b"", {}
            return
        self._ended = True
        self._keeps = self._parser.should_keep_alive()

    def _begin(self) -> None:
        self.status = 0
        self.reason = ""
        self.headers = {}
        self._reason = b""
        self._header_bytes = 0
        self._parts: list[bytes] = []
        self._unread = 0
        self._begun = self._ended = self._keeps = self._to_the_close = self._whole = False
        self._error: Exception | None = None
        self._inflating = None

    def _fail(self, error: Exception, cause: Exception | None) -> None:
        error.__cause__ = cause
        self._error = error
        self.close()

    async def _wait(self) -> None:
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is None or self._waiter.done():
            return
        if (self._ended if self._whole else self._begun) or self._error is not None:
            self._waiter.set_result(None)


def _one_line(value: str) -> str:
    if "\r" in value or "\n" in value:
        raise ValueError("a header of more than one line")
    return value
