"""When a service wants to be asked again."""

import math
import time
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

_LONGEST_S: Final = 24 * 3600.0
_RELATIVE_BELOW: Final = 10_000_000
"""X-RateLimit-Reset: a smaller number counts seconds from now, a larger one is a point in Unix time."""


def retry_after_s(headers: Mapping[str, str], *, now: float | None = None) -> float | None:
    """
    Seconds to wait, 0 to one day; None when the headers say nothing that can be read.

    ``retry-after-ms`` before ``Retry-After`` (seconds or an HTTP date) before ``X-RateLimit-Reset`` (Unix time in
    seconds or milliseconds), as Cohere's SDK reads them (wire notes, read 2026-11). ``now`` is Unix time.
    """
    now = time.time() if now is None else now
    for name, read in (("retry-after-ms", _milliseconds), ("retry-after", _after), ("x-ratelimit-reset", _reset)):
        given = headers.get(name)
        wait = None if given is None else read(given.strip(), now)
        if wait is not None and math.isfinite(wait):
            return min(max(wait, 0.0), _LONGEST_S)
    return None


def _milliseconds(value: str, _: float) -> float | None:
    number = _number(value)
    return None if number is None else number / 1000


def _after(value: str, now: float) -> float | None:
    if (number := _number(value)) is not None:
        return number
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    # A date without a zone is in UTC, as HTTP's always are.
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now


def _reset(value: str, now: float) -> float | None:
    number = _number(value)
    if number is None or number < _RELATIVE_BELOW:
        return number
    return (number / 1000 if number > 100_000_000_000 else number) - now


def _number(value: str) -> float | None:
    try:
        return float(value)
    except ValueError:
        return None
