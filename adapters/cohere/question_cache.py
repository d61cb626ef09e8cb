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
        self._waiting: dict[str, list[asyncio.Future[Vector | None]]] = {}

    async def vector(self, text: str) -> Vector:
        """The vector of a question, kept or bought. Raises what buying raises."""
        key = normalised(text)
        while True:
            if (known := self._vectors.get(key)) is not None:
                self._vectors.move_to_end(key)
                return known
            if (waiting := self._waiting.get(key)) is None:
                # Not in a task of its own: to begin one and to hear of its end are two turns of a busy loop.
                return await self._bought(key, text)
            mine: asyncio.Future[Vector | None] = asyncio.get_running_loop().create_future()
            waiting.append(mine)
            if (vector := await mine) is not None:
                return vector

    async def _bought(self, key: str, text: str) -> Vector:
        """For all who wait for it; when who buys it goes away, one of them has to buy it anew."""
        waiting = self._waiting[key] = []
        try:
            vector = array("f", await self._buy(text))
        except BaseException as error:
            del self._waiting[key]
            for one in waiting:
                if one.done():
                    continue
                if isinstance(error, Exception):
                    one.set_exception(error)
                else:
                    one.set_result(None)
            raise
        self._vectors[key] = vector
        if len(self._vectors) > self._kept:
            self._vectors.popitem(last=False)
        del self._waiting[key]
        for one in waiting:
            if not one.done():
                one.set_result(vector)
        return vector
