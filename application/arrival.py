"""When the request at hand arrived, known to what serves it without being passed through each call."""

import time
from contextvars import ContextVar
from typing import Final

_ARRIVED_S: Final[ContextVar[float | None]] = ContextVar("arrived_s", default=None)


def arrived() -> None:
    """A request has come; for whatever is awaited, or begun as a task, in this context from now on."""
    _ARRIVED_S.set(time.monotonic())


def since_arrival_s() -> float:
    """Seconds; 0 where no request is being served."""
    arrived_s = _ARRIVED_S.get()
    return 0.0 if arrived_s is None else time.monotonic() - arrived_s
