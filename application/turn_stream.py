"""The events of one turn, for any number of readers, none of whom the turn waits for."""

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from typing import Final, Protocol

from application.events import AskEvent, TextWritten, TurnDone, TurnFailed
from application.outlines import Outline, outline_of
from domain.conversation.model import Turn

_written: Final = partial(tuple.__new__, TextWritten)
"""TextWritten(*fields) for half of what a named tuple's own constructor takes."""
_LAST: Final = (TurnDone, TurnFailed)


class EncodesEvents(Protocol):
    @abstractmethod
    def __call__(self, turn: bytes, events: Sequence[AskEvent], first: int) -> list[bytes]:
        """Each event as readers get it; ``turn`` is the turn's id as text, ``first`` the number of the first event."""


class Follower(Protocol):
    """Is called from the turn's own task, which it must neither hold up nor break."""

    @abstractmethod
    def push(self, frames: Sequence[bytes], *, last: bool) -> None:
        """The next events, encoded; ``last``: none follows."""

    @abstractmethod
    def fail(self, error: Exception) -> None:
        """The next events cannot be encoded."""


class TurnStream:
    """
    Keeps a turn's events in order and hands them to its readers.

    Each reader sees every event from wherever it begins, whenever it comes. An event is encoded once, when the first
    follower needs it, and its bytes are what all others get. The turn runs in a task of its own, so a reader that goes
    away leaves it running; ``cancel`` ends it.
    """

    def __init__(self, turn: Turn, encode: EncodesEvents) -> None:
        self.turn_id: Final = turn.id
        self.conversation_id: Final = turn.conversation_id
        self.owner: Final = turn.owner
        self._encode = encode
        self._id = str(turn.id).encode()
        self._events: list[AskEvent] = []
        self._encoded = 0
        self._frames: list[bytes] = []
        self._last: TurnDone | TurnFailed | None = None
        self._seen = False
        self._only_end = False
        self._relayed = False
        self._ahead: dict[Follower, int] = {}
        self._closing = False
        self._started = False
        self._waiting: list[asyncio.Future[None]] = []
        self._followers: list[Follower] = []
        self._task: asyncio.Task[None] | None = None

    @staticmethod
    def of_end(turn: Turn, end: TurnDone | TurnFailed, encode: EncodesEvents) -> "TurnStream":
        """The stream of a turn of which nothing but its end is known any more; it follows on whatever was read."""
        stream = TurnStream(turn, encode)
        stream._only_end = True
        stream.emit(end)
        return stream

    @staticmethod
    def of_relay(turn: Turn, encode: EncodesEvents) -> "TurnStream":
        """The stream of a turn that another process runs; its events come by ``relay``, its end by ``emit``."""
        stream = TurnStream(turn, encode)
        stream._relayed = True
        return stream

    @property
    def ended(self) -> bool:
        return self._last is not None

    @property
    def followed(self) -> bool:
        """Whether anybody waits for what comes next."""
        return bool(self._followers) or any(not waiting.done() for waiting in self._waiting)

    def run(self, work: Callable[["TurnStream"], Awaitable[None]]) -> asyncio.Task[None]:
        """Run the turn's work in a task; the work ends by emitting TurnDone or TurnFailed."""

        async def to_the_end() -> None:
            self._started = True
            if self._closing:
                asyncio.current_task().cancel()  # type: ignore[union-attr]  # this is the task
            await work(self)

        self._task = asyncio.create_task(to_the_end())
        return self._task

    def emit(self, *events: AskEvent) -> None:
        """Add events, in order, and hand them on together."""
        self._events += events
        last = events[-1]
        if isinstance(last, _LAST):
            self._last = last
        if self._followers:
            self._hand_on(events)
        if self._waiting:
            self._wake()

    def write(self, text: str) -> None:
        """``emit`` of a TextWritten, which comes by the hundred."""
        event = _written((text,))
        self._events.append(event)
        if self._followers:
            self._hand_on((event,))
        if self._waiting:
            self._wake()

    def relay(self, frames: Sequence[bytes]) -> None:
        """Add events that another process has encoded, and hand them on."""
        self._frames += frames
        for follower in self._followers:
            ahead = self._ahead.pop(follower, 0)
            if ahead > len(frames):
                self._ahead[follower] = ahead - len(frames)
            elif fresh := frames[ahead:]:
                follower.push(fresh, last=False)

    def follow(self, follower: Follower, *, after: int = 0) -> None:
        """
        Give ``follower`` the events after the first ``after`` now, then each batch as it is emitted, until ``leave``.

        Being called by the turn spares a reader a task switch an event, a fifth of what an event costs.
        """
        self._seen = True
        try:
            if self._only_end:
                follower.push(self._encode(self._id, self._events, after + 1), last=True)
                return
            self._catch_up()
        except Exception as error:
            follower.fail(error)
            return
        if len(self._frames) > after or self.ended:
            follower.push(self._frames[after:], last=self.ended)
        self._followers.append(follower)
        if after > len(self._frames):
            self._ahead[follower] = after - len(self._frames)

    def leave(self, follower: Follower) -> None:
        self._ahead.pop(follower, None)
        if follower in self._followers:
            self._followers.remove(follower)

    def frames(self, after: int) -> list[bytes]:
        """The events so far after the first ``after``, encoded."""
        self._seen = True
        self._catch_up()
        return self._frames[after:]

    def has(self, number: int) -> bool:
        """Whether an event of this number can have been read from this turn."""
        return self._only_end or self._relayed or number <= len(self._frames) + len(self._events) - self._encoded

    def ends_with(self, number: int) -> bool:
        """Whether nothing can follow the event of this number."""
        return self.ended and not self._only_end and number >= len(self._frames) + len(self._events) - self._encoded

    def close(self) -> None:
        """The answer is complete and about to be stored: from now on it cannot be cancelled."""
        self._closing = True

    def cancel(self) -> None:
        """End the turn early; one whose answer is complete, or that is being ended, stays as it is."""
        if self._task is None or self._closing:
            return
        self._closing = True
        # A task that is cancelled before its first step takes none, and the turn would have no end.
        if self._started:
            self._task.cancel()

    def told(self) -> list[bytes] | None:
        """
        Every event but the last as readers get it; None while the turn runs, or when it failed: only this stream knows.

        Where nobody has seen them, text that came by the word may as well have come at once.
        """
        if not isinstance(self._last, TurnDone) or self._only_end:
            return None
        if self._seen:
            self._catch_up()
            return self._frames[:-1]
        self._events = _merged(self._events)
        return self._encode(self._id, self._events[:-1], 1)

    def outline(self) -> Outline | None:
        """What is left of ``told`` to be kept where the turn that is done says the rest; None: it does not."""
        if not isinstance(self._last, TurnDone) or self._only_end or self._relayed:
            return None
        if not self._seen:
            self._events = _merged(self._events)
        return outline_of(self._events[:-1], self._last.turn)

    async def batches(self) -> AsyncIterator[Sequence[AskEvent]]:
        """The events as they come, those that are there already together."""
        self._seen = True
        events, seen = self._events, 0
        while True:
            if seen < len(events):
                fresh = events[seen:]
                seen += len(fresh)
                yield fresh
            elif self.ended:
                return
            else:
                await self._arrival()

    async def turn(self) -> Turn:
        """Wait for the end and return the whole turn. Raises what made a failed turn fail."""
        while self._last is None:
            await self._arrival()
        if isinstance(self._last, TurnFailed):
            raise self._last.error
        return self._last.turn

    async def _arrival(self) -> None:
        arrival = asyncio.get_running_loop().create_future()
        self._waiting.append(arrival)
        await arrival

    def _wake(self) -> None:
        for future in self._waiting:
            if not future.done():
                future.set_result(None)
        self._waiting.clear()

    def _hand_on(self, events: Sequence[AskEvent]) -> None:
        """Everything before ``events`` is encoded: following has seen to that."""
        try:
            fresh = self._encode(self._id, events, len(self._frames) + 1)
        except Exception as error:
            for follower in self._followers:
                follower.fail(error)
            return
        self._encoded += len(events)
        self._frames += fresh
        last = self._last is not None
        for follower in self._followers:
            follower.push(fresh, last=last)

    def _catch_up(self) -> None:
        if self._encoded < len(self._events):
            fresh = self._encode(self._id, self._events[self._encoded :], len(self._frames) + 1)
            self._encoded = len(self._events)
            self._frames += fresh


def _merged(events: Sequence[AskEvent]) -> list[AskEvent]:
    """The same events, text that stands together as one."""
    merged: list[AskEvent] = []
    texts: list[str] = []
    for event in events:
        if isinstance(event, TextWritten):
            texts.append(event.delta)
            continue
        if texts:
            merged.append(TextWritten("".join(texts)))
            texts.clear()
        merged.append(event)
    return merged
