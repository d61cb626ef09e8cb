"""Removing what nothing needs any more from PostgreSQL."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import (
    ColumnElement,
    Delete,
    Executable,
    Select,
    Table,
    bindparam,
    delete,
    exists,
    literal_column,
    select,
    text,
)

from adapters.neon.tables import (
    TIME,
    conversations,
    document_versions,
    documents,
    embeddings,
    idempotency_keys,
    index_generations,
    ingestions,
    passages,
    turn_events,
    turn_versions,
    turns,
)
from adapters.neon.transaction import Transaction
from application.ports import IDEMPOTENCY_WINDOW, JOURNAL_WINDOW, SWEPT_AT_ONCE, Retention, RetentionRules

REPLACED_FOR: Final = timedelta(hours=1)
"""An answer that is being written may yet cite the version that it was given; none takes that long."""

LOGGED_FOR: Final = timedelta(days=7)

_before = bindparam("before", type_=TIME)
_v, _d = document_versions.c, documents.c


def _some(table: Table, *conditions: ColumnElement[bool]) -> Delete:
    """Delete a bounded number of rows; what somebody else holds at the moment is left for the next time."""
    return _these(table, select(_row(table)).select_from(table).where(*conditions), table)


def _these(table: Table, chosen: Select[str], *locked: Table) -> Delete:
    some = chosen.limit(bindparam("at_most")).with_for_update(skip_locked=True, of=locked)
    return delete(table).where(_row(table).in_(some))


def _row(table: Table) -> ColumnElement[str]:
    return literal_column(f"{table.name}.ctid")


# Its document is held too: one that is being changed back to this very version keeps it.
_VERSIONS = _these(
    document_versions,
    select(_row(document_versions))
    .join_from(document_versions, documents, _d.id == _v.document_id)
    .where(
        _d.version.is_distinct_from(_v.version),
        _d.updated_at < _before,
        ~exists().where(turn_versions.c.document_id == _v.document_id, turn_versions.c.version == _v.version),
    ),
    document_versions,
    documents,
)
_unfinished = ingestions.c.status.in_([literal_column("'queued'"), literal_column("'running'")])
# Passages of a time before their inputs were noted say nothing of what they need: while there are any, all is kept.
_VECTORS = _some(
    embeddings,
    ~exists().where(passages.c.input_hash == embeddings.c.input_hash),
    ~exists().where(passages.c.input_hash.is_(None)),
    ~exists().where(_unfinished),
)
# Vectors of an embedder that no collection is indexed by any more, or could be rolled back to.
_OTHER_VECTORS = _some(
    embeddings,
    exists().where(index_generations.c.number > 0),
    ~exists().where(index_generations.c.embedder == embeddings.c.embedder),
    ~exists().where(_unfinished),
)
_INGESTIONS = _some(ingestions, ingestions.c.finished_at < _before)
_TURNS = _some(turns, turns.c.created_at < _before, turns.c.status != literal_column("'running'"))
_CONVERSATIONS = _some(
    conversations,
    conversations.c.created_at < _before,
    ~exists(select(turns.c.id).where(turns.c.conversation_id == conversations.c.id).correlate(conversations)),
)
_KEYS = _some(idempotency_keys, idempotency_keys.c.claimed_at <= _before)
_EVENTS = _some(turn_events, turn_events.c.written_at <= _before)
_QUEUE_LOG = text(
    "DELETE FROM pgqueuer_log WHERE ctid IN (SELECT ctid FROM pgqueuer_log WHERE created < :before LIMIT :at_most)"
).bindparams(_before)


class NeonRetention(Retention):
    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def sweep(self, rules: RetentionRules, *, at: datetime, limit: int = SWEPT_AT_ONCE) -> Mapping[str, int]:
        removed = {}
        if rules.turns_days:
            before = at - timedelta(days=rules.turns_days)
            removed["turns"] = await self._delete(_TURNS, before, limit)
            removed["conversations"] = await self._delete(_CONVERSATIONS, before, limit)
        removed["versions"] = await self._delete(_VERSIONS, at - REPLACED_FOR, limit)
        removed["vectors"] = (await self._transaction.run(_VECTORS, {"at_most": limit})).rowcount
        removed["vectors"] += (await self._transaction.run(_OTHER_VECTORS, {"at_most": limit})).rowcount
        if rules.ingestions_days:
            before = at - timedelta(days=rules.ingestions_days)
            removed["ingestions"] = await self._delete(_INGESTIONS, before, limit)
        removed["queue_log"] = await self._delete(_QUEUE_LOG, at - LOGGED_FOR, limit)
        removed["idempotency_keys"] = await self._delete(_KEYS, at - IDEMPOTENCY_WINDOW, limit)
        removed["turn_events"] = await self._delete(_EVENTS, at - JOURNAL_WINDOW, limit)
        return removed

    async def _delete(self, statement: Executable, before: datetime, limit: int) -> int:
        return (await self._transaction.run(statement, {"before": before, "at_most": limit})).rowcount
