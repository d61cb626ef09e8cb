"""A turn's events as Server-Sent Events: ready bytes, events that are there together in one write."""

import asyncio
from collections.abc import Generator, Mapping, Sequence
from types import coroutine
from typing import Any, Final
from weakref import WeakKeyDictionary

import msgspec
from litestar import Response
from litestar.types import Receive, Scope, Send

from application.events import (
    AnswerReset,
    AskEvent,
    ClaimJudged,
    EvidenceFound,
    TextWritten,
    TurnDone,
    TurnFailed,
    TurnStarted,
)
from application.turn_stream import TurnStream
from entrypoints.http.chunks import WritesChunk, chunks_of
from entrypoints.http.errors import problem_of
from entrypoints.http.turn_bodies import claim_body, evidence_body, turn_body

SILENCE_S: Final = 15.0
"""Proxies close a connection that says nothing for half a minute or more; a comment keeps it open."""

STUCK_S: Final = 60.0
"""A reader that takes nothing for so long while there is something to take has gone, whatever its connection says."""
RETRY_MS: Final = 2_000
"""How long a browser waits before it connects again."""
ASK_PATH: Final = "/v1/ask"
"""What a failed turn's problem document names: a turn's events are the same bytes on every route."""

_HEADERS: Final = ((b"cache-control", b"no-cache"), (b"x-accel-buffering", b"no"))
_EVENT_STREAM: Final = (b"content-type", b"text/event-stream; charset=utf-8")
_KEEP_ALIVE: Final = b": still here\n\n"
_TEXT: Final = b'\nevent: text\ndata: {"delta":'
_encode = msgspec.json.Encoder().encode


def encode_events(turn: bytes, events: Sequence[AskEvent], first: int) -> list[bytes]:
    """Each event as bytes, numbered from ``first``: ``id: <turn>:<n>``, its name, one line of JSON."""
    frames, number = [], first
    for event in events:
        if isinstance(event, TextWritten):
            # The hot path, a hundred times an answer: no object is made but the bytes.
            text = _encode(event.delta)
            if not text.isascii():
                text = _one_line(text)
            frames.append(b"".join((b"id: ", turn, b":%d" % number, _TEXT, text, b"}\n\n")))
        else:
            name, value = _named(event)
            frames.append(b"id: %b:%d\nevent: %b\ndata: %b\n\n" % (turn, number, name, _one_line(_encode(value))))
        number += 1
    return frames


def _named(
    event: TurnStarted | EvidenceFound | ClaimJudged | AnswerReset | TurnDone | TurnFailed,
) -> tuple[bytes, Any]:
    if isinstance(event, ClaimJudged):
        return b"claim", claim_body(event.claim)
    if isinstance(event, TurnStarted):
        return b"turn\nretry: %d" % RETRY_MS, {"turn_id": event.turn_id, "conversation_id": event.conversation_id}
    if isinstance(event, EvidenceFound):
        evidence = [evidence_body(piece) for piece in event.evidence]
        return b"evidence", {"evidence": evidence, "degraded": event.degraded}
    if isinstance(event, TurnDone):
        return b"done", turn_body(event.turn)
    if isinstance(event, TurnFailed):
        return b"error", problem_of(event.error, instance=ASK_PATH, turn_id=event.turn_id)
    return b"reset", {"reason": event.reason, "next_model": event.next_model}


def _one_line(encoded: bytes) -> bytes:
    """Escape what is no line end to SSE or JSON but is one to many a client's line reader: U+2028, U+2029, U+0085."""
    if encoded.isascii():
        return encoded
    if b"\xe2\x80" in encoded:
        encoded = encoded.replace(b"\xe2\x80\xa8", b"\\u2028").replace(b"\xe2\x80\xa9", b"\\u2029")
    return encoded.replace(b"\xc2\x85", b"\\u0085")


