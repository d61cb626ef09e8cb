"""Requests counted in this process."""

import math
from dataclasses import dataclass
from typing import Final

from application.ports import Clock
from domain.access.ports import RateLimits
from domain.access.rates import WINDOW_S, RateStanding

MAX_BUCKETS: Final = 100_000
"""Some 20 MB. Whoever comes with more addresses than these within a minute gets the oldest of them forgotten."""


@dataclass(slots=True)
class _Window:
    began_ms: float
    used: int


class InMemoryRateLimits(RateLimits):
    """By the clock that only goes forward. Nothing is awaited, so nothing comes between counting and telling."""

    def __init__(self, clock: Clock, *, max_buckets: int = MAX_BUCKETS) -> None:
        self._clock = clock
        self._max_buckets = max_buckets
        self._windows: dict[bytes, _Window] = {}  # in the order in which they began

    async def take(self, bucket: bytes, *, limit: int) -> RateStanding:
        now_ms = self._clock.elapsed_ms()
        window = self._windows.get(bucket)
        if window is None or self._is_over(window, now_ms):
            window = self._begin(bucket, now_ms)
        window.used = min(window.used + 1, limit + 1)
        return RateStanding(limit, window.used, max(1, math.ceil((window.began_ms - now_ms) / 1_000 + WINDOW_S)))

    def _begin(self, bucket: bytes, now_ms: float) -> _Window:
        self._windows.pop(bucket, None)
        while self._windows:
            oldest = next(iter(self._windows))
            if len(self._windows) < self._max_buckets and not self._is_over(self._windows[oldest], now_ms):
                break
            del self._windows[oldest]
        window = self._windows[bucket] = _Window(now_ms, 0)
        return window

    @staticmethod
    def _is_over(window: _Window, now_ms: float) -> bool:
        return now_ms - window.began_ms >= WINDOW_S * 1_000
