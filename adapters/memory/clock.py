"""The machine's clock and identifiers; and ones that tests can set."""

import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

from uuid_utils.compat import uuid7

from application.ports import Clock, IdSource


class SystemClock(Clock):
    def now(self) -> datetime:
        return datetime.now(UTC)

    def elapsed_ms(self) -> float:
        return time.perf_counter() * 1_000


class SettableClock(Clock):
    """Stands still until told otherwise."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    def advance(self, by: timedelta) -> None:
        self._at += by

    def now(self) -> datetime:
        return self._at

    def elapsed_ms(self) -> float:
        return self._at.timestamp() * 1_000


class TimeOrderedIds(IdSource):
    """UUIDv7, RFC 9562: a millisecond time stamp, then random bits."""

    def new(self) -> UUID:
        return uuid7()
