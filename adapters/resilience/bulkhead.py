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

    async def enter(self, wait_s: float) -> None:
        """
        Take one call's place, to be given back by ``leave``.

        Raises PortUnavailable when the line is full, or no place came free within ``wait_s``.
        """
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
