"""
The HTTP/1.1 connection of Uvicorn, with bounds: how long a client may take, how much it may send before it is known.

Uvicorn itself waits for ever for a header or a body, keeps a header of any size, and answers what it cannot parse as
plain text.
"""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Any, Final
from uuid import uuid4
from weakref import ref

from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from entrypoints.http.chunks import CHUNKS, WritesChunk
from entrypoints.http.envelope import SECURITY_HEADERS
from entrypoints.http.errors import refused_unread

MAX_HEADER_BYTES: Final = 32 * 1024
"""Request line and headers together; Nginx takes 32 kB by default too, and the longest filter of ours needs 12."""

HEADERS_WITHIN_S: Final = 10.0
BODY_WITHIN_S: Final = 30.0
BODY_BYTES_PER_S: Final = 16 * 1024
"""Each so many bytes of a body give it a second more, so that a large one may come by a slow line."""

READS_WITHIN_S: Final = 60.0
"""How long a client may leave an answer unread once nothing more fits between it and us."""

LINGER_S: Final = 5.0
"""How long a body may go on coming after its answer; cut at once, its sender would not see the answer."""

REFUSAL_READ_WITHIN_S: Final = 1.0
"""How long what a refused client goes on sending is read and dropped."""

_log = logging.getLogger("ibid.connection")


