"""Feedback on PostgreSQL."""

from uuid import UUID

from sqlalchemy import ARRAY, Text, Uuid, bindparam, select
from sqlalchemy.dialects.postgresql import insert

from adapters.neon.tables import TIME, feedback, turns
from adapters.neon.transaction import AnyRow, Transaction
from domain.access.model import Owner
from domain.conversation.model import Feedback, FeedbackReason, Rating
from domain.conversation.ports import Feedbacks
from domain.errors import FeedbackNotFound, TurnNotFound

_f = feedback.c
_my_turn = (
    turns.c.id == bindparam("turn", type_=Uuid()),
    turns.c.tenant == bindparam("tenant", type_=Text),
    turns.c.user == bindparam("user", type_=Text),
)
_COLUMNS = ("rating", "reasons", "comment", "created_at", "updated_at")
_at = bindparam("at", type_=TIME)
_new = insert(feedback).from_select(
    ["turn_id", *_COLUMNS],
    select(
        turns.c.id,
        bindparam("rating", type_=Text),
        bindparam("reasons", type_=ARRAY(Text)),
        bindparam("comment", type_=Text),
        _at,
        _at,
    ).where(*_my_turn),
)
_PUT = _new.on_conflict_do_update(
    index_elements=["turn_id"],
    set_={name: _new.excluded[name] for name in _COLUMNS if name != "created_at"},
).returning(*feedback.c)
_GET = select(feedback).join_from(feedback, turns, turns.c.id == _f.turn_id).where(*_my_turn)


class NeonFeedbacks(Feedbacks):
    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def put(self, feedback: Feedback, owner: Owner) -> Feedback:
        row = await self._transaction.run(
            _PUT,
            {
                "turn": feedback.turn_id,
                "tenant": owner.tenant,
                "user": owner.user,
                "rating": feedback.rating.value,
                "reasons": [reason.value for reason in feedback.reasons],
                "comment": feedback.comment,
                "at": feedback.updated_at,
            },
        )
        stored = row.one_or_none()
        if stored is None:
            raise TurnNotFound(feedback.turn_id)
        return _feedback(stored)

    async def get(self, turn_id: UUID, owner: Owner) -> Feedback:
        wanted = {"turn": turn_id, "tenant": owner.tenant, "user": owner.user}
        row = (await self._transaction.run(_GET, wanted)).one_or_none()
        if row is None:
            raise FeedbackNotFound(turn_id)
        return _feedback(row)


def _feedback(row: AnyRow) -> Feedback:
    reasons = tuple(FeedbackReason(reason) for reason in row.reasons)
    return Feedback(row.turn_id, Rating(row.rating), reasons, row.comment, row.created_at, row.updated_at)
