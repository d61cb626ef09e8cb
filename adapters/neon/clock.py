"""The time as the database has it, so that all processes that share one agree, whatever their machines' clocks say."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import event
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from adapters.neon.errors import translated
from application.ports import Clock

DOUBT_S: Final = 1.0
"""
The machine's clock and the one that only goes forward have parted by so much: one was set, or the other stood still
while the machine was suspended. Which, only the database can tell.
"""


def _wall() -> datetime:
    return datetime.now(UTC)


def _passing_s() -> float:
    """Seconds of a clock that nobody can set, and that goes on while the machine sleeps where there is one."""
    boot: int | None = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boot is None else time.clock_gettime(boot)


class DatabaseClock(Clock):
    """
    What the database said when it was last asked, and what has passed since.

    It is asked on every connection that is made, so every few minutes of use, and by whoever takes a connection after
    this machine's clock was set. Nobody asks while nothing is asked of the service.
    """

    def __init__(self, wall: Callable[[], datetime] = _wall, passing_s: Callable[[], float] = _passing_s) -> None:
        self._wall = wall
        self._passing_s = passing_s
        self._told(wall(), passing_s())

    def now(self) -> datetime:
        return self._at + timedelta(seconds=self._passing_s() - self._at_s)

    def elapsed_ms(self) -> float:
        return time.perf_counter() * 1_000

    async def follow(self, *engines: AsyncEngine) -> None:
        """Ask on the connections of these engines from now on, and now on one of the first. Raises a PortError."""
        for engine in engines:
            self._listen(engine)
        with translated():
            async with engines[0].connect():
                pass  # making it asks

    def _listen(self, engine: AsyncEngine) -> None:
        @event.listens_for(engine.sync_engine, "connect")
        def ask_a_new_one(connection: Any, _: ConnectionPoolEntry) -> None:
            connection.run_async(self._ask)

        @event.listens_for(engine.sync_engine, "checkout")
        def ask_in_doubt(connection: Any, _: ConnectionPoolEntry, __: PoolProxiedConnection) -> None:
            if self._doubtful():
                try:
                    connection.run_async(self._ask)
                except Exception as error:
                    raise InvalidatePoolError from error

    async def _ask(self, connection: Any) -> None:
        """In a transaction, which a pooler in transaction mode keeps on one connection of the server."""
        async with connection.transaction():
            asked_s = self._passing_s()
            at = await connection.fetchval("SELECT clock_timestamp()")
            self._told(at, (asked_s + self._passing_s()) / 2)

    def _told(self, at: datetime, at_s: float) -> None:
        self._at = at
        self._at_s = at_s
        self._apart_s = self._wall().timestamp() - self._passing_s()

    def _doubtful(self) -> bool:
        return abs(self._wall().timestamp() - self._passing_s() - self._apart_s) > DOUBT_S
