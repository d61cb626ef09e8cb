"""Connections that go from one frequent statement to the next without a way through the pool."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy.pool import PoolProxiedConnection

LENT_S: Final = 1.0
"""How long one is lent at a time: hundreds of statements of a busy process. The pool waits two seconds."""

IDLE_SINCE: Final = "idle_since"
"""Where the pool's connections have it noted, in seconds of the monotonic clock."""


@dataclass(frozen=True, slots=True)
class Lent:
    connection: PoolProxiedConnection
    driver: Any
    until_s: float


class LentConnections:
    """
    Of one pool: the connections that are out for single statements.

    To take one out of SQLAlchemy's pool and put it back is some 60 µs, thrice the statement's own. So one is kept
    out for a second, and then goes back through all that the pool does to keep its connections honest.
    Nobody waits for one that lies idle here: it goes back as soon as somebody does.
    """

    def __init__(self) -> None:
        self._idle: list[Lent] = []
        self._waiting = 0
        self._until_s = 0.0
        self._end: asyncio.TimerHandle | None = None

    async def take(self, connect: Callable[[], Awaitable[PoolProxiedConnection]]) -> Lent:
        """One for a statement; ``connect`` takes it out of the pool where none is out. ``keep`` or ``lose`` it then."""
        if self._idle:
            lent = self._idle.pop()
            if not lent.driver.is_closed() and time.monotonic() < lent.until_s:
                return lent
            # Closed, or this process stood still: the pool knows what to do about those.
            self._idle.append(lent)
            self._give_back()
        async with self.waiting():
            connection = await connect()
        if self._end is None:
            self._until_s = time.monotonic() + LENT_S
            self._end = asyncio.get_running_loop().call_later(LENT_S, self._give_back)
        return Lent(connection, connection.driver_connection, self._until_s)

    def keep(self, lent: Lent) -> None:
        """After a statement that has ended, well or with an error of the server's."""
        if self._waiting or lent.until_s != self._until_s or self._end is None:
            lent.connection.close()  # as it is: no transaction of SQLAlchemy's is open that would have to be ended
        else:
            self._idle.append(lent)

    @staticmethod
    def lose(lent: Lent) -> None:
        """After a statement of which nobody knows how it ended."""
        lent.connection.invalidate()
        lent.connection.close()

    @asynccontextmanager
    async def waiting(self) -> AsyncIterator[None]:
        """While somebody takes one out of the pool: one that lies idle here is there for them."""
        if self._idle:
            _back(self._idle.pop())
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """With the pool, from within its engine's greenlet."""
        idle, self._idle = self._idle, []
        for lent in idle:
            self.lose(lent)
        self._end_lending()

    def _give_back(self) -> None:
        idle, self._idle = self._idle, []
        self._end_lending()
        for lent in idle:
            _back(lent)

    def _end_lending(self) -> None:
        if self._end is not None:
            self._end.cancel()
            self._end = None


def _back(lent: Lent) -> None:
    """It has idled since its time began, at the longest; the pool asks it whether it lives if that is long ago."""
    noted = lent.connection.info
    lent.connection.close()
    noted[IDLE_SINCE] = lent.until_s - LENT_S
