"""The events of one running turn, for any number of readers, none of whom the turn waits for."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final

from application.events import AskEvent, TurnDone, TurnFailed
from domain.conversation.model import Turn

_LAST: Final = (TurnDone, TurnFailed)


class TurnStream:
    """
    Keeps a turn's events in order and hands them to its readers.

    Each reader sees every event from the first on, whenever it comes. The turn runs in a task of its own, so a reader
    that goes away leaves it running; ``cancel`` ends it.
    """

    def __init__(self) -> None:
        self._events: list[AskEvent] = []
        self._ended = False
        self._closing = False
        self._waiting: list[asyncio.Future[None]] = []
        self._listeners: list[Callable[[Sequence[AskEvent]], None]] = []
        self._task: asyncio.Task[None] | None = None

    def run(self, work: Callable[["TurnStream"], Awaitable[None]]) -> asyncio.Task[None]:
        """Run the turn's work in a task; the work ends by emitting TurnDone or TurnFailed."""

        async def to_the_end() -> None:
            await work(self)

        self._task = asyncio.create_task(to_the_end())
        return self._task

    def emit(self, *events: AskEvent) -> None:
        """Add events, in order, and hand them on together."""
        self._events += events
        if isinstance(events[-1], _LAST):
            self._ended = True
        for listener in self._listeners:
            listener(events)
        for future in self._waiting:
            if not future.done():
                future.set_result(None)
        self._waiting.clear()

    def follow(self, listener: Callable[[Sequence[AskEvent]], None]) -> None:
        """
        Call ``listener`` now with the events so far, then with each batch as it is emitted, until ``leave``.

        It is called from the turn's own task, which a listener must neither hold up nor break. That spares a reader a
        task switch an event, a fifth of what an event costs.
        """
        if self._events:
            listener(tuple(self._events))
        self._listeners.append(listener)

    def leave(self, listener: Callable[[Sequence[AskEvent]], None]) -> None:
        if listener in self._listeners:
            self._listeners.remove(listener)

    def close(self) -> None:
        """The answer is complete and about to be stored: from now on it cannot be cancelled."""
        self._closing = True

    def cancel(self) -> None:
        """End the turn early; one whose answer is complete stays as it is."""
        if self._task is not None and not self._closing:
            self._task.cancel()

    async def batches(self) -> AsyncIterator[Sequence[AskEvent]]:
        """The events as they come, those that are there already together."""
        seen = 0
        while True:
            if seen < len(self._events):
                fresh = self._events[seen:]
                seen += len(fresh)
                yield fresh
            elif self._ended:
                return
            else:
                arrival = asyncio.get_running_loop().create_future()
                self._waiting.append(arrival)
                await arrival

    async def turn(self) -> Turn:
        """Wait for the end and return the whole turn. Raises what made a failed turn fail."""
        async for batch in self.batches():
            last = batch[-1]
        if isinstance(last, TurnFailed):
            raise last.error
        assert isinstance(last, TurnDone)  # noqa: S101  a stream ends by one of the two
        return last.turn
