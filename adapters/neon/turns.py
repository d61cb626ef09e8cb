"""Turns on PostgreSQL: the columns that rules look at, and the whole turn as JSON."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import Text, Uuid, bindparam, cast, func, literal_column, or_, select, true, tuple_, update
from sqlalchemy.dialects.postgresql import JSONB, insert

from adapters.neon.conversations import conversation_row
from adapters.neon.cursors import Position, decode, encode
from adapters.neon.frequent import Frequent
from adapters.neon.library_state import LIBRARY_STATE
from adapters.neon.presumed_collections import STANDING
from adapters.neon.statements import given
from adapters.neon.tables import TIME, Json, conversations, turn_versions, turns
from adapters.neon.transaction import Transaction
from domain.access.model import Owner
from domain.conversation.model import Conversation, Turn, TurnStatus
from domain.conversation.ports import Turns
from domain.errors import ConversationBusy, TooManyRunning, TurnNotFound
from domain.library.model import UNTOLD, Page

_TURN: Final = msgspec.json.Decoder(Turn)

# A literal, not a parameter: a partial index serves a prepared statement only if its condition is spelt out.
_running = turns.c.status == literal_column("'running'")
_mine = (turns.c.tenant == bindparam("tenant"), turns.c.user == bindparam("user"))

# The partial unique index decides between two that begin at once: the later one waits for the earlier's commit.
_BEGIN = (
    insert(turns).on_conflict_do_nothing(index_elements=["conversation_id"], index_where=_running).returning(turns.c.id)
)

_begun = {
    column.name: bindparam(column.name, type_=column.type) for column in turns.c if column.name != "cancel_asked_at"
}
_opened = {f"opened_{column.name}": column for column in conversations.c}
_OPEN_AND_BEGIN = Frequent(
    insert(turns)
    .values(_begun)
    .add_cte(
        insert(conversations)
        .values({column.name: bindparam(name, type_=column.type) for name, column in _opened.items()})
        .cte("opened")
    )
)

_as_presumed = select(literal_column("1")).where(bindparam("presumed", type_=Text) == STANDING).cte("as_presumed")
_OPEN_AS_PRESUMED = Frequent(
    insert(turns)
    .from_select(list(_begun), select(*_begun.values()).select_from(_as_presumed))
    .add_cte(
        insert(conversations)
        .from_select(
            [column.name for column in _opened.values()],
            select(*[bindparam(name, type_=column.type) for name, column in _opened.items()]).select_from(_as_presumed),
        )
        .cte("opened")
    )
    .returning(LIBRARY_STATE)
)

# Two that begin at once stand in line here until the first is committed: a count alone would miss it.
_IN_LINE = select(func.pg_advisory_xact_lock(func.hashtextextended(bindparam("line", type_=Text), literal_column("0"))))
_RUNNING_OF_USER = select(func.count()).where(_running, *_mine, turns.c.lease_until > bindparam("now", type_=TIME))

_interrupted = update(turns).values(
    status=TurnStatus.INTERRUPTED.value,
    body=cast(
        func.jsonb_set(cast(turns.c.body, JSONB), literal_column("'{status}'"), literal_column("'\"interrupted\"'")),
        Json,
    ),
)
_INTERRUPT_IN_CONVERSATION = _interrupted.where(
    _running, turns.c.conversation_id == bindparam("conversation"), turns.c.lease_until <= bindparam("now", type_=TIME)
).returning(turns.c.id)
_INTERRUPT_LOST = _interrupted.where(
    _running,
    or_(
        turns.c.lease_until <= bindparam("now", type_=TIME),
        turns.c.holder != bindparam("only_holder", type_=Text),
        turns.c.holder == bindparam("lost_holder", type_=Text),
    ),
)

_ended = (
    update(turns)
    .where(turns.c.id == bindparam("turn"), _running)
    .values(status=bindparam("new_status"), body=bindparam("new_body", type_=Json))
    .returning(turns.c.id)
    .cte("ended")
)
_cited = given("cited", {"document_id": Uuid(), "version": Text()})
_FINISH = Frequent(
    insert(turn_versions).from_select(
        ["turn_id", "document_id", "version"],
        select(_ended.c.id, _cited.c.document_id, _cited.c.version).select_from(_ended.join(_cited, true())),
    )
)

_ASK_TO_CANCEL = (
    update(turns)
    .where(
        turns.c.id == bindparam("turn"),
        turns.c.tenant == bindparam("of_tenant"),
        turns.c.user == bindparam("of_user"),
        _running,
    )
    .values(cancel_asked_at=bindparam("at", type_=TIME))
)
_TO_BE_CANCELLED = select(turns.c.id).where(
    _running, turns.c.holder == bindparam("of_holder"), turns.c.cancel_asked_at.is_not(None)
)

_GET = select(turns.c.body).where(turns.c.id == bindparam("id"), *_mine)
_NEWEST = (
    select(turns.c.body)
    .where(turns.c.conversation_id == bindparam("conversation"), *_mine)
    .order_by(turns.c.created_at.desc(), turns.c.id.desc())
    .limit(bindparam("rows"))
)
_OLDER = _NEWEST.where(
    tuple_(turns.c.created_at, turns.c.id) < tuple_(bindparam("at", type_=TIME), bindparam("last", type_=Uuid()))
)


class NeonTurns(Turns):
    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def begin(
        self,
        turn: Turn,
        *,
        holder: str,
        lease_until: datetime,
        of_user_at_most: int | None = None,
        opens: Conversation | None = None,
        presumed: str | None = None,
    ) -> str | None:
        if of_user_at_most is not None:
            await self._refuse_more(of_user_at_most, turn)
        row = {
            "id": turn.id,
            "conversation_id": turn.conversation_id,
            "tenant": turn.owner.tenant,
            "user": turn.owner.user,
            "status": turn.status.value,
            "created_at": turn.created_at,
            "lease_until": lease_until,
            "holder": holder,
            "body": _encoded(turn),
        }
        if opens is not None:
            row |= {f"opened_{key}": value for key, value in conversation_row(opens).items()}
            if presumed is not None:
                rows = await self._transaction.fetch(_OPEN_AS_PRESUMED, row | {"presumed": presumed})
                return str(rows[0][0]) if rows else None
            await self._transaction.fetch(_OPEN_AND_BEGIN, row)
            return UNTOLD
        if await self._begun(row):
            return UNTOLD
        lost = {"conversation": turn.conversation_id, "now": turn.created_at}
        interrupted = (await self._transaction.run(_INTERRUPT_IN_CONVERSATION, lost)).one_or_none()
        if interrupted is None or not await self._begun(row):
            raise ConversationBusy(turn.conversation_id)
        return UNTOLD

    async def _refuse_more(self, at_most: int, turn: Turn) -> None:
        await self._transaction.run(_IN_LINE, {"line": f"turns of {turn.owner.tenant} {turn.owner.user}"})
        wanted = {"tenant": turn.owner.tenant, "user": turn.owner.user, "now": turn.created_at}
        if (await self._transaction.run(_RUNNING_OF_USER, wanted)).scalar_one() >= at_most:
            raise TooManyRunning(at_most)

    async def _begun(self, row: dict[str, Any]) -> bool:
        return (await self._transaction.run(_BEGIN, row)).one_or_none() is not None

    async def finish(self, turn: Turn) -> None:
        shown = (*turn.evidence, *(turn.abstention.closest if turn.abstention else ()))
        cited = list(dict.fromkeys((piece.document.id, piece.document.version) for piece in shown))
        await self._transaction.fetch(
            _FINISH,
            {
                "turn": turn.id,
                "new_status": turn.status.value,
                "new_body": _encoded(turn),
                "each_document_id": [document_id for document_id, _ in cited],
                "each_version": [version for _, version in cited],
            },
        )

    async def get(self, turn_id: UUID, owner: Owner) -> Turn:
        wanted = {"id": turn_id, "tenant": owner.tenant, "user": owner.user}
        body = (await self._transaction.run(_GET, wanted)).scalar_one_or_none()
        if body is None:
            raise TurnNotFound(turn_id)
        return _TURN.decode(body)

    async def of_conversation(
        self, conversation_id: UUID, owner: Owner, *, limit: int, cursor: str | None
    ) -> Page[Turn]:
        listing = f"turns of {conversation_id}"
        wanted: dict[str, Any] = {
            "conversation": conversation_id,
            "tenant": owner.tenant,
            "user": owner.user,
            "rows": limit + 1,
        }
        if cursor is not None:
            wanted["at"], wanted["last"] = decode(listing, cursor)
        rows = (await self._transaction.run(_NEWEST if cursor is None else _OLDER, wanted)).scalars()
        found = [_TURN.decode(body) for body in rows]
        last = found[:limit][-1] if len(found) > limit else None
        return Page(found[:limit], encode(listing, Position(last.created_at, last.id)) if last else None)

    async def ask_to_cancel(self, turn_id: UUID, owner: Owner, *, at: datetime) -> None:
        wanted = {"turn": turn_id, "of_tenant": owner.tenant, "of_user": owner.user, "at": at}
        await self._transaction.run(_ASK_TO_CANCEL, wanted)

    async def to_be_cancelled(self, holder: str) -> Sequence[UUID]:
        return list((await self._transaction.run(_TO_BE_CANCELLED, {"of_holder": holder})).scalars())

    async def interrupt_lost(
        self, *, now: datetime, lost_holders_all_but: str | None, lost_holder: str | None = None
    ) -> int:
        # Compared with NULL nothing is true: then leases alone decide.
        which = {"now": now, "only_holder": lost_holders_all_but, "lost_holder": lost_holder}
        lost = await self._transaction.run(_INTERRUPT_LOST, which)
        return int(lost.rowcount)


def _encoded(turn: Turn) -> str:
    return msgspec.json.encode(turn).decode()
