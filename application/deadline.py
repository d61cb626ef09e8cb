"""How long the work at hand may still take, known to everything beneath it without being passed through each call."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

_ENDS_AT: Final[ContextVar[float | None]] = ContextVar("ends_at", default=None)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """
    Whatever is awaited inside may take ``seconds`` at most; an earlier deadline of the caller's stays.

    Nothing is cancelled by it: adapters of network services read ``seconds_left`` and neither wait for, nor retry,
    what would come too late. Not for use around a ``yield``: a generator's context is its caller's.
    """
    ends_at = time.monotonic() + seconds
    earlier = _ENDS_AT.get()
    token = _ENDS_AT.set(ends_at if earlier is None else min(earlier, ends_at))
    try:
        yield
    finally:
        _ENDS_AT.reset(token)


def seconds_left(at_most: float) -> float:
    """Seconds until the deadline, 0 when it has passed; ``at_most`` when it is farther away or there is none."""
    ends_at = _ENDS_AT.get()
    return at_most if ends_at is None else max(0.0, min(at_most, ends_at - time.monotonic()))
