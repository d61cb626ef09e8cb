"""A circuit breaker: a service that fails is left alone, then tried with one call at a time until it answers."""

import logging
import time
from collections import deque
from collections.abc import Callable
from enum import StrEnum
from typing import Final, NamedTuple

from adapters.resilience.faults import Blame, Fault
from domain.errors import PortUnavailable

WINDOW_S: Final = 60
MIN_CALLS: Final = 5
"""Opens when more than half of at least this many calls in the window failed. One failure alone says nothing."""
FIRST_REST_S: Final = 5.0
LONGEST_REST_S: Final = 60.0
"""Rests 5, 10, 20, 40, 60 s between probes; a success closes it. Source: reliability notes, section 3 (2026-11)."""

_log = logging.getLogger("ibid.resilience")


class BreakerState(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Permit(NamedTuple):
    """Leave for one call. ``age`` tells calls let through before the breaker changed from those after."""

    age: int
    probe: bool


class Breaker:
    """
    Counts one service's calls by ``admit`` and one of ``answered``, ``failed`` and ``abandoned`` for each.

    What a call tells that was let through before the breaker last opened or closed is not counted any more.
    """

    def __init__(self, name: str, *, now: Callable[[], float] = time.monotonic) -> None:
        """``now`` in seconds, only going forward."""
        self.name = name
        self._now = now
        self._window: deque[list[int]] = deque()  # [second, calls, failures]
        self._age = 0
        self._permit = Permit(0, probe=False)
        self._opened = False
        self._rest_s = FIRST_REST_S
        self._due = 0.0
        self._probing = False

    @property
    def state(self) -> BreakerState:
        if not self._opened:
            return BreakerState.CLOSED
        return BreakerState.OPEN if self._now() < self._due else BreakerState.HALF_OPEN

    @property
    def retry_in_s(self) -> float:
        """Seconds until the next probe is let through; 0 when calls are."""
        return max(0.0, self._due - self._now()) if self._opened else 0.0

    def admit(self) -> Permit:
        """Raises PortUnavailable, with the time to come back, while the service is left alone."""
        if not self._opened:
            return self._permit
        if self.state is BreakerState.OPEN or self._probing:
            wait_s = max(1.0, self.retry_in_s)
            raise PortUnavailable(self.name, "is left alone for a while after it failed", retry_after_s=wait_s)
        self._probing = True
        return Permit(self._age, probe=True)

    def answered(self, permit: Permit) -> None:
        """The service answered, if only to refuse this one request."""
        if permit.age != self._age:
            return
        if permit.probe:
            self._change(opened=False)
            self._rest_s = FIRST_REST_S
            _log.info("breaker closed", extra={"port": self.name})
        else:
            self._count(failed=False)

    def failed(self, permit: Permit, fault: Fault) -> None:
        if fault.blame is Blame.REQUEST:
            self.answered(permit)
        elif permit.age != self._age:
            return
        elif permit.probe:
            self._rest_s = min(LONGEST_REST_S, self._rest_s * 2)
            self._open(fault)
        elif self._count(failed=True) or fault.blame is Blame.ACCOUNT:
            self._open(fault)

    def abandoned(self, permit: Permit) -> None:
        """The caller went away before the service could show anything."""
        if permit.probe and permit.age == self._age:
            self._probing = False

    def _open(self, fault: Fault) -> None:
        self._change(opened=True)
        # Asked to wait longer, it is pointless to come sooner; but no service shuts us out for more than a minute.
        rest_s = min(LONGEST_REST_S, max(self._rest_s, fault.retry_after_s or 0.0))
        self._due = self._now() + rest_s
        reason = {"port": self.name, "reason": str(fault.error), "rest_s": round(rest_s, 1)}
        _log.warning("breaker opened", extra=reason)

    def _change(self, *, opened: bool) -> None:
        self._age += 1
        self._permit = Permit(self._age, probe=False)
        self._opened = opened
        self._probing = False
        self._window.clear()

    def _count(self, *, failed: bool) -> bool:
        """Note one call; returns whether more than half of enough calls have failed within the window."""
        second = int(self._now())
        if not self._window or self._window[-1][0] != second:
            self._window.append([second, 0, 0])
            while self._window[0][0] <= second - WINDOW_S:
                self._window.popleft()
        self._window[-1][1] += 1
        if not failed:
            return False
        self._window[-1][2] += 1
        calls = sum(bucket[1] for bucket in self._window)
        return calls >= MIN_CALLS and sum(bucket[2] for bucket in self._window) * 2 > calls
