"""Units of work over the in-memory store."""

from types import TracebackType
from typing import Self

from adapters.memory.access import InMemoryApiKeys
from adapters.memory.conversations import InMemoryConversations, InMemoryFeedbacks, InMemoryTurns
from adapters.memory.generations import InMemoryGenerations
from adapters.memory.idempotency import InMemoryIdempotencyKeys
from adapters.memory.ingestions import InMemoryIngestions
from adapters.memory.known_pages import InMemoryKnownPages
from adapters.memory.library import InMemoryCollections, InMemoryDocuments, InMemoryEmbeddingStore
from adapters.memory.passage_text import InMemoryPassageText
from adapters.memory.retention import InMemoryRetention
from adapters.memory.store import InMemoryStore, Transaction
from adapters.memory.turn_journal import InMemoryTurnJournal
from adapters.memory.work_queue import InMemoryJobs
from application.ports import UnitOfWork


class InMemoryUnitOfWork(UnitOfWork):
    """
    Writes go straight to the shared tables and are undone unless committed.

    No store awaits anything, so another task sees half a unit only if its owner awaits something else in the middle,
    which the use cases do not do.
    """

    def __init__(self, store: InMemoryStore) -> None:
        self._transaction = Transaction()
        self.collections = InMemoryCollections(store, self._transaction)
        self.documents = InMemoryDocuments(store, self._transaction)
        self.generations = InMemoryGenerations(store, self._transaction)
        self.passage_text = InMemoryPassageText(store)
        self.embeddings = InMemoryEmbeddingStore(store, self._transaction)
        self.conversations = InMemoryConversations(store, self._transaction)
        self.turns = InMemoryTurns(store, self._transaction)
        self.feedbacks = InMemoryFeedbacks(store, self._transaction)
        self.idempotency_keys = InMemoryIdempotencyKeys(store, self._transaction)
        self.turn_journal = InMemoryTurnJournal(store, self._transaction)
        self.ingestions = InMemoryIngestions(store, self._transaction)
        self.known_pages = InMemoryKnownPages(store, self._transaction)
        self.jobs = InMemoryJobs(store, self._transaction)
        self.retention = InMemoryRetention(store, self._transaction)
        self.api_keys = InMemoryApiKeys(store, self._transaction)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._transaction.roll_back()

    async def commit(self) -> None:
        self._transaction.keep()
