"""Requests counted in PostgreSQL, for processes that share one: by its clock, in one statement."""

import math
from datetime import timedelta
from typing import Final

from sqlalchemy import Boolean, Interval, LargeBinary, Text, bindparam, case, cast, delete, extract, func, literal, or_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.neon.frequent import Frequent
from adapters.neon.tables import rate_windows
from adapters.neon.transaction import Transaction
from domain.access.ports import RateLimits
from domain.access.rates import WINDOW_S, RateStanding

CLEAR_EVERY: Final = 1_000
"""Requests between two clearings of windows that nobody has touched for an hour."""

_now = func.clock_timestamp()
_window = literal(timedelta(seconds=WINDOW_S), Interval())
_w = rate_windows.c
# A crash of the database may forget the requests of its last moment. Written through, as what is promised is, a count
# would hold its row, and all who count on it, until the disk has it.
_UNHURRIED = func.set_config(literal("synchronous_commit", Text()), literal("off", Text()), literal(True, Boolean()))
_INSERT = insert(rate_windows).values(bucket=bindparam("of_bucket", type_=LargeBinary()), began_at=_now, used=1)
_came = _INSERT.excluded.began_at
# One that begins beyond the next window was begun by a clock that has jumped back since. Anything nearer was begun by
# a request that came a moment later and got the row first.
_over = or_(_w.began_at <= _came - _window, _w.began_at > _came + _window)
_TAKE = Frequent(
    _INSERT.on_conflict_do_update(
        index_elements=["bucket"],
        set_={
            "began_at": case((_over, _came), else_=_w.began_at),
            "used": case((_over, 1), else_=func.least(_w.used + 1, bindparam("beyond"))),
        },
    ).returning(_w.used, extract("epoch", _w.began_at + _window - _now).label("left_s"), _UNHURRIED)
)
_CLEAR = delete(rate_windows).where(_w.began_at < _now - cast(literal("1 hour"), Interval()))


class NeonRateLimits(RateLimits):
    """``engine`` runs each statement as its own transaction."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._taken = 0

    async def take(self, bucket: bytes, *, limit: int) -> RateStanding:
        transaction = Transaction(self._engine)
        try:
            [row] = await transaction.fetch(_TAKE, {"of_bucket": bucket, "beyond": limit + 1})
            self._taken += 1
            if self._taken % CLEAR_EVERY == 1:
                await transaction.run(_CLEAR)
        finally:
            await transaction.close()
        left_s = math.ceil(row.left_s)
        return RateStanding(limit, min(row.used, limit + 1), min(max(1, left_s), 2 * WINDOW_S))
