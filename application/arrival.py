"""What is known of the request at hand, to what serves it, without being passed through each call."""

from contextvars import ContextVar, Token
from typing import Final


class serving:  # noqa: N801  read as what it does: ``with serving(...)``
    """
    A request that came at ``arrived_ms`` of ``Clock.elapsed_ms`` (``perf_counter`` times 1000), under the id that its
    log lines are found by: for whatever is awaited, or begun as a task, within the block.
    """

    __slots__ = ("_before", "arrived_ms", "request_id")

    def __init__(self, arrived_ms: float, request_id: str | None = None) -> None:
        self.arrived_ms = arrived_ms
        self.request_id = request_id

    def __enter__(self) -> None:
        self._before: Token[serving | None] = _SERVED.set(self)

    def __exit__(self, *_: object) -> None:
        _SERVED.reset(self._before)
        del self._before  # which holds what was served before, for as long as a task knows of this


_SERVED: Final[ContextVar[serving | None]] = ContextVar("served", default=None)


def arrived(at_ms: float) -> None:
    """The request that is being served has only now come whole."""
    if (served := _SERVED.get()) is not None:
        served.arrived_ms = at_ms


def waited_s(now_ms: float) -> float:
    """Seconds from the arrival until ``now_ms``; 0 where no request is being served."""
    served = _SERVED.get()
    return 0.0 if served is None else (now_ms - served.arrived_ms) / 1_000


def request_id() -> str | None:
    """The id of the request that is being served, if one is."""
    served = _SERVED.get()
    return None if served is None else served.request_id