class BoundedConnection(HttpToolsProtocol):
    """Answers 408 or 431 and closes; a client that has had an answer already is cut without another."""

    headers_within_s = HEADERS_WITHIN_S
    body_within_s = BODY_WITHIN_S
    reads_within_s = READS_WITHIN_S
    linger_s = LINGER_S
    refusal_read_within_s = REFUSAL_READ_WITHIN_S

    # One deadline at a time: for headers, for a body, or none while the service is at work.
    _deadline: asyncio.TimerHandle | None = None
    _began = 0.0
    _allowed_s = HEADERS_WITHIN_S
    _header_bytes = 0
    _body_bytes = 0
    _reading_headers = False
    _reading_body = False
    _refused = False
    _unread: asyncio.TimerHandle | None = None
    _when_gone: Callable[[], None] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect(self.headers_within_s)

    def connection_lost(self, exc: Exception | None) -> None:
        self._expect_nothing()
        self.resume_writing()
        super().connection_lost(exc)
        self._tell_gone()

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        if self._deadline is None and not self._reading_body and self._is_idle():
            self._expect(self.headers_within_s)
        super().data_received(data)
        if self._reading_headers and not self._refused:
            self._count_header(len(data))

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._reading_headers, self._header_bytes = True, 0

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._header_bytes += len(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._header_bytes += len(name) + len(value)

    def on_headers_complete(self) -> None:
        self._reading_headers = False
        self._count_header(0)
        if self._refused:
            return
        super().on_headers_complete()
        self.cycle.transport = _WholeAnswers(self.cycle, self.loop)  # type: ignore[assignment]  # all that it asks of one
        # Not the exchange itself, which holds the scope: neither would go before the garbage collector came by.
        self.scope["extensions"] = {CHUNKS: partial(_chunks, ref(self.cycle), ref(self))}  # type: ignore[dict-item]  # it may be anything
        if not self.pipeline:
            self._expect(self.body_within_s)
        self._reading_body, self._body_bytes = True, 0

    def on_body(self, body: bytes) -> None:
        if self._refused:
            return
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self._refused:
            return
        self._reading_body = False
        self._expect_nothing()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        self._when_gone = None
        super().on_response_complete()
        if self._reading_body:
            self._expect(self.linger_s)

    def send_400_response(self, msg: str) -> None:
        self._refuse(400)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread = self._unread or self.loop.call_later(self.reads_within_s, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def when_gone(self, call: Callable[[], None]) -> None:
        """For the response under way."""
        self._when_gone = call

    def _tell_gone(self) -> None:
        call, self._when_gone = self._when_gone, None
        if call is not None:
            call()

    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _expect(self, within_s: float) -> None:
        self._expect_nothing()
        self._began, self._allowed_s = self.loop.time(), within_s
        self._deadline = self.loop.call_later(within_s, self._late)

    def _expect_nothing(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _late(self) -> None:
        """The client is late, unless what came of a body meanwhile has earned it more time."""
        if self._reading_body and not self._is_idle():
            more_s = self._began + self._allowed_s + self._body_bytes / BODY_BYTES_PER_S - self.loop.time()
            if more_s <= 0 and len(self.cycle.body) > HIGH_WATER_LIMIT:
                more_s = 1.0  # it is the service that does not keep up
            if more_s > 0:
                self._deadline = self.loop.call_later(more_s, self._late)
                return
        self._deadline = None
        self._refuse(408)

    def _count_header(self, more: int) -> None:
        self._header_bytes += more
        if self._header_bytes > MAX_HEADER_BYTES:
            self._refuse(431)

    def _refuse(self, status: int) -> None:
        """Answer, if nothing has been answered yet, and close: at once, or when the client has had time to read it."""
        if self._refused or self.transport.is_closing():
            return
        self._refused = True
        # A connection on which nothing was asked is closed without a word, as one that was kept alive is.
        asked = self._reading_headers or self._reading_body or status != 408
        begun = self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete
        waiting = self._reading_body and self._is_idle()
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            self._tell_gone()
        if asked and not begun and not waiting:
            # Closed with bytes of its request unread, the connection would be reset and the answer lost with it.
            self.transport.write(_refusal(status))
            self.transport.write_eof()
            self.loop.call_later(self.refusal_read_within_s, self.transport.close)
        else:
            self.transport.close()


class _WholeAnswers:
    """
    The transport of an exchange until the head of its answer is written, which is kept back for the body: as a rule
    that follows at once, and both go to the client together. One that comes later holds the head up for no longer than
    this turn of the loop.
    """

    __slots__ = ("_exchange", "_head", "_loop", "_transport", "is_closing")

    def __init__(self, exchange: RequestResponseCycle, loop: asyncio.AbstractEventLoop) -> None:
        self._exchange = ref(exchange)
        self._transport = exchange.transport
        self._loop = loop
        self._head: bytes | None = None
        self.is_closing = exchange.transport.is_closing

    def write(self, part: bytes) -> None:
        exchange = self._exchange()
        if exchange is None or not exchange.response_started:
            self._transport.write(part)  # it says that the body may come
        elif self._head is None:
            self._head = part
            self._loop.call_soon(self._write_head)
        else:
            self._write_head(part)

    def close(self) -> None:
        self._write_head()
        self._transport.close()

    def _write_head(self, *followed_by: bytes) -> None:
        if self._head is None:
            return
        if not self._transport.is_closing():
            self._transport.writelines((self._head, *followed_by))
        self._head = None
        if (exchange := self._exchange()) is not None:
            exchange.transport = self._transport


class _Chunks(WritesChunk):
    """Does what the exchange's ``send`` does with a part of a body in chunks, once the response has begun."""

    __slots__ = ("_connection", "_exchange", "_flow")

    def __init__(self, exchange: RequestResponseCycle, connection: "ref[BoundedConnection]") -> None:
        self._connection = connection
        self._exchange = exchange
        self._flow = exchange.flow

    def __call__(self, part: bytes) -> bool:
        if not part:
            return True  # in chunks, an empty one would be the end
        exchange = self._exchange
        # In chunks: nothing else is set before the response has begun, and never for HEAD.
        if self._flow.write_paused or not exchange.chunked_encoding or exchange.disconnected:
            return False
        exchange.transport.write(b"%x\r\n%b\r\n" % (len(part), part))
        return True

    def when_gone(self, call: Callable[[], None]) -> None:
        connection = self._connection()
        if connection is None or self._exchange.disconnected:
            call()
        else:
            self._flow.resume_reading()  # of a large body it was paused, and a client's leaving would not be heard
            connection.when_gone(call)


def _chunks(exchange: "ref[RequestResponseCycle]", connection: "ref[BoundedConnection]") -> _Chunks | None:
    there = exchange()
    return None if there is None else _Chunks(there, connection)


def _refusal(status: int) -> bytes:
    request_id = str(uuid4())
    body = refused_unread(status)
    _log.info("refused unread", extra={"status": status, "request_id": request_id})
    headers: list[tuple[bytes, Any]] = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
        (b"x-request-id", request_id.encode()),
        *SECURITY_HEADERS,
        (b"connection", b"close"),
    ]
    return STATUS_LINE[status] + b"".join(b"%b: %b\r\n" % header for header in headers) + b"\r\n" + body
