"""Removing what nothing needs any more from the in-memory store."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from adapters.memory.store import InMemoryStore, Transaction
from application.ports import Retention, RetentionRules
from domain.conversation.model import TurnStatus


class InMemoryRetention(Retention):
    """Vectors stay until the process ends: what they were made from is not noted here."""

    def __init__(self, store: InMemoryStore, transaction: Transaction) -> None:
        self._store = store
        self._transaction = transaction

    async def sweep(self, rules: RetentionRules, *, at: datetime) -> Mapping[str, int]:
        removed: dict[str, int] = {}
        if rules.turns_days:
            removed |= self._old_turns(at - timedelta(days=rules.turns_days))
        removed["versions"] = self._uncited_versions(at - timedelta(hours=1))
        if rules.ingestions_days:
            removed["ingestions"] = self._old_ingestions(at - timedelta(days=rules.ingestions_days))
        return removed

    def _old_turns(self, before: datetime) -> dict[str, int]:
        old = [
            turn
            for turn in self._store.turns.values()
            if turn.created_at < before and turn.status is not TurnStatus.RUNNING
        ]
        for turn in old:
            self._transaction.drop(self._store.turns, turn.id)
        held = {turn.conversation_id for turn in self._store.turns.values()}
        empty = [one.id for one in self._store.conversations.values() if one.created_at < before and one.id not in held]
        for conversation_id in empty:
            self._transaction.drop(self._store.conversations, conversation_id)
        return {"turns": len(old), "conversations": len(empty)}

    def _uncited_versions(self, before: datetime) -> int:
        cited = {
            (piece.document.id, piece.document.version)
            for turn in self._store.turns.values()
            for piece in (*turn.evidence, *(turn.abstention.closest if turn.abstention else ()))
        }
        uncited = [
            key
            for key in self._store.versions
            if key not in cited
            and (document := self._store.documents.get(key[0])) is not None
            and document.version != key[1]
            and document.updated_at < before
        ]
        for key in uncited:
            self._transaction.drop(self._store.versions, key)
        return len(uncited)

    def _old_ingestions(self, before: datetime) -> int:
        old = [
            kept.ingestion.id
            for kept in self._store.ingestions.values()
            if kept.ingestion.finished_at is not None and kept.ingestion.finished_at < before
        ]
        for ingestion_id in old:
            self._transaction.drop(self._store.ingestions, ingestion_id)
        return len(old)
