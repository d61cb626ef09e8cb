"""The events of running turns on PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import bindparam, delete, literal_column, select
from sqlalchemy.dialects.postgresql import insert

from adapters.neon.statements import each, given_like
from adapters.neon.tables import TIME, turn_events, turns
from adapters.neon.transaction import Transaction
from application.ports import JOURNAL_WINDOW, JournalEntry, TurnJournal

SWEPT: Final = 500
"""Batches of past hours that one append takes away: more than it adds."""

_FRAMES: Final = msgspec.msgpack.Decoder(list[bytes])
_COLUMNS: Final = ("turn_id", "first", "frames", "last")

_e = turn_events.c
_new = given_like(turn_events, "given", *_COLUMNS)
_at = bindparam("at", type_=TIME)
_SWEEP = delete(turn_events).where(
    literal_column("ctid").in_(
        select(literal_column("ctid"))
        .select_from(turn_events)
        .where(_e.written_at <= bindparam("over", type_=TIME))
        .order_by(_e.written_at)
        .limit(SWEPT)
        .with_for_update(skip_locked=True)
    )
)
_APPEND = (
    insert(turn_events)
    .from_select([*_COLUMNS, "written_at"], select(*_new.c, _at).join_from(_new, turns, turns.c.id == _new.c.turn_id))
    .on_conflict_do_nothing()
    .add_cte(_SWEEP.cte("swept"))
)
_READ = (
    select(_e.first, _e.frames, _e.last)
    .where(_e.turn_id == bindparam("turn"), _e.first > bindparam("after"))
    .order_by(_e.first)
)


class NeonTurnJournal(TurnJournal):
    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def append(self, entries: Sequence[JournalEntry], *, at: datetime) -> None:
        rows = [(one.turn_id, one.first, msgspec.msgpack.encode(one.frames), one.last) for one in entries]
        if rows:
            await self._transaction.run(_APPEND, {"at": at, "over": at - JOURNAL_WINDOW, **each(_COLUMNS, rows)})

    async def read(self, turn_id: UUID, *, after: int) -> JournalEntry:
        frames: list[bytes] = []
        ended = False
        for first, encoded, last in await self._transaction.run(_READ, {"turn": turn_id, "after": after}):
            if first != after + len(frames) + 1:
                break
            frames += _FRAMES.decode(encoded)
            ended = last
        return JournalEntry(turn_id, after + 1, frames, ended)
