"""So many calls at once and no more: one slow service must not hold every task and socket of this one."""

import asyncio
from collections import deque

from domain.errors import PortUnavailable


class Bulkhead:
    """Lets ``width`` calls through side by side; up to ``queue`` more wait in line, for a time each."""

    def __init__(self, name: str, *, width: int, queue: int) -> None:
        self._name = name
        self._free = width
        self._queue = queue
        self._waiting: deque[asyncio.Future[None]] = deque()

    def slot(self, *, wait_s: float) -> "_Slot":
        """
        ``async with`` it: one call's place.

        Raises PortUnavailable when the line is full, or a slot did not come free within ``wait_s``.
        """
        return _Slot(self, wait_s)

    async def enter(self, wait_s: float) -> None:
        if self._free > 0:
            self._free -= 1
            return
        if len(self._waiting) >= self._queue or wait_s <= 0:
            raise PortUnavailable(self._name, "has too many calls running", retry_after_s=1.0)
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(wait_s):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self.leave()  # the slot was handed over in the same moment
            elif turn in self._waiting:
                self._waiting.remove(turn)
            if isinstance(error, TimeoutError):
                raise PortUnavailable(self._name, "has too many calls running", retry_after_s=1.0) from None
            raise

    def leave(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1


class _Slot:
    """No generator: four calls a question go through one, and each would be three objects and two resumptions more."""

    __slots__ = ("_bulkhead", "_wait_s")

    def __init__(self, bulkhead: Bulkhead, wait_s: float) -> None:
        self._bulkhead = bulkhead
        self._wait_s = wait_s

    async def __aenter__(self) -> None:
        await self._bulkhead.enter(self._wait_s)

    async def __aexit__(self, *_: object) -> None:
        self._bulkhead.leave()
