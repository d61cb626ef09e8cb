"""Users who ask, read, pause and ask again: bare sockets on uvloop, one timer each."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Crowd:
    """What the users met: milliseconds to the first text of each question, questions done, and what failed."""

    first_ms: list[float] = field(default_factory=list)
    asked: int = 0
    done: int = 0
    failed: list[bytes] = field(default_factory=list)
    measuring: bool = False


class _User(asyncio.Protocol):
    """One user over one connection that is kept alive: a question, its stream to the end, a pause."""

    def __init__(self, request: Callable[[], bytes], crowd: Crowd, pause_s: float) -> None:
        self._request, self._crowd, self._pause_s = request, crowd, pause_s
        self._loop = asyncio.get_running_loop()
        self._seen = b""
        self._began = 0.0
        self._first = False
        self._counted = False
        self.stopping = False
        self.idle = asyncio.Event()
        self.idle.set()

    def connection_made(self, transport: Any) -> None:
        self._transport: asyncio.Transport = transport
        self._loop.call_later(random.uniform(0, self._pause_s), self._ask)  # noqa: S311  not a secret

    def _ask(self) -> None:
        if self.stopping or self._transport.is_closing():
            return
        self.idle.clear()
        self._began, self._first, self._seen = self._loop.time(), False, b""
        self._counted = self._crowd.measuring
        self._crowd.asked += self._counted
        self._transport.write(self._request())

    def data_received(self, data: bytes) -> None:
        if not self._first:
            self._seen += data
            if not self._seen.startswith(b"HTTP/1.1 200"):
                self._fail(self._seen)
                return
            if b"event: text" in self._seen:
                self._first = True
                if self._counted:
                    self._crowd.first_ms.append((self._loop.time() - self._began) * 1_000)
        self._seen = self._seen[-16:] + data if self._first else self._seen
        if self._seen.endswith(b"0\r\n\r\n"):
            self._crowd.done += self._counted
            self._pause()

    def _pause(self) -> None:
        self.idle.set()
        self._loop.call_later(random.expovariate(1 / self._pause_s), self._ask)

    def _fail(self, what: bytes) -> None:
        self._crowd.failed.append(what[:300])
        self.idle.set()
        self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.idle.is_set():
            self._fail(b"the connection was lost")


async def crowd_of(
    users: int,
    host: str,
    port: int,
    request: Callable[[], bytes],
    *,
    warm_s: float,
    seconds: float,
    pause_s: float = 5.0,
) -> Crowd:
    """Let them ask for ``warm_s`` and then, counted, for ``seconds``; every counted question is waited for."""
    loop, crowd = asyncio.get_running_loop(), Crowd()
    made = []
    for _ in range(users):
        _, user = await loop.create_connection(lambda: _User(request, crowd, pause_s), host, port)
        made.append(user)
    await asyncio.sleep(warm_s)
    crowd.measuring = True
    await asyncio.sleep(seconds)
    crowd.measuring = False
    for user in made:
        user.stopping = True
    await asyncio.wait_for(asyncio.gather(*(user.idle.wait() for user in made)), 120)
    return crowd
