"""When the request at hand arrived, known to what serves it without being passed through each call."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

_ARRIVED_MS: Final[ContextVar[float | None]] = ContextVar("arrived_ms", default=None)


@contextmanager
def serving(arrived_ms: float) -> Iterator[None]:
    """
    A request that came at ``arrived_ms`` of ``Clock.elapsed_ms`` (``perf_counter`` times 1000): for whatever is
    awaited, or begun as a task, within the block.
    """
    before = _ARRIVED_MS.set(arrived_ms)
    try:
        yield
    finally:
        _ARRIVED_MS.reset(before)


def arrived(at_ms: float) -> None:
    """The request that is being served has only now come whole."""
    _ARRIVED_MS.set(at_ms)


def waited_s(now_ms: float) -> float:
    """Seconds from the arrival until ``now_ms``; 0 where no request is being served."""
    arrived_ms = _ARRIVED_MS.get()
    return 0.0 if arrived_ms is None else (now_ms - arrived_ms) / 1_000
