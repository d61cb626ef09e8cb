"""Requests counted in PostgreSQL, for processes that share one: by its clock, in one statement, some at a time."""

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import (
    Boolean,
    Integer,
    Interval,
    LargeBinary,
    Text,
    bindparam,
    case,
    cast,
    delete,
    extract,
    func,
    literal,
    or_,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.neon.frequent import Frequent
from adapters.neon.tables import rate_windows
from adapters.neon.transaction import Transaction
from domain.access.ports import RateLimits
from domain.access.rates import WINDOW_S, RateStanding

CLEAR_EVERY: Final = 1_000
"""Statements between two clearings of windows that nobody has touched for an hour."""

LARGEST_BLOCK: Final = 64
BLOCK_SHARE: Final = 256
"""At most this part of what a caller has left is counted ahead, so that the last of it is counted one by one."""
BLOCKS_KEPT: Final = 10_000
"""Callers, some 200 bytes each; what was counted ahead for those that go is lost to them."""

_now = func.clock_timestamp()
_window = literal(timedelta(seconds=WINDOW_S), Interval())
_w = rate_windows.c
# A crash of the database may forget the requests of its last moment. Written through, as what is promised is, a count
# would hold its row, and all who count on it, until the disk has it.
_UNHURRIED = func.set_config(literal("synchronous_commit", Text()), literal("off", Text()), literal(True, Boolean()))
_many = bindparam("many", type_=Integer())
_INSERT = insert(rate_windows).values(bucket=bindparam("of_bucket", type_=LargeBinary()), began_at=_now, used=_many)
_came = _INSERT.excluded.began_at
# One that begins beyond the next window was begun by a clock that has jumped back since. Anything nearer was begun by
# a request that came a moment later and got the row first.
_over = or_(_w.began_at <= _came - _window, _w.began_at > _came + _window)
_TAKE = Frequent(
    _INSERT.on_conflict_do_update(
        index_elements=["bucket"],
        set_={
            "began_at": case((_over, _came), else_=_w.began_at),
            "used": case((_over, _many), else_=func.least(_w.used, bindparam("most", type_=Integer())) + _many),
        },
    ).returning(_w.used, extract("epoch", _w.began_at + _window - _now).label("left_s"), _UNHURRIED)
)
_CLEAR = delete(rate_windows).where(_w.began_at < _now - cast(literal("1 hour"), Interval()))


@dataclass(slots=True)
class _Block:
    """Requests of a caller that are counted already: those after ``used``, up to ``until``, before ``ends_s``."""

    used: int = 0
    until: int = 0
    ends_s: float = 0.0
    size: int = 0
    coming: asyncio.Task[None] | None = None


class NeonRateLimits(RateLimits):
    """
    ``engine`` runs each statement as its own transaction.

    Whoever asks often and has much left is counted in blocks, each twice the last, up to 64 requests: all who ask with
    one key change one row, and a statement a request would be a seventh of what a search costs the database. No more
    than the limit ever passes; what a process has counted ahead and not used, at most a 256th of what was left, is lost
    to the others until the window ends.
    """

    def __init__(self, engine: AsyncEngine, now_s: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._now_s = now_s
        self._blocks: dict[bytes, _Block] = {}
        self._taken = 0

    async def take(self, bucket: bytes, *, limit: int) -> RateStanding:
        if limit < 2 * BLOCK_SHARE:
            used, left_s = await self._count(bucket, 1, limit)
            return _standing(limit, used + 1, left_s)
        block = self._block(bucket)
        while True:
            left_s = block.ends_s - self._now_s()
            if block.used < min(block.until, limit) and left_s > 0:
                block.used += 1
                return _standing(limit, block.used, left_s)
            if block.coming is None:
                size = self._next_size(block, limit)
                if size == 1:
                    sent_s = self._now_s()
                    used, left_s = await self._count(bucket, 1, limit)
                    # One that others were faster than takes from nobody what has been counted ahead meanwhile.
                    if block.used >= block.until or self._now_s() >= block.ends_s:
                        block.used = block.until = used + 1
                        block.ends_s, block.size = sent_s + left_s, 1
                    return _standing(limit, used + 1, left_s)
                # A task of its own: one who asks and goes away takes nothing from the others.
                block.coming = asyncio.create_task(self._fill(block, bucket, size, limit))
                block.coming.add_done_callback(_heard)
            await asyncio.shield(block.coming)
            # What was full may be a window that ended while its count was on the way.
            if block.used >= limit and self._now_s() < block.ends_s:
                return _standing(limit, block.used + 1, block.ends_s - self._now_s())

    def _block(self, bucket: bytes) -> _Block:
        block = self._blocks.get(bucket)
        if block is None:
            if len(self._blocks) >= BLOCKS_KEPT:
                self._blocks.clear()
            block = self._blocks[bucket] = _Block()
        return block

    def _next_size(self, block: _Block, limit: int) -> int:
        left = limit if self._now_s() >= block.ends_s else limit - block.used
        return max(1, min(2 * block.size, LARGEST_BLOCK, left // BLOCK_SHARE))

    async def _fill(self, block: _Block, bucket: bytes, size: int, limit: int) -> None:
        try:
            sent_s = self._now_s()
            used, left_s = await self._count(bucket, size, limit)
            block.used, block.until, block.ends_s, block.size = used, used + size, sent_s + left_s, size
        finally:
            block.coming = None

    async def _count(self, bucket: bytes, many: int, limit: int) -> tuple[int, float]:
        """How many were counted in the window before, ``limit`` at most, and how many seconds it has left."""
        transaction = Transaction(self._engine)
        try:
            [row] = await transaction.fetch(_TAKE, {"of_bucket": bucket, "many": many, "most": limit})
            self._taken += 1
            if self._taken % CLEAR_EVERY == 1:
                await transaction.run(_CLEAR)
        finally:
            await transaction.close()
        return row.used - many, float(row.left_s)


def _heard(filled: asyncio.Task[None]) -> None:
    """Its error is that of those who wait for it, if anybody still does."""
    if not filled.cancelled():
        filled.exception()


def _standing(limit: int, used: int, left_s: float) -> RateStanding:
    return RateStanding(limit, min(used, limit + 1), min(max(1, math.ceil(left_s)), 2 * WINDOW_S))
