"""Questions go first: what can wait asks, before each of its steps, whether somebody is waiting for passages."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Concatenate, Final, ParamSpec, Protocol, TypeAlias, TypeVar

LONGEST_S: Final = 0.05
"""A step waits no longer than this, so that no crowd of questions ever stops an ingestion."""

LATELY_S: Final = 1.0
"""Whoever was waited for so lately may well come again."""


@dataclass(slots=True)
class GiveWay:
    """Between those who are waited for and those who can wait, in one process."""

    _waited_for: int = field(default=0, init=False)
    _free: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _last_s: float = field(default=-LATELY_S, init=False)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    @contextmanager
    def first(self) -> Iterator[None]:
        """Somebody waits for what is done within."""
        self._waited_for += 1
        self._free.clear()
        try:
            yield
        finally:
            self._waited_for -= 1
            self._last_s = time.monotonic()
            if not self._waited_for:
                self._free.set()

    async def wait(self) -> None:
        """Let those go first who are waited for now."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LONGEST_S):
                while self._waited_for:  # the next one may have come by the time that this one is told
                    await self._free.wait()

    @asynccontextmanager
    async def one_by_one(self) -> AsyncIterator[None]:
        """
        Let those go first who are waited for now; while there are any, or were lately, one step runs at a time,
        and is followed by a pause as long as itself, of LONGEST_S at most.

        Else all steps that were held back would begin at once, and the next question would meet them all.
        """
        if not self._waited_for and time.monotonic() - self._last_s > LATELY_S:
            yield
            return
        async with self._turn:
            await self.wait()
            began_s = time.monotonic()
            yield
            await asyncio.sleep(min(time.monotonic() - began_s, LONGEST_S))


class _Waited(Protocol):
    @property
    def way(self) -> GiveWay: ...


S = TypeVar("S", bound=_Waited)
P = ParamSpec("P")
T = TypeVar("T")
Promise: TypeAlias = Coroutine[Any, Any, T]


def goes_first(method: Callable[Concatenate[S, P], Promise[T]]) -> Callable[Concatenate[S, P], Promise[T]]:
    """For the method of whoever has a ``way``: it is waited for."""

    @wraps(method)
    async def waited_for(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        with self.way.first():
            return await method(self, *args, **kwargs)

    return waited_for
