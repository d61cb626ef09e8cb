"""Removing what nothing needs any more from the in-memory store."""

from collections.abc import Mapping, MutableMapping, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from adapters.memory.store import InMemoryStore, Transaction
from application.ports import IDEMPOTENCY_WINDOW, JOURNAL_WINDOW, SWEPT_AT_ONCE, Retention, RetentionRules
from domain.conversation.model import TurnStatus

K = TypeVar("K")
V = TypeVar("V")


class InMemoryRetention(Retention):
    """Vectors stay until the process ends: what they were made from is not noted here."""

    def __init__(self, store: InMemoryStore, transaction: Transaction) -> None:
        self._store = store
        self._transaction = transaction

    async def sweep(self, rules: RetentionRules, *, at: datetime, limit: int = SWEPT_AT_ONCE) -> Mapping[str, int]:
        removed: dict[str, int] = {}
        if rules.turns_days:
            removed |= self._old_turns(at - timedelta(days=rules.turns_days), limit)
        removed["versions"] = self._uncited_versions(at - timedelta(hours=1), limit)
        if rules.ingestions_days:
            removed["ingestions"] = self._old_ingestions(at - timedelta(days=rules.ingestions_days), limit)
        keys = [key for key, claim in self._store.claims.items() if claim.at <= at - IDEMPOTENCY_WINDOW]
        removed["idempotency_keys"] = self._drop(self._store.claims, keys[:limit])
        events = [key for key, (_, written) in self._store.journal.items() if written <= at - JOURNAL_WINDOW]
        removed["turn_events"] = self._drop(self._store.journal, events[:limit])
        return removed

    def _drop(self, table: MutableMapping[K, V], keys: Sequence[K]) -> int:
        for key in keys:
            self._transaction.drop(table, key)
        return len(keys)

    def _old_turns(self, before: datetime, limit: int) -> dict[str, int]:
        old = [
            turn.id
            for turn in self._store.turns.values()
            if turn.created_at < before and turn.status is not TurnStatus.RUNNING
        ]
        turns = self._drop(self._store.turns, old[:limit])
        held = {turn.conversation_id for turn in self._store.turns.values()}
        empty = [one.id for one in self._store.conversations.values() if one.created_at < before and one.id not in held]
        return {"turns": turns, "conversations": self._drop(self._store.conversations, empty[:limit])}

    def _uncited_versions(self, before: datetime, limit: int) -> int:
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
        for version in uncited[:limit]:
            cuts = [cut for cut in self._store.cuts if cut[:2] == version]
            self._drop(self._store.cuts, cuts)
        return self._drop(self._store.versions, uncited[:limit])

    def _old_ingestions(self, before: datetime, limit: int) -> int:
        old = [
            kept.ingestion.id
            for kept in self._store.ingestions.values()
            if kept.ingestion.finished_at is not None and kept.ingestion.finished_at < before
        ]
        return self._drop(self._store.ingestions, old[:limit])
