"""A turn's events as Server-Sent Events: ready bytes, events that are there together in one write."""

import asyncio
from collections.abc import Generator, Sequence
from types import coroutine
from typing import Any, Final
from uuid import UUID

import msgspec
from anyio import CancelScope, create_task_group
from litestar import Response
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Send

from application.events import AskEvent, ClaimJudged, EvidenceFound, TextWritten, TurnDone, TurnFailed, TurnStarted
from application.turn_stream import TurnStream
from entrypoints.http.errors import problem_of
from entrypoints.http.turn_bodies import claim_body, evidence_body, turn_body

SILENCE_S: Final = 15.0
"""Proxies close a connection that says nothing for half a minute or more; a comment keeps it open."""

_LAST: Final = (TurnDone, TurnFailed)
_KEEP_ALIVE: Final = b": still here\n\n"
_encode = msgspec.json.Encoder().encode


class EventEncoder:
    """Turns a turn's events into bytes, numbered from 1: ``id: <turn_id>:<n>``, name, one line of JSON."""

    __slots__ = ("_instance", "_next", "_prefix", "_turn_id")

    def __init__(self, turn_id: UUID, instance: str) -> None:
        self._turn_id = turn_id
        self._instance = instance
        self._prefix = b"id: %b:" % str(turn_id).encode()
        self._next = 1

    def encode(self, events: Sequence[AskEvent]) -> bytes:
        return self._encode(events[0]) if len(events) == 1 else b"".join(map(self._encode, events))

    def _encode(self, event: AskEvent) -> bytes:
        number = self._next
        self._next = number + 1
        if isinstance(event, TextWritten):
            # The hot path, a hundred times an answer: no object is made but the bytes.
            data = _one_line(_encode(event.delta))
            return b'%b%d\nevent: text\ndata: {"delta":%b}\n\n' % (self._prefix, number, data)
        name, value = self._named(event)
        return b"%b%d\nevent: %b\ndata: %b\n\n" % (self._prefix, number, name, _one_line(_encode(value)))

    def _named(self, event: AskEvent) -> tuple[bytes, Any]:
        if isinstance(event, TurnStarted):
            return b"turn", {"turn_id": event.turn_id, "conversation_id": event.conversation_id}
        if isinstance(event, EvidenceFound):
            evidence = [evidence_body(piece) for piece in event.evidence]
            return b"evidence", {"evidence": evidence, "degraded": event.degraded}
        if isinstance(event, ClaimJudged):
            return b"claim", claim_body(event.claim)
        if isinstance(event, TurnDone):
            return b"done", turn_body(event.turn)
        if isinstance(event, TurnFailed):
            return b"error", problem_of(event.error, instance=self._instance, turn_id=self._turn_id)
        assert not isinstance(event, TextWritten)  # noqa: S101  encoded by the caller
        return b"reset", {"reason": event.reason, "next_model": event.next_model}


def _one_line(encoded: bytes) -> bytes:
    """Escape what is no line end to SSE or JSON but is one to many a client's line reader: U+2028, U+2029, U+0085."""
    if encoded.isascii():
        return encoded
    if b"\xe2\x80" in encoded:
        encoded = encoded.replace(b"\xe2\x80\xa8", b"\\u2028").replace(b"\xe2\x80\xa9", b"\\u2029")
    return encoded.replace(b"\xc2\x85", b"\\u0085")


class EventStream(Response[None]):
    """The response that follows a turn. ``cancel_when_left``: a reader that goes away takes the turn with it."""

    def __init__(
        self,
        turn_id: UUID,
        stream: TurnStream,
        *,
        instance: str,
        cancel_when_left: bool,
        silence_s: float = SILENCE_S,
    ) -> None:
        super().__init__(None)
        self._encoder = EventEncoder(turn_id, instance)
        self._stream = stream
        self._cancel_when_left = cancel_when_left
        self._silence_s = silence_s

    def to_asgi_response(self, *_: Any, **__: Any) -> ASGIResponse:
        return _ASGIEventStream(self._stream, self._encoder, self._silence_s, self._cancel_when_left)


