"""What the service takes on at a time; beyond it a request is turned away at once instead of being late with all."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Final, NoReturn

from litestar.types import Receive

from application.arrival import arrived
from domain.errors import TooBusy

AT_WORK: Final = 4
"""
Requests at work at a time when all of it is done on this machine: enough to keep a core busy while PostgreSQL and the
index do their part on another, and each one is done soon. Measured by ``python -m bench.overload``.
"""

AT_WORK_OUTSIDE: Final = 256
"""The same where a provider or a database elsewhere is waited for most of the time: 0.3 s a request, 800 a second."""

WAITING: Final = 64
"""Requests that wait for longer than a burst lasts: fifty users who never pause are all answered, one after another."""

IN_A_BURST: Final = 1_000
"""Requests that wait their turn when many come at once: a crowd that begins together is served late, not refused."""

BURST_S: Final = 0.3
"""How long more than WAITING may wait before that counts as a load and no longer as a burst."""

LOOK_S: Final = 0.075
"""How often the queue is looked at while there is one."""

GROWS_BY: Final = 0.3
"""More come than go by this share, and by FEW: the queue grows. Users who wait for answers cannot make it grow."""

FEW: Final = 3

CALM_S: Final = 0.5
CALM_SHARE: Final = 0.1
"""Under a load, when of the requests of half a second no more than this share had to be turned away, it is over."""

TURN_COMPUTES_S: Final = 0.25
"""How long a question keeps its place at most: retrieval and a quoted answer are computed, a model is waited for."""

LARGE_BODIES_BYTES: Final = 256 * 1024 * 1024
"""Bodies in memory at a time, of those over SMALL_BODY_BYTES: four of the largest."""

SMALL_BODY_BYTES: Final = 256 * 1024

_PLACE: Final = "ibid_place"


class Room:
    """
    How much is at work, and who waits for a place. One for an application.

    A queue that drains is let be and one that grows is not, as in CoDel (Nichols & Jacobson, Controlling Queue Delay,
    2012): a burst is served late rather than refused, a crowd that asks as fast as it is answered is served in turn,
    and under a load that cannot be met nobody waits: who finds a place is answered as soon as ever, who has waited is
    turned away within a sixth of a second, and who comes then before anything of the request is looked at.
    """

    def __init__(
        self,
        *,
        at_work: int = AT_WORK,
        waiting: int = WAITING,
        in_a_burst: int = IN_A_BURST,
        turn_computes_s: float = TURN_COMPUTES_S,
        large_bodies_bytes: int = LARGE_BODIES_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``in_a_burst`` counts those at work, too."""
        self._clock = clock
        self._most_at_work = at_work
        self._most_under_load = max(1, at_work // 2)  # the fewer share the core, the sooner each one is done
        self._most_waiting = waiting
        self._most_in_a_burst = max(in_a_burst, at_work)
        self._waiting: deque[asyncio.Future[bool]] = deque()
        self._growth = _Growth()
        self._load: _Load | None = None
        self.turn_computes_s = turn_computes_s
        self._most_bytes = large_bodies_bytes
        self.at_work = 0
        self.held_bytes = 0

    def place(self, scope: Any) -> "Place":
        """The place of one request, kept in its scope."""
        scope[_PLACE] = place = Place(self, scope["headers"])
        return place

    def look_in(self) -> None:
        """Raises TooBusy when there is a load and no place: for a request that has just come and is still unread."""
        if self._load is not None and self._is_full and self._still_loaded(self._clock()):
            self._turn_away()

    async def enter(self) -> None:
        """Take a place, after those who came before. Raises TooBusy."""
        now = self._clock()
        loaded = self._still_loaded(now)
        if not self._is_full:
            self.at_work += 1
            if self._load is not None:
                self._load.taken += 1
            return
        if loaded or len(self._waiting) + self.at_work >= self._most_in_a_burst or self._is_load(now):
            self._turn_away()
        place: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            if not await place:
                raise TooBusy
        except asyncio.CancelledError:
            if place.done() and not place.cancelled() and place.result():
                self.leave()  # it was given the place, and does not want it any more
            elif place in self._waiting:
                self._waiting.remove(place)
            raise

    def leave(self) -> None:
        """Give a place back: the next one takes it."""
        self.at_work -= 1
        self._growth.gone += 1
        while self._waiting and self.at_work < self._most_at_work:
            place = self._waiting.popleft()
            if not place.done():
                self.at_work += 1
                place.set_result(True)

    @property
    def _is_full(self) -> bool:
        most = self._most_at_work if self._load is None else self._most_under_load
        return self.at_work >= most or bool(self._waiting)

    def _is_load(self, now: float) -> bool:
        """Whether what waits is more than a burst."""
        waiting, growth = len(self._waiting), self._growth
        if not waiting:
            self._growth = _Growth(now, now)
            return False
        if now - growth.looked_at < LOOK_S:
            return False
        grows = growth.looks > 0 and waiting - growth.waiting > FEW + GROWS_BY * growth.gone
        self._growth = _Growth(growth.since, now, waiting, growth.looks + 1)
        if grows:
            self._turn_away_who_waits()
        return grows or (waiting >= self._most_waiting and now - growth.since > BURST_S)

    def _still_loaded(self, now: float) -> bool:
        load = self._load
        if load is not None and now - load.since > CALM_S:
            calm = load.turned_away <= CALM_SHARE * (load.turned_away + load.taken) or now - load.since > 2 * CALM_S
            self._load = None if calm else _Load(now)
        return self._load is not None

    def _turn_away_who_waits(self) -> None:
        """They would be late, and those who come now as well: it is a load, and they have waited for a moment only."""
        self._load = self._load or _Load(self._clock())
        for place in self._waiting:
            if not place.done():
                self._load.turned_away += 1
                place.set_result(False)
        self._waiting.clear()

    def _turn_away(self) -> NoReturn:
        if self._load is None:
            self._load = _Load(self._clock())
        self._load.turned_away += 1
        raise TooBusy

    def hold(self, size: int) -> None:
        """Raises TooBusy."""
        if self.held_bytes + size > self._most_bytes:
            raise TooBusy
        self.held_bytes += size


@dataclass(slots=True)
class _Growth:
    """A queue that has not been empty since ``since``: how long it was when last looked at, and how many have gone."""

    since: float = 0.0
    looked_at: float = 0.0
    waiting: int = 0
    looks: int = 0
    gone: int = 0


@dataclass(slots=True)
class _Load:
    """What has become of the requests of a stretch of time."""

    since: float
    taken: int = 0
    turned_away: int = 0


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

    async def take(self) -> None:
        """Raises TooBusy."""
        if not self._taken:
            await self._room.enter()
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
            self._room.leave()

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
        """``receive``, which takes the place with the last of the body: only then has the request arrived."""

        async def received() -> Any:
            message = await receive()
            if message["type"] == "http.request" and not message.get("more_body"):
                arrived(perf_counter() * 1_000)  # how slowly it was sent is not ours; how long it queues is
                await self.take()
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
