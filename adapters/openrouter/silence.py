"""An end to waiting for what has gone silent."""

import asyncio
from types import TracebackType
from typing import Self


class Silence:
    """
    ``async with Silence(20) as silence``: raises TimeoutError when nothing was heard for so long.

    ``heard`` is called for every piece of a stream, so it only looks at the clock; the one timer moves itself on when
    it goes off too early.
    """

    def __init__(self, first_s: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._limit = asyncio.timeout(None)
        self._due = self._loop.time() + first_s
        self._timer: asyncio.TimerHandle | None = None

    def heard(self, next_s: float) -> None:
        """Something came; the next may take ``next_s``."""
        self._due = self._loop.time() + next_s
        if self._timer is not None and self._timer.when() > self._due:
            self._timer.cancel()
            self._wait()

    async def __aenter__(self) -> Self:
        await self._limit.__aenter__()
        self._wait()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        await self._limit.__aexit__(kind, error, trace)

    def _wait(self) -> None:
        self._timer = self._loop.call_at(self._due, self._look)

    def _look(self) -> None:
        if self._loop.time() < self._due:
            self._wait()
        else:
            self._limit.reschedule(self._loop.time())