class EventStream(Response[None]):
    """
    The response that follows a turn, from after its first ``after`` events.

    ``cancel_when_left``: a reader that goes away takes the turn with it.
    """

    def __init__(
        self,
        stream: TurnStream,
        *,
        after: int = 0,
        cancel_when_left: bool = False,
        headers: Mapping[str, str] | None = None,
        silence_s: float = SILENCE_S,
        stuck_s: float = STUCK_S,
    ) -> None:
        super().__init__(None)
        self._answer = _ASGIEventStream(stream, after, cancel_when_left, headers or {}, silence_s, stuck_s)

    def to_asgi_response(self, *_: Any, **__: Any) -> Any:  # an ASGI application, as every response is at last
        return self._answer


class _ASGIEventStream:
    """
    Writes what there is, says something after 15 s of nothing, and stops when the reader has gone.

    A response of its own because the framework's stream takes one iterator, and waiting on an iterator with a time
    limit costs a task an event.
    """

    def __init__(
        self,
        stream: TurnStream,
        after: int,
        cancel_when_left: bool,
        headers: Mapping[str, str],
        silence_s: float,
        stuck_s: float,
    ) -> None:
        more = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        self._headers = [*_HEADERS, *more, _EVENT_STREAM]
        self._stream = stream
        self._after = after
        self._cancel_when_left = cancel_when_left
        self._silence_s = silence_s
        self._stuck_s = stuck_s
        self._write_chunk: WritesChunk | None = None
        self._left = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._write_chunk = chunks_of(scope)
        await send({"type": "http.response.start", "status": 200, "headers": self._headers})
        await self.send_body(send, receive)

    async def send_body(self, send: Send, receive: Receive) -> None:
        writer = _Writer(send, self._write_chunk)
        self._stream.follow(writer, after=self._after)
        loop = asyncio.get_running_loop()
        watching: asyncio.Task[None] | None = None
        if self._write_chunk is None:
            watching = loop.create_task(self._leave(receive, writer))
        else:
            self._write_chunk.when_gone(lambda: self._gone(writer))
        self._look_again(writer, loop)
        try:
            await writer.ended
            if not self._left and not writer.sent_last:
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            if watching is not None:
                watching.cancel()
            self._looking.cancel()
            self._stream.leave(writer)
            writer.stop()

    def _look_again(self, writer: "_Writer", loop: asyncio.AbstractEventLoop) -> None:
        pause = min(self._silence_s, self._stuck_s)
        wait_s = pause if writer.stuck else max(writer.wrote_at + pause - loop.time(), 0.001)
        self._looking = loop.call_later(wait_s, self._look, writer, loop)

    def _look(self, writer: "_Writer", loop: asyncio.AbstractEventLoop) -> None:
        """Say something to a reader who has heard nothing for long, and give up one who takes nothing."""
        silent_s = loop.time() - writer.wrote_at
        if writer.stuck and silent_s >= self._stuck_s:
            # What it has not read is a connection, a task and a buffer for as long as it likes.
            self._gone(writer)
            return
        if not writer.stuck and silent_s >= self._silence_s:
            writer.say(_KEEP_ALIVE)
        self._look_again(writer, loop)

    async def _leave(self, receive: Receive, writer: "_Writer") -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._gone(writer)

    def _gone(self, writer: "_Writer") -> None:
        self._left = True
        if self._cancel_when_left:
            self._stream.cancel()
        writer.end()


