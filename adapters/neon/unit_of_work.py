"""Units of work on PostgreSQL."""

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Final, Self

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
from adapters.neon.known_passages import KnownPassages
from adapters.neon.passage_text import NeonPassageText
from adapters.neon.presumed_collections import PresumedCollections
from adapters.neon.retention import NeonRetention
from adapters.neon.transaction import Transaction
from adapters.neon.turn_journal import NeonTurnJournal
from adapters.neon.turns import NeonTurns
from adapters.neon.work_queue import NeonJobs
from application.ports import UnitOfWork

_STORES: Final[Mapping[str, Callable[[Transaction], object]]] = {
    "collections": NeonCollections,
    "documents": NeonDocuments,
    "generations": NeonGenerations,
    "passage_text": NeonPassageText,
    "embeddings": NeonEmbeddingStore,
    "conversations": NeonConversations,
    "turns": NeonTurns,
    "feedbacks": NeonFeedbacks,
    "idempotency_keys": NeonIdempotencyKeys,
    "turn_journal": NeonTurnJournal,
    "ingestions": NeonIngestions,
    "known_pages": NeonKnownPages,
    "jobs": NeonJobs,
    "retention": NeonRetention,
    "api_keys": NeonApiKeys,
}


class NeonUnitOfWork(UnitOfWork):
    """A transaction at READ COMMITTED; stores that need more take locks of their own."""

    def __init__(
        self,
        engine: AsyncEngine,
        known: KnownCollections | None = None,
        presumed: PresumedCollections | None = None,
        known_passages: KnownPassages | None = None,
    ) -> None:
        """
        ``known``: the collections as this process, which alone changes them, last read them; ``presumed``: as one that
        does not last did. ``known_passages``: as it last read them, for units that only read.
        """
        self._transaction = Transaction(engine, known, presumed, known_passages)

    def __getattr__(self, name: str) -> Any:
        """A store, made when it is first asked for: a question's units use one or two of them each."""
        if (make := _STORES.get(name)) is None:
            raise AttributeError(name)
        store = make(self._transaction)
        setattr(self, name, store)
        return store

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._transaction.close()

    async def commit(self) -> None:
        await self._transaction.commit()
