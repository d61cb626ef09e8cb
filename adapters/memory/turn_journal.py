"""The events of running turns, in memory."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from adapters.memory.store import InMemoryStore, Transaction
from application.ports import JOURNAL_WINDOW, JournalEntry, TurnJournal


class InMemoryTurnJournal(TurnJournal):
    def __init__(self, store: InMemoryStore, transaction: Transaction) -> None:
        self._store = store
        self._transaction = transaction

    async def append(self, entries: Sequence[JournalEntry], *, at: datetime) -> None:
        journal = self._store.journal
        for key in [key for key, (_, written_at) in journal.items() if written_at <= at - JOURNAL_WINDOW]:
            self._transaction.drop(journal, key)
        for entry in entries:
            if entry.turn_id in self._store.turns and (entry.turn_id, entry.first) not in journal:
                self._transaction.put(journal, (entry.turn_id, entry.first), (entry, at))

    async def read(self, turn_id: UUID, *, after: int) -> JournalEntry:
        frames: list[bytes] = []
        last = False
        while (found := self._store.journal.get((turn_id, after + len(frames) + 1))) is not None:
            frames += found[0].frames
            last = found[0].last
        return JournalEntry(turn_id, after + 1, frames, last)
