"""When a host may be asked next, so that reading a site never becomes a burden to it."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

AT_ONCE: Final = 4
"""Requests that one host is sent at the same time."""
PATIENCE_S: Final = 5.0
"""The longest that a call waits for its turn; beyond, its caller has better to do."""
_HOSTS: Final = 1_000


class NotItsTurn(Exception):
    """The host may be asked ``after_s`` seconds from now."""

    def __init__(self, after_s: float) -> None:
        super().__init__(f"not before {after_s:.1f} s")
        self.after_s = after_s


@dataclass(slots=True)
class _Host:
    next_at: float = 0.0
    room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))


class HostTurns:
    """Turns by host: so many seconds between the beginnings of two requests, and so many requests at a time."""

    def __init__(self, interval_s: float) -> None:
        self.interval_s = interval_s
        self._hosts: OrderedDict[str, _Host] = OrderedDict()

    @asynccontextmanager
    async def turn(self, host: str, *, interval_s: float = 0.0) -> AsyncIterator[None]:
        """Wait for a turn, and hold it. Raises NotItsTurn. ``interval_s`` where the host asks for a longer one."""
        kept = self._kept(host)
        now = asyncio.get_running_loop().time()
        wait_s = kept.next_at - now
        if wait_s > PATIENCE_S:
            raise NotItsTurn(wait_s)
        kept.next_at = max(now, kept.next_at) + max(self.interval_s, interval_s)
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        async with kept.room:
            yield

    def put_off(self, host: str, seconds: float) -> None:
        """The host asked to be left alone for a while."""
        kept = self._kept(host)
        kept.next_at = max(kept.next_at, asyncio.get_running_loop().time() + seconds)

    def _kept(self, host: str) -> _Host:
        kept = self._hosts.setdefault(host, _Host())
        self._hosts.move_to_end(host)
        if len(self._hosts) > _HOSTS:
            self._hosts.popitem(last=False)
        return kept
