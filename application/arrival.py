"""When the request at hand arrived, known to what serves it without being passed through each call."""

from contextvars import ContextVar
from typing import Final

_ARRIVED_MS: Final[ContextVar[float | None]] = ContextVar("arrived_ms", default=None)


def arrived(at_ms: float) -> None:
    """
    A request has come, at ``at_ms`` of ``Clock.elapsed_ms``: ``perf_counter`` times 1000. For whatever is awaited, or
    begun as a task, in this context from now on.
    """
    _ARRIVED_MS.set(at_ms)


def waited_s(now_ms: float) -> float:
    """Seconds from the arrival until ``now_ms``; 0 where no request is being served."""
    arrived_ms = _ARRIVED_MS.get()
    return 0.0 if arrived_ms is None else (now_ms - arrived_ms) / 1_000
