"""Users who ask, read, pause and ask again: bare sockets on uvloop, a connection for each question."""

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


class _Question(asyncio.Protocol):
    """One question, counted if it was asked while the crowd was measured; ``ended`` when its connection is closed."""

    def __init__(self, request: bytes, crowd: Crowd) -> None:
        self._request, self._crowd = request, crowd
        self._loop = asyncio.get_running_loop()
        self._counted = crowd.measuring
        self._seen = b""
        self._first = False
        self._complete = False
        self.ended: asyncio.Future[None] = self._loop.create_future()
        self._began = self._loop.time()
        crowd.asked += self._counted

    def connection_made(self, transport: Any) -> None:
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if not self._first:
            self._seen += data
            if b"event: text" in self._seen:
                self._first = True
                if self._counted:
                    self._crowd.first_ms.append((self._loop.time() - self._began) * 1_000)
        self._complete = self._complete or b"event: done" in data

    def connection_lost(self, error: Exception | None) -> None:
        if self._complete and self._first:
            self._crowd.done += self._counted
        else:
            self._crowd.failed.append(self._seen[:120] or b"the connection was lost")
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
) -> Crowd:
    """Let them ask for ``warm_s`` and then, counted, for ``seconds``; every counted question is waited for."""
    loop, crowd, stopping = asyncio.get_running_loop(), Crowd(), asyncio.Event()

    def ask() -> Any:
        return loop.create_connection(lambda: _Question(request(), crowd), host, port)

    tasks = [asyncio.create_task(_user(ask, crowd, stopping, pause_s)) for _ in range(users)]
    await asyncio.sleep(warm_s)
    crowd.measuring = True
    await asyncio.sleep(seconds)
    crowd.measuring = False
    stopping.set()
    await asyncio.wait_for(asyncio.gather(*tasks), 120)
    return crowd
