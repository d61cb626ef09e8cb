"""Users who ask, read, pause and ask again: bare sockets on uvloop, a connection for each question."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Crowd:
    """
    What the users met: milliseconds to the ``first`` word of each reply, replies that came to their ``last``, what
    failed, how many replies held each of the ``noted`` words, and when each request was ``sent``, by the machine's
    monotonic clock. Of what was asked while it was measured; ``all``: at any time.
    """

    first: bytes = b"event: text"
    last: bytes = b"event: done"
    noted: tuple[bytes, ...] = ()
    first_ms: list[float] = field(default_factory=list)
    asked: int = 0
    done: int = 0
    all: int = 0
    failed: list[bytes] = field(default_factory=list)
    met: Counter[bytes] = field(default_factory=Counter)
    sent: dict[bytes, float] = field(default_factory=dict)
    measuring: bool = False


class _Question(asyncio.Protocol):
    """One question, counted if it was asked while the crowd was measured; ``ended`` when its connection is closed."""

    def __init__(self, request: bytes, crowd: Crowd) -> None:
        self._request, self._crowd = request, crowd
        self._counted = crowd.measuring
        self._seen = bytearray()
        self._first = False
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._began = time.monotonic()  # the loop's own stands still while it is busy
        if self._counted:
            crowd.sent[request] = self._began
        crowd.asked += self._counted
        crowd.all += 1

    def connection_made(self, transport: Any) -> None:
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._seen += data
        if not self._first and self._crowd.first in self._seen:
            self._first = True
            if self._counted:
                self._crowd.first_ms.append((time.monotonic() - self._began) * 1_000)

    def connection_lost(self, error: Exception | None) -> None:
        if self._first and self._crowd.last in self._seen:
            self._crowd.done += self._counted
            if self._counted:
                self._crowd.met.update(word for word in self._crowd.noted if word in self._seen)
        else:
            self._crowd.failed.append(bytes(self._seen[-300:]) or b"the connection was lost")
        self.ended.set_result(None)


async def _user(ask: Callable[[], Any], crowd: Crowd, stopping: asyncio.Event, pause_s: float) -> None:
    await asyncio.sleep(random.uniform(0, pause_s))  # noqa: S311  not a secret
    while not stopping.is_set():
        _, question = await ask()
        await question.ended
        await asyncio.sleep(random.expovariate(1 / pause_s))


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

    def ask() -> Any:
        return loop.create_connection(lambda: _Question(request(), crowd), host, port)

    tasks = [asyncio.create_task(_user(ask, crowd, stopping, pause_s)) for _ in range(users)]
    await asyncio.sleep(warm_s)
    at_edge()
    crowd.measuring = True
    await asyncio.sleep(seconds)
    crowd.measuring = False
    at_edge()
    stopping.set()
    await asyncio.wait_for(asyncio.gather(*tasks), 120)
    return crowd
