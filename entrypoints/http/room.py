"""What the service takes on at a time; beyond it a request is turned away at once instead of being late with all."""

import asyncio
import math
import time
from collections.abc import Callable
from typing import Any, Final

from litestar.types import Receive

from domain.errors import TooBusy

AT_WORK: Final = 64
"""
Requests at work at a time when all of it is done on this machine: fifty users who never pause are all answered, and
the last in line waits a third of a second. Measured by ``python -m bench.overload``.
"""

AT_WORK_OUTSIDE: Final = 256
"""The same where a provider or a database elsewhere is waited for most of the time: 0.3 s a request, 800 a second."""

IN_A_BURST: Final = 1_000
"""Requests that wait their turn when many come at once: a crowd that begins together is served, one after another."""

BURST_S: Final = 0.3
"""How long there may be more at work than there is room for before that counts as a load and no longer as a burst."""

OVERLOADED_S: Final = 5.0
"""After a request was turned away, more than there is room for counts as a load at once."""

TURN_COMPUTES_S: Final = 0.25
"""How long a question keeps its place at most: retrieval and a quoted answer are computed, a model is waited for."""

LARGE_BODIES_BYTES: Final = 256 * 1024 * 1024
"""Bodies in memory at a time, of those over SMALL_BODY_BYTES: four of the largest."""

SMALL_BODY_BYTES: Final = 256 * 1024

_PLACE: Final = "ibid_place"


class Room:
    """
    How much is at work. One for an application.

    A queue that drains is let grow and one that stands is not, as in CoDel (Nichols & Jacobson, Controlling Queue
    Delay, 2012): a burst is served late rather than refused, and under a lasting load nobody waits.
    """

    def __init__(
        self,
        *,
        at_work: int = AT_WORK,
        in_a_burst: int = IN_A_BURST,
        turn_computes_s: float = TURN_COMPUTES_S,
        large_bodies_bytes: int = LARGE_BODIES_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._most_at_work = at_work
        self._most_in_a_burst = max(in_a_burst, at_work)
        self._had_room_at = -math.inf
        self._overloaded_until = -math.inf
        self.turn_computes_s = turn_computes_s
        self._most_bytes = large_bodies_bytes
        self.at_work = 0
        self.held_bytes = 0

    def place(self, scope: Any) -> "Place":
        """The place of one request, kept in its scope."""
        scope[_PLACE] = place = Place(self, scope["headers"])
        return place

    def enter(self) -> None:
        """Raises TooBusy."""
        now = self._clock()
        if self.at_work < self._most_at_work:
            self._had_room_at = now
        elif now < self._overloaded_until or now - self._had_room_at > BURST_S or self.at_work >= self._most_in_a_burst:
            self._overloaded_until = now + OVERLOADED_S
            raise TooBusy
        self.at_work += 1

    def hold(self, size: int) -> None:
        """Raises TooBusy."""
        if self.held_bytes + size > self._most_bytes:
            raise TooBusy
        self.held_bytes += size


class Place:
    """
    Taken when a request is there with its body, so that a slow sender takes none, and left when its answer begins; a
    question's, when its turn has ended or has had its quarter of a second.
    """

    __slots__ = ("_held", "_leaving", "_length", "_room", "_taken")

    def __init__(self, room: Room, headers: Any) -> None:
        self._room = room
        self._length = _length(headers)
        self._taken = False
        self._held = 0
        self._leaving: asyncio.TimerHandle | None = None

    @property
    def has_body(self) -> bool:
        return self._length != 0

    def take(self) -> None:
        """Raises TooBusy."""
        if not self._taken:
            self._room.enter()
            self._taken = True

    def answering(self) -> None:
        """The answer begins."""
        if self._leaving is None:
            self.give_back()

    def leave(self) -> None:
        """A turn has begun, whose work goes on while it is answered: the place is given back in a moment."""
        self._leaving = asyncio.get_running_loop().call_later(self._room.turn_computes_s, self.give_back)

    def give_back(self) -> None:
        if self._leaving is not None:
            self._leaving.cancel()
        if self._taken:
            self._taken = False
            self._room.at_work -= 1

    def hold_body(self, most: int) -> None:
        """
        Make room for a body of at most ``most`` bytes, whose sender is known; one that says no length counts as that.

        Raises TooBusy.
        """
        size = most if self._length is None else min(self._length, most)
        if size > SMALL_BODY_BYTES:
            self._room.hold(size)
            self._held += size

    def end(self) -> None:
        self.give_back()
        self._room.held_bytes -= self._held
        self._held = 0

    def receiving(self, receive: Receive) -> Receive:
        """``receive``, which takes the place with the last of the body."""

        async def received() -> Any:
            message = await receive()
            if message["type"] == "http.request" and not message.get("more_body"):
                self.take()
            return message

        return received


def place_of(scope: Any) -> Place:
    place: Place = scope[_PLACE]
    return place


def _length(headers: Any) -> int | None:
    """None: a body comes in chunks, and does not say how long it is."""
    for name, value in headers:
        if name == b"content-length":
            return int(value) if value.isdigit() else 0
        if name == b"transfer-encoding":
            return None
    return 0
