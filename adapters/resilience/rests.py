"""Connections that are not read from for a moment, so that one read brings what came meanwhile."""

import asyncio
from typing import Final, Protocol

REST_BEATS: Final = 5
BEAT_S: Final = 0.01
"""
A stream rests for 40 to 50 ms: two or three words of a quick model, which no eye tells from one after the other.

What rests is spread over five beats, so that no more than a fifth of the streams are read in one turn of the loop.
"""

CROWD: Final = 64
CROWD_BEATS: Final = 10
"""
So many streams and more keep a core busy, and then each rests for 90 to 100 ms: the blink of an eye takes three times
that. Five words at once cost half of what they do by twos and threes, and who begins meanwhile waits less.
"""


IN_TIME_S: Final = 0.004
LONGEST_BEATS: Final = 30
"""
Where the loop itself is late by more than that, a crowd's streams rest a beat longer for each millisecond, 300 ms at
most: a core that cannot keep up does better to read fifteen words at once than to let new questions wait.
"""
_OF_A_WAKING: Final = 0.1
"""How much one waking counts of how late the loop is; a hundred are due in a second."""


class _Connection(Protocol):
    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...


class Rests:
    """Of one loop. Reading, waking a task, encoding and writing cost as much for one word as for several."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._resting: dict[int, list[_Connection]] = {}
        self._late_s = 0.0

    def rest(self, connection: _Connection, *, among: int) -> None:
        """One ``among`` so many streams. The system keeps what comes; one that is closed meanwhile takes no harm."""
        connection.pause_reading()
        beat = int(self._loop.time() / BEAT_S) + (REST_BEATS if among < CROWD else self._crowd_beats())
        resting = self._resting.get(beat)
        if resting is None:
            resting = self._resting[beat] = []
            self._loop.call_at(beat * BEAT_S, self._wake, beat)
        resting.append(connection)

    def _crowd_beats(self) -> int:
        beyond_ms = int((self._late_s - IN_TIME_S) * 1_000)
        return min(LONGEST_BEATS, CROWD_BEATS + max(0, beyond_ms))

    def _wake(self, beat: int) -> None:
        self._late_s += (self._loop.time() - beat * BEAT_S - self._late_s) * _OF_A_WAKING
        for connection in self._resting.pop(beat):
            connection.resume_reading()
