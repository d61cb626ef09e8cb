"""When the event loop has a moment: the end of a turn waits for it, while people wait for their first words."""

import asyncio
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Final

CALM_S: Final = 0.001
"""
A turn of the loop that took no longer had little to do. With a thousand users asking, turns took 0.7 to 1.5 ms on the
quick seconds, where the first text came after 20 to 30 ms, and 2.5 to 8 ms on the slow ones, where it came after 200.
"""

LONGEST_S: Final = 0.5
"""Whoever waits for a lull goes on after so long without one, with all who have waited as long."""


class Lulls:
    """
    Of one loop. A question takes some two dozen turns of the loop to its first text, each as long as all that runs in
    it; what nobody is waiting for runs in the short ones, one at a time.
    """

    def __init__(self, *, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._waiting: deque[tuple[float, asyncio.Future[None]]] = deque()
        self._watching = False

    async def wait(self) -> None:
        """Until the loop is calm, and those who came before have gone on."""
        loop, now = asyncio.get_running_loop(), self._clock()
        mine: asyncio.Future[None] = loop.create_future()
        self._waiting.append((now + LONGEST_S, mine))
        if not self._watching:
            self._watching = True
            loop.call_soon(self._after_a_turn, loop, now)
        await mine

    def _after_a_turn(self, loop: asyncio.AbstractEventLoop, began_s: float) -> None:
        now, waiting = self._clock(), self._waiting
        while waiting and (waiting[0][0] <= now or waiting[0][1].done()):
            _let_go(waiting.popleft()[1])
        if waiting and now - began_s <= CALM_S:
            _let_go(waiting.popleft()[1])
        if waiting:
            loop.call_soon(self._after_a_turn, loop, now)
        else:
            self._watching = False


def _let_go(one: asyncio.Future[None]) -> None:
    if not one.done():  # else it was cancelled meanwhile
        one.set_result(None)
