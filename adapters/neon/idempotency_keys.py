"""Idempotency keys on PostgreSQL."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, and_, bindparam, case, delete, literal_column, not_, select
from sqlalchemy.dialects.postgresql import insert

from adapters.neon.tables import TIME, idempotency_keys
from adapters.neon.transaction import Transaction
from application.ports import IDEMPOTENCY_WINDOW, IdempotencyKeys, KeyedRequest
from domain.errors import IdempotencyKeyReused

SWEPT: Final = 10
"""Keys of past windows that one claim takes away: more than it adds, so the table stays as large as a day."""

_k = idempotency_keys.c
_old = idempotency_keys.alias("old")
_KEY: Final = ("tenant", "user", "path", "key")
_given = {
    name: bindparam(f"given_{name}", type_=idempotency_keys.c[name].type)
    for name in (*_KEY, "body_sha256", "effect", "turn_id", "claimed_at")
}
_expired = bindparam("expired", type_=TIME)
_row: ColumnElement[Any] = literal_column("ctid")
_SWEEP = delete(idempotency_keys).where(
    _row.in_(
        select(literal_column("old.ctid"))
        .select_from(_old)
        # One that is claimed anew by this very statement is not for it to delete as well.
        .where(_old.c.claimed_at <= _expired, not_(and_(*(_old.c[name] == _given[name] for name in _KEY))))
        .order_by(_old.c.claimed_at)
        .limit(SWEPT)
        .with_for_update(skip_locked=True)
    )
)
_new = insert(idempotency_keys).values(_given)


def _anew(name: str) -> ColumnElement[Any]:
    """The new claim's value where the old one's time is over; else the old one's, written again to be returned."""
    return case((_k.claimed_at <= _expired, _new.excluded[name]), else_=_k[name])


_CLAIM = (
    _new.on_conflict_do_update(
        index_elements=list(_KEY),
        set_={name: _anew(name) for name in ("body_sha256", "effect", "turn_id", "claimed_at")},
    )
    .returning(_k.effect, _k.body_sha256)
    .add_cte(_SWEEP.cte("swept"))
)


class NeonIdempotencyKeys(IdempotencyKeys):
    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def claim(self, request: KeyedRequest, effect: UUID, *, turn: UUID | None, at: datetime) -> UUID:
        row = await self._transaction.run(
            _CLAIM,
            {
                "given_tenant": request.owner.tenant,
                "given_user": request.owner.user,
                "given_path": request.path,
                "given_key": request.key,
                "given_body_sha256": request.body_sha256,
                "given_effect": effect,
                "given_turn_id": turn,
                "given_claimed_at": at,
                "expired": at - IDEMPOTENCY_WINDOW,
            },
        )
        kept, body_sha256 = row.one()
        if body_sha256 != request.body_sha256:
            raise IdempotencyKeyReused
        return UUID(str(kept))
