"""Connections that are not read from for a moment, so that one read brings what came meanwhile."""

import asyncio
from collections import deque
from time import monotonic
from typing import Final, Protocol

REST_BEATS: Final = 5
BEAT_S: Final = 0.01
"""
A stream rests for 40 to 50 ms: two or three words of a quick model, which no eye tells from one after the other.

What rests is spread over five beats, so that no more than a fifth of the streams are read in one turn of the loop.
"""

CROWD: Final = 64
CROWD_BEATS: Final = 10
MOST_BEATS: Final = 20
_STREAMS_A_BEAT: Final = 8
"""
So many streams and more keep a core busy, and then each rests for 90 to 100 ms, from eighty on a beat longer for every
eight more, 200 ms at most: the blink of an eye takes longer. Ten words at once cost a third of what they do by twos
and threes, and who begins meanwhile waits less.
"""

TURNS: Final = 4
IDLE_S: Final = 0.0001
"""
One stream is read in so many turns of a busy loop: in between comes what else is ready, a new question above all,
which takes two dozen turns to its first word. A turn that took no longer than this had nothing else to do, and the
next stream is read at once.
"""

MOST_WAITING: Final = 128
"""
More than one are read together while more than so many are due. Streams whose loop cannot keep up thus rest longer by
themselves, and are read more words at once, which costs less.
"""


class _Connection(Protocol):
    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...


class Rests:
    """Of one loop. Reading, waking a task, encoding and writing cost as much for one word as for several."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._resting: dict[int, list[_Connection]] = {}
        self._due = deque[_Connection]()

    def rest(self, connection: _Connection, *, among: int) -> None:
        """One ``among`` so many streams. The system keeps what comes; one that is closed meanwhile takes no harm."""
        connection.pause_reading()
        beat = int(self._loop.time() / BEAT_S) + _beats(among)
        resting = self._resting.get(beat)
        if resting is None:
            resting = self._resting[beat] = []
            self._loop.call_at(beat * BEAT_S, self._wake, beat)
        resting.append(connection)

    def _wake(self, beat: int) -> None:
        if not self._due:
            self._loop.call_soon(self._read_on)
        self._due += self._resting.pop(beat)

    def _read_on(self) -> None:
        due = self._due
        try:
            for _ in range(1 + len(due) // MOST_WAITING):
                due.popleft().resume_reading()
        finally:
            if due:
                self._let_go_first(TURNS)

    def _let_go_first(self, turns: int) -> None:
        self._loop.call_soon(self._after_a_turn, turns - 1, monotonic())

    def _after_a_turn(self, turns: int, began_s: float) -> None:
        if turns and monotonic() - began_s > IDLE_S:
            self._let_go_first(turns)
        else:
            self._read_on()


def _beats(among: int) -> int:
    if among < CROWD:
        return REST_BEATS
    return min(MOST_BEATS, max(CROWD_BEATS, among // _STREAMS_A_BEAT))
