"""Take documents in: when this returns, the request and its documents are safe."""

from collections.abc import Sequence
from dataclasses import dataclass

from application.ports import Clock, IdSource, Ingestion, IngestionStatus, UnitOfWork, UnitOfWorkFactory, WorkQueue
from domain.access.model import Principal, Scope
from domain.errors import CollectionNotFound, OutOfRange
from domain.library.model import Collection, SourceDocument, collection_name


@dataclass(frozen=True, slots=True)
class SubmitIngestionCommand:
    principal: Principal
    collection: str
    sources: Sequence[SourceDocument]
    base_url: str | None = None
    prune: bool = False


@dataclass(frozen=True, slots=True)
class SubmitIngestion:
    """
    Store the request with its documents, then wake the worker.

    Raises ScopeMissing, CollectionNotFound (a collection that is not there is made for ``admin`` alone), OutOfRange
    for no document or one uri twice, or a PortError.
    """

    unit_of_work: UnitOfWorkFactory
    queue: WorkQueue
    clock: Clock
    ids: IdSource

    async def execute(self, command: SubmitIngestionCommand) -> Ingestion:
        command.principal.require(Scope.INGEST)
        name = collection_name(command.collection)
        self._check(command.sources)
        ingestion = Ingestion(
            self.ids.new(),
            command.principal.owner,
            name,
            command.base_url,
            command.prune,
            IngestionStatus.QUEUED,
            self.clock.now(),
        )
        async with self.unit_of_work() as uow:
            await self._ensure_collection(uow, name, command.principal)
            await uow.ingestions.add(ingestion, command.sources)
            await uow.commit()
        self.queue.wake(ingestion.id)
        return ingestion

    @staticmethod
    def _check(sources: Sequence[SourceDocument]) -> None:
        if not sources:
            raise OutOfRange("documents", "must name at least one document")
        seen: set[str] = set()
        for position, source in enumerate(sources):
            if source.uri in seen:
                raise OutOfRange(f"documents[{position}].uri", f"{source.uri!r} is named twice in this request")
            seen.add(source.uri)

    async def _ensure_collection(self, uow: UnitOfWork, name: str, principal: Principal) -> None:
        if principal.collections is not None and name not in principal.collections:
            raise CollectionNotFound(name)
        if any(collection.name == name for collection in await uow.collections.all()):
            return
        if not principal.may(Scope.ADMIN):
            raise CollectionNotFound(name)
        await uow.collections.add(Collection(name, self.clock.now(), title=name))