class _ASGIEventStream(ASGIResponse):
    """
    Writes what there is, says something after 15 s of nothing, and stops when the reader has gone.

    A response of its own because the framework's stream takes one iterator, and waiting on an iterator with a time
    limit costs a task an event.
    """

    _should_set_content_length = False

    def __init__(self, stream: TurnStream, encoder: EventEncoder, silence_s: float, cancel_when_left: bool) -> None:
        headers = {"cache-control": "no-cache", "x-accel-buffering": "no"}
        super().__init__(headers=headers, media_type="text/event-stream", status_code=200)
        self._stream = stream
        self._encoder = encoder
        self._cancel_when_left = cancel_when_left
        self._silence_s = silence_s

    async def send_body(self, send: Send, receive: Receive) -> None:
        writer = _Writer(send, self._encoder)
        self._stream.follow(writer.push)
        try:
            async with create_task_group() as group:
                group.start_soon(self._keep_alive, writer)
                group.start_soon(self._leave, receive, group.cancel_scope)
                await writer.ended
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                group.cancel_scope.cancel()
        finally:
            self._stream.leave(writer.push)

    async def _keep_alive(self, writer: "_Writer") -> None:
        clock = asyncio.get_running_loop().time
        while True:
            await asyncio.sleep(max(writer.wrote_at + self._silence_s - clock(), 0.001))
            if clock() - writer.wrote_at >= self._silence_s:
                writer.write(_KEEP_ALIVE)

    async def _leave(self, receive: Receive, writing: CancelScope) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        if self._cancel_when_left:
            self._stream.cancel()
        writing.cancel()


class _Writer:
    """
    Writes a turn's events from within the turn's own task, where a server takes bytes without waiting.

    A server whose client reads too slowly makes the sender wait. A turn must not wait: the rest of that send goes to a
    task of its own, and what is emitted meanwhile is kept for it.
    """

    def __init__(self, send: Send, encoder: EventEncoder) -> None:
        loop = asyncio.get_running_loop()
        self._send = send
        self._encoder = encoder
        self._clock = loop.time
        self._kept: list[bytes] = []
        self._sending: asyncio.Task[None] | None = None
        self.wrote_at = loop.time()
        self.ended: asyncio.Future[None] = loop.create_future()
        self._last = False

    def push(self, events: Sequence[AskEvent]) -> None:
        try:
            self._last = self._last or isinstance(events[-1], _LAST)
            self.write(self._encoder.encode(events))
        except Exception as error:
            self._end(error)

    def write(self, body: bytes) -> None:
        if self._sending is not None:
            self._kept.append(body)
            return
        coroutine = self._send({"type": "http.response.body", "body": body, "more_body": True})
        try:
            waits_for = coroutine.send(None)  # type: ignore[attr-defined]  # every ASGI server's send is a coroutine
        except StopIteration:
            self.wrote_at = self._clock()
            self._end_if_last()
        else:
            self._sending = asyncio.ensure_future(self._send_rest(coroutine, waits_for))

    async def _send_rest(self, coroutine: Any, waits_for: Any) -> None:
        try:
            await _resumed(coroutine, waits_for)
            while self._kept:
                body = b"".join(self._kept)
                self._kept.clear()
                await self._send({"type": "http.response.body", "body": body, "more_body": True})
            self.wrote_at = self._clock()
            self._sending = None
            self._end_if_last()
        except Exception as error:
            self._end(error)

    def _end_if_last(self) -> None:
        if self._last and not self.ended.done():
            self.ended.set_result(None)

    def _end(self, error: Exception) -> None:
        if not self.ended.done():
            self.ended.set_exception(error)


@coroutine
def _resumed(running: Any, waits_for: Any) -> Generator[Any, Any, None]:
    """Go on with a coroutine that was begun by hand and waits for ``waits_for``."""
    while True:
        got = yield waits_for
        try:
            waits_for = running.send(got)
        except StopIteration:
            return
