"""
What Ibid's server offers beyond ASGI: a part of a body, written by a plain call, and word of a client that goes away.

ASGI's ``send`` is a coroutine that is made, begun and ended by an exception, behind one more of the framework's: half
of what a word costs on its way from the turn to the socket. Its ``receive`` tells that a client has gone to a task that
waits for it as long as the response takes. Where a server does not offer this, ``send`` and ``receive`` do it all.
"""

from abc import abstractmethod
from collections.abc import Callable
from typing import Final, Protocol, cast

from litestar.types import Scope

CHUNKS: Final = "ibid.chunks"
"""The extension's name in an ASGI scope; its value gives the writer of that scope's response, or None."""


class WritesChunk(Protocol):
    @abstractmethod
    def __call__(self, part: bytes) -> bool:
        """
        Write a part, not empty, of the body of a response that has begun.

        False: nothing was written, and ``send`` has to do it: the client reads slowly or has gone, or this response
        comes in no chunks.
        """

    @abstractmethod
    def when_gone(self, call: Callable[[], None]) -> None:
        """Have this called when the client goes away before its response has ended; at once where it has gone."""


def chunks_of(scope: Scope) -> WritesChunk | None:
    offered = cast(Callable[[], WritesChunk | None] | None, (scope.get("extensions") or {}).get(CHUNKS))
    return None if offered is None else offered()
