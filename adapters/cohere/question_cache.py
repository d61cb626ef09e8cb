"""Vectors of questions asked before: the same question twice buys one call, also when both are asked at once."""

import asyncio
import unicodedata
from array import array
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

from domain.retrieval.model import Vector

KEPT: Final = 4_096
"""Questions kept, some 4 KB each at 1,024 dimensions; the least recently asked goes first."""


def normalised(text: str) -> str:
    """The text as the cache knows it: composed, white space made single blanks. Case stays: models read it."""
    return unicodedata.normalize("NFC", " ".join(text.split()))


class QuestionCache:
    """Bounded, in this process's memory. What fails is not kept, and fails for all who waited for it."""

    def __init__(self, buy: Callable[[str], Awaitable[Vector]], *, kept: int = KEPT) -> None:
        self._buy = buy
        self._kept = kept
        self._vectors: OrderedDict[str, Vector] = OrderedDict()
        self._waiting: dict[str, list[asyncio.Future[Vector]]] = {}
        self._buying: set[asyncio.Task[None]] = set()

    async def vector(self, text: str) -> Vector:
        """The vector of a question, kept or bought. Raises what buying raises."""
        key = normalised(text)
        if (known := self._vectors.get(key)) is not None:
            self._vectors.move_to_end(key)
            return known
        if key not in self._waiting:
            self._buy_for_all(key, text)
        mine: asyncio.Future[Vector] = asyncio.get_running_loop().create_future()
        self._waiting[key].append(mine)
        return await mine

    def expect(self, text: str) -> None:
        """Buy it, if it is not there: somebody is about to ask. If it fails before, they buy anew."""
        key = normalised(text)
        if key not in self._vectors and key not in self._waiting:
            self._buy_for_all(key, text)

    def _buy_for_all(self, key: str, text: str) -> None:
        """In a task of its own: one who asked and went away takes nothing from the others."""
        self._waiting[key] = []
        task = asyncio.create_task(self._bought(key, text))
        self._buying.add(task)
        task.add_done_callback(self._buying.discard)

    async def _bought(self, key: str, text: str) -> None:
        """Tells each who waits, which is two turns of a busy loop sooner than waiting for this task."""
        try:
            vector = array("f", await self._buy(text))
        except BaseException as error:
            for one in self._waiting.pop(key):
                if not one.done():
                    one.set_exception(error)
            if not isinstance(error, Exception):
                raise
            return
        self._vectors[key] = vector
        if len(self._vectors) > self._kept:
            self._vectors.popitem(last=False)
        for one in self._waiting.pop(key):
            if not one.done():
                one.set_result(vector)
