"""Units of work on PostgreSQL."""

from types import TracebackType
from typing import Self

from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.neon.api_keys import NeonApiKeys
from adapters.neon.collections import NeonCollections
from adapters.neon.conversations import NeonConversations
from adapters.neon.documents import NeonDocuments
from adapters.neon.embeddings import NeonEmbeddingStore
from adapters.neon.feedbacks import NeonFeedbacks
from adapters.neon.generations import NeonGenerations
from adapters.neon.idempotency_keys import NeonIdempotencyKeys
from adapters.neon.ingestions import NeonIngestions
from adapters.neon.known_collections import KnownCollections
from adapters.neon.known_pages import NeonKnownPages
from adapters.neon.passage_text import NeonPassageText
from adapters.neon.retention import NeonRetention
from adapters.neon.transaction import Transaction
from adapters.neon.turn_journal import NeonTurnJournal
from adapters.neon.turns import NeonTurns
from adapters.neon.work_queue import NeonJobs
from application.ports import UnitOfWork


class NeonUnitOfWork(UnitOfWork):
    """A transaction at READ COMMITTED; stores that need more take locks of their own."""

    def __init__(self, engine: AsyncEngine, known: KnownCollections | None = None) -> None:
        """``known``: the collections as this process, which alone changes them, last read them."""
        self._transaction = Transaction(engine, known)
        self.collections = NeonCollections(self._transaction)
        self.documents = NeonDocuments(self._transaction)
        self.generations = NeonGenerations(self._transaction)
        self.passage_text = NeonPassageText(self._transaction)
        self.embeddings = NeonEmbeddingStore(self._transaction)
        self.conversations = NeonConversations(self._transaction)
        self.turns = NeonTurns(self._transaction)
        self.feedbacks = NeonFeedbacks(self._transaction)
        self.idempotency_keys = NeonIdempotencyKeys(self._transaction)
        self.turn_journal = NeonTurnJournal(self._transaction)
        self.ingestions = NeonIngestions(self._transaction)
        self.known_pages = NeonKnownPages(self._transaction)
        self.jobs = NeonJobs(self._transaction)
        self.retention = NeonRetention(self._transaction)
        self.api_keys = NeonApiKeys(self._transaction)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._transaction.close()

    async def commit(self) -> None:
        await self._transaction.commit()
