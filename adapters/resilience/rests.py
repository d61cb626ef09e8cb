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


class _Connection(Protocol):
    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...


class Rests:
    """Of one loop. Reading, waking a task, encoding and writing cost as much for one word as for several."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._resting: dict[int, list[_Connection]] = {}

    def rest(self, connection: _Connection, *, among: int) -> None:
        """One ``among`` so many streams. The system keeps what comes; one that is closed meanwhile takes no harm."""
        connection.pause_reading()
        beat = int(self._loop.time() / BEAT_S) + (REST_BEATS if among < CROWD else CROWD_BEATS)
        resting = self._resting.get(beat)
        if resting is None:
            resting = self._resting[beat] = []
            self._loop.call_at(beat * BEAT_S, self._wake, beat)
        resting.append(connection)

    def _wake(self, beat: int) -> None:
        for connection in self._resting.pop(beat):
            connection.resume_reading()
