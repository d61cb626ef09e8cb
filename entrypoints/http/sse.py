"""A turn's events as Server-Sent Events: ready bytes, events that are there together in one write."""

import asyncio
from collections.abc import Callable, Sequence
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
        written = []
        for event in events:
            if isinstance(event, TextWritten):
                # The hot path, a hundred times an answer: no object is made but the bytes.
                named = b'event: text\ndata: {"delta":%b}\n\n' % _one_line(_encode(event.delta))
            else:
                name, data = self._named(event)
                named = b"event: %b\ndata: %b\n\n" % (name, _one_line(_encode(data)))
            written.append(b"%b%d\n%b" % (self._prefix, self._next, named))
            self._next += 1
        return b"".join(written)

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
        self._wrote_at = 0.0

    async def send_body(self, send: Send, receive: Receive) -> None:
        clock = asyncio.get_running_loop().time
        self._wrote_at = clock()
        async with create_task_group() as group:
            group.start_soon(self._keep_alive, send, clock)
            group.start_soon(self._leave, receive, group.cancel_scope)
            async for events in self._stream.batches():
                await send({"type": "http.response.body", "body": self._encoder.encode(events), "more_body": True})
                self._wrote_at = clock()
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            group.cancel_scope.cancel()

    async def _keep_alive(self, send: Send, clock: Callable[[], float]) -> None:
        while True:
            await asyncio.sleep(max(self._wrote_at + self._silence_s - clock(), 0.001))
            if clock() - self._wrote_at >= self._silence_s:
                await send({"type": "http.response.body", "body": _KEEP_ALIVE, "more_body": True})
                self._wrote_at = clock()

    async def _leave(self, receive: Receive, writing: CancelScope) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        if self._cancel_when_left:
            self._stream.cancel()
        writing.cancel()
