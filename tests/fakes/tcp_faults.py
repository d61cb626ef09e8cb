"""A TCP proxy on loopback that plays the network's faults in front of any server: an HTTP one or PostgreSQL."""

import asyncio
import random
import re
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Final, Self

_CONTENT_TYPE: Final = re.compile(rb"(?im)^content-type:[^\r\n]*")
_LENGTH: Final = re.compile(rb"(?im)^content-length: *(\d+)")
_CHUNKED: Final = re.compile(rb"(?im)^transfer-encoding: *chunked")
NOWHERE: Final = "nowhere.invalid"
"""A host that never resolves (RFC 6761)."""


class Fault(StrEnum):
    """The twelve; two of them are addresses rather than behaviours, see ``FaultyProxy.url``."""

    REFUSED = "refused"
    DNS = "dns"
    TLS = "tls"
    LATENCY = "latency"
    NO_BYTES = "no bytes"
    RESET_AFTER_HEADERS = "reset after headers"
    RESET_MID_BODY = "reset mid-body"
    SLICER = "slicer"
    BANDWIDTH = "bandwidth"
    TRUNCATED = "truncated"
    MALFORMED_JSON = "malformed json"
    WRONG_TYPE = "wrong content type"


HTTP_ONLY: Final = frozenset({Fault.MALFORMED_JSON, Fault.WRONG_TYPE})
"""Faults that mean nothing to a protocol that is not HTTP."""


class FaultyProxy:
    """
    ``async with FaultyProxy(target) as proxy``: a server on ``proxy.port`` that hands bytes on to ``target``, a port
    of this machine or a Unix socket.

    ``play(fault)`` begins a fault, for connections that are open as well, and ``play(None)`` ends it. ``seconds`` is
    the middle of the latency, which varies by half of it; ``bytes_per_s`` is the bandwidth.
    """

    def __init__(self, target: int | Path, *, seconds: float = 2.0, bytes_per_s: int = 1_000) -> None:
        self._target = target
        self._seconds = seconds
        self._bytes_per_s = bytes_per_s
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._over = asyncio.Event()
        self.fault: Fault | None = None
        self.port = 0
        self.accepted = 0

    @property
    def open_connections(self) -> int:
        """Connections that a client holds open now."""
        return len(self._tasks)

    def url(self, fault: Fault | None = None, path: str = "") -> str:
        """The address to give to an HTTP client: an unknown host for DNS, an encrypted scheme for TLS."""
        host = NOWHERE if fault is Fault.DNS else "127.0.0.1"
        return f"{'https' if fault is Fault.TLS else 'http'}://{host}:{self.port}{path}"

    async def play(self, fault: Fault | None) -> None:
        self.fault = fault
        self._over.set()
        self._over = asyncio.Event()
        if fault is Fault.REFUSED:
            await self._stop_listening()
            self._cut()
        elif self._server is None:
            await self._listen()

    async def idle(self) -> None:
        """Wait until no client holds a connection open."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def __aenter__(self) -> Self:
        await self._listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stop_listening()
        self._cut()
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _stop_listening(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.close()

    def _cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.accepted += 1
        self._tasks.add(task)
        self._writers.add(writer)
        upstream: asyncio.StreamWriter | None = None
        try:
            answers, upstream = await self._connected()
            self._writers.add(upstream)
            asking = asyncio.create_task(self._hand_on(reader, upstream))
            try:
                await _Answers(self, answers, writer).hand_on()
            finally:
                asking.cancel()
                with suppress(asyncio.CancelledError):
                    await asking
        except (OSError, asyncio.CancelledError):
            pass  # a proxy that is stopped: asyncio's streams of Python 3.11 log a handler that ends as cancelled
        finally:
            for one in (writer, upstream):
                if one is not None:
                    self._writers.discard(one)
                    one.close()
            self._tasks.discard(task)

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self._target, int):
            return await asyncio.open_connection("127.0.0.1", self._target)
        return await asyncio.open_unix_connection(self._target)

    async def _hand_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while part := await reader.read(65_536):
                writer.write(part)
                await writer.drain()
            writer.close()

    async def pause(self) -> None:
        """The latency, or what the fault leaves of it."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._over.wait(), self._seconds * random.uniform(0.5, 1.5))  # noqa: S311  no secret

    @property
    def piece(self) -> int:
        """Bytes in a twentieth of a second."""
        return max(1, self._bytes_per_s // 20)


class _Answers:
    """The server's bytes on their way to one client, with the fault of the moment played on them."""

    def __init__(self, proxy: FaultyProxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._proxy = proxy
        self._reader = reader
        self._writer = writer

    async def hand_on(self) -> None:
        while part := await self._reader.read(65_536):
            if not await self._send(part):
                return

    async def _send(self, part: bytes) -> bool:
        """False: the connection is to end now."""
        writer = self._writer
        match self._proxy.fault:
            case Fault.NO_BYTES:
                return True
            case Fault.LATENCY:
                await self._proxy.pause()
            case Fault.RESET_AFTER_HEADERS | Fault.RESET_MID_BODY | Fault.TRUNCATED as fault:
                writer.write(_shortened(part, fault))
                await writer.drain()
                if fault is not Fault.TRUNCATED:
                    await asyncio.sleep(0.01)  # the bytes leave before the reset
                    _reset(writer)
                return False
            case Fault.SLICER:
                return await self._in_pieces(part, 1, pause_s=0)
            case Fault.BANDWIDTH:
                return await self._in_pieces(part, self._proxy.piece, pause_s=0.05)
            case Fault.MALFORMED_JSON:
                part = await self._rewritten(part, lambda body: b'{"' + b"[" * max(0, len(body) - 2))
            case Fault.WRONG_TYPE:
                part = _CONTENT_TYPE.sub(b"content-type: text/html", part)
                part = await self._rewritten(part, lambda body: b"<html>" + b" " * max(0, len(body) - 6))
            case Fault.TLS | Fault.DNS | Fault.REFUSED | None:
                pass
        writer.write(part)
        await writer.drain()
        return True

    async def _in_pieces(self, part: bytes, size: int, *, pause_s: float) -> bool:
        fault = self._proxy.fault
        for start in range(0, len(part), size):
            if self._proxy.fault is not fault:
                size = len(part)  # the fault is over: the rest at once
            self._writer.write(part[start : start + size])
            await self._writer.drain()
            await asyncio.sleep(pause_s)
            if size == len(part):
                break
        return True

    async def _rewritten(self, part: bytes, rewrite: Callable[[bytes], bytes]) -> bytes:
        """An HTTP answer with another body of the same length; read whole first, chunks taken for a body as well."""
        head, separator, body = part.partition(b"\r\n\r\n")
        if not separator or not head.startswith(b"HTTP/"):
            return part
        length = _LENGTH.search(head)
        if length is not None:
            while len(body) < int(length[1]):
                body += await self._reader.read(65_536)
            return head + separator + rewrite(body)[: len(body)].ljust(len(body))
        if _CHUNKED.search(head):
            fresh = rewrite(b" " * 64)
            return head + separator + b"%x\r\n%s\r\n0\r\n\r\n" % (len(fresh), fresh)
        return part


def _reset(writer: asyncio.StreamWriter) -> None:
    """An end by RST, which discards what is under way; closing alone sends a polite FIN."""
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()


def _shortened(part: bytes, fault: Fault) -> bytes:
    head, separator, body = part.partition(b"\r\n\r\n")
    if not part.startswith(b"HTTP/"):
        return part[: len(part) // 2]
    if fault is Fault.RESET_AFTER_HEADERS:
        return head + separator
    return head + separator + body[: max(1, len(body) // 2)]
