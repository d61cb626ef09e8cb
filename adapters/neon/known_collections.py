"""The collections as they were last read, so that not every question has to ask for them."""

import time
from collections.abc import Callable, Sequence
from typing import Final

from domain.library.model import Collection

KNOWN_FOR_S: Final = 10.0
"""A commit of which nothing was heard may come late, and a row be changed by hand: neither goes unseen for long."""


class KnownCollections:
    """
    Only for a process that owns its database: whoever shares one hears nothing of what another has changed.

    Nothing is known while a unit of work is open that may change them, and what was read meanwhile is not kept: it may
    be what has just been changed.
    """

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._all: Sequence[Collection] | None = None
        self._read_at_s = 0.0
        self._changing = 0
        self.age = 0
        """Changes so far: ``keep`` is told it from before the reading."""

    def find(self) -> Sequence[Collection] | None:
        if self._all is None or self._now_s() - self._read_at_s > KNOWN_FOR_S:
            return None
        return self._all

    def keep(self, collections: Sequence[Collection], *, since: int) -> None:
        if since == self.age and not self._changing:
            self._all, self._read_at_s = collections, self._now_s()

    def change(self) -> None:
        """A unit of work is about to change them; ``changed`` follows when it has ended, however it did."""
        self._changing += 1
        self._forget()

    def changed(self) -> None:
        self._changing -= 1
        self._forget()

    def _forget(self) -> None:
        self.age += 1
        self._all = None
