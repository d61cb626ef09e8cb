"""Removing what nothing needs any more from PostgreSQL."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import bindparam, delete, exists, literal_column, select, text

from adapters.neon.tables import (
    TIME,
    conversations,
    document_versions,
    documents,
    embeddings,
    ingestions,
    passages,
    turn_versions,
    turns,
)
from adapters.neon.transaction import Transaction
from application.ports import Retention, RetentionRules

REPLACED_FOR: Final = timedelta(hours=1)
"""An answer that is being written may yet cite the version that it was given; none takes that long."""

LOGGED_FOR: Final = timedelta(days=7)

_before = bindparam("before", type_=TIME)
_v, _d = document_versions.c, documents.c

_VERSIONS = delete(document_versions).where(
    _v.document_id == _d.id,
    _v.version.is_distinct_from(_d.version),
    _d.updated_at < _before,
    ~exists().where(turn_versions.c.document_id == _v.document_id, turn_versions.c.version == _v.version),
)
_unfinished = ingestions.c.status.in_([literal_column("'queued'"), literal_column("'running'")])
# Passages of a time before their inputs were noted say nothing of what they need: while there are any, all is kept.
_VECTORS = delete(embeddings).where(
    ~exists().where(passages.c.input_hash == embeddings.c.input_hash),
    ~exists().where(passages.c.input_hash.is_(None)),
    ~exists().where(_unfinished),
)
_INGESTIONS = delete(ingestions).where(ingestions.c.finished_at < _before)
_TURNS = delete(turns).where(turns.c.created_at < _before, turns.c.status != literal_column("'running'"))
_CONVERSATIONS = delete(conversations).where(
    conversations.c.created_at < _before,
    ~exists(select(turns.c.id).where(turns.c.conversation_id == conversations.c.id).correlate(conversations)),
)
_QUEUE_LOG = text("DELETE FROM pgqueuer_log WHERE created < :before").bindparams(_before)


class NeonRetention(Retention):
    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def sweep(self, rules: RetentionRules, *, at: datetime) -> Mapping[str, int]:
        removed = {}
        if rules.turns_days:
            before = at - timedelta(days=rules.turns_days)
            removed["turns"] = await self._delete(_TURNS, before)
            removed["conversations"] = await self._delete(_CONVERSATIONS, before)
        removed["versions"] = await self._delete(_VERSIONS, at - REPLACED_FOR)
        removed["vectors"] = (await self._transaction.run(_VECTORS)).rowcount
        if rules.ingestions_days:
            removed["ingestions"] = await self._delete(_INGESTIONS, at - timedelta(days=rules.ingestions_days))
        removed["queue_log"] = await self._delete(_QUEUE_LOG, at - LOGGED_FOR)
        return removed

    async def _delete(self, statement: Any, before: datetime) -> int:
        return (await self._transaction.run(statement, {"before": before})).rowcount