class _Outbox:
    """
    What all streams of a loop have to write, written when all that was ready in this turn of the loop has been done.

    To send is mostly to wake whoever reads, and a reader of many streams on the same machine, a proxy say, is woken
    once by a row of sends and by each of those that come one at a time: half of what an event cost.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._call_soon = loop.call_soon
        self._clock = loop.time
        self._waiting: list[_Writer] = []

    def add(self, writer: "_Writer") -> None:
        if not self._waiting:
            self._call_soon(self._flush)
        self._waiting.append(writer)

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        now = self._clock()
        for writer in waiting:
            writer.flush(now)


_outboxes: Final = WeakKeyDictionary[asyncio.AbstractEventLoop, _Outbox]()


def _outbox() -> _Outbox:
    loop = asyncio.get_running_loop()
    outbox = _outboxes.get(loop)
    if outbox is None:
        outbox = _outboxes[loop] = _Outbox(loop)
    return outbox


class _Writer:
    """
    Writes a turn's events without a task of its own, where a server takes bytes without waiting.

    A server whose client reads too slowly makes the sender wait. A turn must not wait: the rest of that send goes to a
    task of its own, and what is emitted meanwhile is kept for it. What is kept are the stream's own bytes, so that
    many slow readers of one turn cost no more than one. The last events and the end of the response leave as one.
    """

    def __init__(self, send: Send, write_chunk: WritesChunk | None = None) -> None:
        loop = asyncio.get_running_loop()
        self._send = send
        self._write_chunk = write_chunk
        self._clock = loop.time
        self._outbox = _outbox()
        self._kept: list[bytes] = []
        self._sending: asyncio.Task[None] | None = None
        self.wrote_at = loop.time()
        self.ended: asyncio.Future[None] = loop.create_future()
        self.sent_last = False
        """Whether the server was told, with what it was sent, that nothing more comes."""
        self._last = False

    @property
    def stuck(self) -> bool:
        """Whether the reader has not taken yet what was sent last."""
        return self._sending is not None

    def push(self, frames: Sequence[bytes], *, last: bool) -> None:
        self._last = last
        if not self._kept and self._sending is None:
            self._outbox.add(self)
        self._kept += frames

    def flush(self, now: float) -> None:
        """Write what is kept, unless a send is under way, which goes on with it."""
        kept = self._kept
        if not kept or self._sending is not None:
            return
        body = kept[0] if len(kept) == 1 else b"".join(kept)
        kept.clear()
        write_chunk = self._write_chunk
        try:
            if not self._last and write_chunk is not None and write_chunk(body):
                self.wrote_at = now
            else:
                self._send_off(body)
        except Exception as error:
            self.fail(error)

    def say(self, body: bytes) -> None:
        """Write this, ahead of what is kept."""
        self._kept.insert(0, body)
        self.flush(self._clock())

    def _send_off(self, body: bytes) -> None:
        coroutine = self._sent(body)
        try:
            waits_for = coroutine.send(None)  # every ASGI server's send is a coroutine
        except StopIteration:
            self.wrote_at = self._clock()
            self._end_if_last()
        else:
            self._sending = asyncio.ensure_future(self._send_rest(coroutine, waits_for))

    def _sent(self, body: bytes) -> Any:
        """What sends it; with the last of the events in it, the end of the response, too."""
        self.sent_last = self._last
        return self._send({"type": "http.response.body", "body": body, "more_body": not self._last})

    def stop(self) -> None:
        """Nothing more is to be sent, not even what is on its way."""
        self._kept.clear()
        if self._sending is not None:
            self._sending.cancel()

    async def _send_rest(self, coroutine: Any, waits_for: Any) -> None:
        try:
            await _resumed(coroutine, waits_for)
            self.wrote_at = self._clock()
            while self._kept:
                body = b"".join(self._kept)
                self._kept.clear()
                await self._sent(body)
                self.wrote_at = self._clock()
            self._sending = None
            self._end_if_last()
        except Exception as error:
            self.fail(error)

    def fail(self, error: Exception) -> None:
        self.flush(self._clock())  # what came before is still true
        if not self.ended.done():
            self.ended.set_exception(error)

    def end(self) -> None:
        """The response is over."""
        if not self.ended.done():
            self.ended.set_result(None)

    def _end_if_last(self) -> None:
        if self._last and not self._kept:
            self.end()


@coroutine
def _resumed(running: Any, waits_for: Any) -> Generator[Any, Any, None]:
    """Go on with a coroutine that was begun by hand and waits for ``waits_for``."""
    while True:
        got = yield waits_for
        try:
            waits_for = running.send(got)
        except StopIteration:
            return
