"""Users who ask, read, pause and ask again: bare sockets on uvloop, a connection for each user, as browsers keep it."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

LONGEST_WORD: Final = 32
"""Bytes of the longest word that is looked for in what a read brings."""


@dataclass(slots=True)
class Crowd:
    """
    What the users met: milliseconds to the ``first`` word of each reply and to its end, replies that came to their
    ``last``, what failed, how many replies held each of the ``noted`` words, and when each request was ``sent``, by the
    machine's monotonic clock. Of what was asked while it was measured; ``all``: at any time.
    """

    first: bytes = b"event: text"
    last: bytes = b"event: done"
    noted: tuple[bytes, ...] = ()
    first_ms: list[float] = field(default_factory=list)
    whole_ms: list[float] = field(default_factory=list)
    asked: int = 0
    done: int = 0
    all: int = 0
    failed: list[bytes] = field(default_factory=list)
    met: Counter[bytes] = field(default_factory=Counter)
    sent: dict[bytes, float] = field(default_factory=dict)
    measuring: bool = False


class _Line(asyncio.Protocol):
    """A user's connection; one question at a time, counted if it was asked while the crowd was measured."""

    def __init__(self, crowd: Crowd) -> None:
        self._crowd = crowd
        self._loop = asyncio.get_running_loop()
        self._seen: list[bytes] = []
        self._ended: asyncio.Future[None] | None = None
        self.open = False

    async def ask(self, request: bytes) -> None:
        """Until the whole reply is there, or the connection is lost."""
        crowd = self._crowd
        self._counted = crowd.measuring
        self._seen.clear()
        self._length = 0
        self._tail = b""
        self._first = False
        self._ends_at: int | None = None  # 0: with its empty chunk
        self._ended = self._loop.create_future()
        self._began = time.monotonic()  # the loop's own stands still while it is busy
        if self._counted:
            crowd.sent[request] = self._began
        crowd.asked += self._counted
        crowd.all += 1
        self._transport.write(request)
        await self._ended

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self.open = True

    def data_received(self, data: bytes) -> None:
        self._seen.append(data)
        self._length += len(data)
        fresh = self._tail + data  # a word may be cut by a read
        if not self._first and self._crowd.first in fresh:
            self._first = True
            if self._counted:
                self._crowd.first_ms.append((time.monotonic() - self._began) * 1_000)
        if self._ended is not None and self._is_whole(fresh):
            self._end()
        self._tail = fresh[-LONGEST_WORD:]

    def connection_lost(self, error: Exception | None) -> None:
        self.open = False
        if self._ended is not None:
            self._end()

    def close(self) -> None:
        self._transport.close()

    def _is_whole(self, fresh: bytes) -> bool:
        """Chunks end with an empty one; a reply of another kind says how long it is."""
        if self._ends_at is None and b"\r\n\r\n" in fresh:
            head, _, _ = b"".join(self._seen).partition(b"\r\n\r\n")
            _, stated, length = head.partition(b"\r\ncontent-length: ")
            self._ends_at = len(head) + 4 + int(length.partition(b"\r\n")[0]) if stated else 0
        return self._length >= self._ends_at if self._ends_at else fresh.endswith(b"\r\n0\r\n\r\n")

    def _end(self) -> None:
        ended, self._ended = self._ended, None
        seen = b"".join(self._seen)
        if self._first and self._crowd.last in seen:
            self._crowd.done += self._counted
            if self._counted:
                self._crowd.whole_ms.append((time.monotonic() - self._began) * 1_000)
                self._crowd.met.update(word for word in self._crowd.noted if word in seen)
        else:
            self._crowd.failed.append(seen[-300:] or b"the connection was lost")
        assert ended is not None
        ended.set_result(None)


async def _user(
    connect: Callable[[], Any], request: Callable[[], bytes], stopping: asyncio.Event, pause_s: float
) -> None:
    await asyncio.sleep(_first_pause_s(pause_s))
    line: _Line | None = None
    while not stopping.is_set():
        if line is None or not line.open:
            _, line = await connect()
        await line.ask(request())
        await asyncio.sleep(random.expovariate(1 / pause_s))
    if line is not None:
        line.close()


def _first_pause_s(pause_s: float, answer_s: float = 2.0) -> float:
    """
    As if the users had come long ago: some are in a pause, the others would be reading an answer, and then pause.

    With all first questions within one pause, a wave of twice the usual rate is what would be measured for a while.
    """
    pause = random.expovariate(1 / pause_s)
    reading = random.random() < answer_s / (pause_s + answer_s)  # noqa: S311  not a secret
    return pause + random.uniform(0, answer_s) if reading else pause  # noqa: S311


async def crowd_of(
    users: int,
    host: str,
    port: int,
    request: Callable[[], bytes],
    *,
    warm_s: float,
    seconds: float,
    pause_s: float = 5.0,
    crowd: Crowd | None = None,
    at_edge: Callable[[], None] = lambda: None,
) -> Crowd:
    """
    Let them ask for ``warm_s`` and then, counted, for ``seconds``; every counted question is waited for.

    ``at_edge`` is called when counting begins and when it ends.
    """
    loop, crowd, stopping = asyncio.get_running_loop(), crowd or Crowd(), asyncio.Event()

    def connect() -> Any:
        return loop.create_connection(lambda: _Line(crowd), host, port)

    tasks = [asyncio.create_task(_user(connect, request, stopping, pause_s)) for _ in range(users)]
    await asyncio.sleep(warm_s)
    at_edge()
    crowd.measuring = True
    await asyncio.sleep(seconds)
    crowd.measuring = False
    at_edge()
    stopping.set()
    await asyncio.wait_for(asyncio.gather(*tasks), 120)
    return crowd
