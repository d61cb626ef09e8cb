"""A service in memory for use case tests, and pages that its stories are told with."""

from collections.abc import Mapping, Sequence

from dependency_injector import providers

from adapters.memory.embedder import HashingEmbedder
from application.ask_question import AskQuestion
from application.begin_turn import AskQuestionCommand
from application.events import AskEvent
from application.ingest_documents import IngestDocuments
from application.ports import Ingestion, UnitOfWorkFactory
from application.search_passages import SearchPassages
from application.submit_ingestion import SubmitIngestion, SubmitIngestionCommand
from application.work_ingestions import WorkIngestions
from domain.access.model import Principal, Scope
from domain.conversation.model import AskOptions, Question, Turn
from domain.library.model import Document, Format, SourceDocument
from domain.retrieval.model import Purpose, Vector
from entrypoints.containers import UseCases
from entrypoints.memory_adapters import MemoryAdapters

ADMIN = Principal("default", "admin", frozenset({Scope.ADMIN}))

PINNING = """# Pinning

Ibid pins nothing by itself.

## Exact versions

Pin a dependency with an exact version in the requirements file. An exact version is written with two equal signs.

## Ranges

A range allows every release of one major version. Ranges are written with a tilde.
"""

SNAPSHOTS = """# Snapshots

A snapshot is a copy of the index at one moment. Snapshots are kept for seven days.

## Restoring

Restore a snapshot with the restore command. The restore command stops the service first.
"""


class CountingEmbedder(HashingEmbedder):
    """Tells which passages and which questions it was asked to embed."""

    def __init__(self) -> None:
        super().__init__()
        self.bought: list[str] = []
        self.questions: list[str] = []

    async def embed(self, texts: Sequence[str], *, purpose: Purpose) -> Sequence[Vector]:
        told = self.questions if purpose is Purpose.QUESTION else self.bought
        told += texts
        return await super().embed(texts, purpose=purpose)


class Story:
    """A service in memory, with the verbs that tests tell their stories in."""

    def __init__(self, **instead: object) -> None:
        """``instead``: adapters to use in place of the usual ones, by their names in ``MemoryAdapters``."""
        self.adapters = MemoryAdapters(**{name: providers.Object(adapter) for name, adapter in instead.items()})
        self.use_cases = UseCases(adapters=self.adapters)
        self.ask_question: AskQuestion = self.use_cases.ask_question()
        self.search_passages: SearchPassages = self.use_cases.search_passages()
        self.submit: SubmitIngestion = self.use_cases.submit_ingestion()
        self.ingest_documents: IngestDocuments = self.use_cases.ingest_documents()
        self.worker: WorkIngestions = self.use_cases.work_ingestions()
        self.unit_of_work: UnitOfWorkFactory = self.adapters.unit_of_work

    async def ingest(
        self, pages: Mapping[str, str], *, collection: str = "docs", prune: bool = False, principal: Principal = ADMIN
    ) -> Ingestion:
        ingestion = await self.submitted(pages, collection=collection, prune=prune, principal=principal)
        await self.work()
        async with self.unit_of_work() as uow:
            return await uow.ingestions.get(ingestion.id, None)

    async def work(self) -> None:
        """Work on everything that waits."""
        await self.worker.queue.drain(self.worker.work)

    async def submitted(
        self, pages: Mapping[str, str], *, collection: str = "docs", prune: bool = False, principal: Principal = ADMIN
    ) -> Ingestion:
        sources = [SourceDocument(uri, text, Format.MARKDOWN) for uri, text in pages.items()]
        command = SubmitIngestionCommand(principal, collection, sources, base_url="https://x.test/", prune=prune)
        return await self.submit.execute(command)

    async def ask(
        self,
        question: str,
        *,
        principal: Principal = ADMIN,
        collections: Sequence[str] | None = None,
        options: AskOptions | None = None,
    ) -> Turn:
        stream = await self.ask_question.execute(
            AskQuestionCommand(principal, Question.checked(question), collections, options=options or AskOptions())
        )
        return await stream.turn()

    async def events(self, question: str, *, principal: Principal = ADMIN) -> list[AskEvent]:
        stream = await self.ask_question.execute(AskQuestionCommand(principal, Question.checked(question)))
        return [event async for batch in stream.batches() for event in batch]

    async def document(self, uri: str, *, collection: str = "docs") -> Document:
        async with self.unit_of_work() as uow:
            return (await uow.documents.by_uri(collection, [uri]))[uri]
