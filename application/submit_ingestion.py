"""Take documents in: when this returns, the request and its documents are safe."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from application.ports import (
    PART,
    Arrival,
    Clock,
    IdSource,
    Ingestion,
    IngestionStatus,
    Job,
    KeyedRequest,
    UnitOfWork,
    UnitOfWorkFactory,
    WorkQueue,
)
from domain.access.model import Principal, Scope
from domain.errors import CollectionNotFound, OutOfRange
from domain.library.model import Collection, SourceDocument, collection_name
from domain.library.web_sources import WebSource


@dataclass(frozen=True, slots=True)
class IngestionRequest:
    """Who wants what kind of ingestion, without its documents."""

    principal: Principal
    collection: str
    base_url: str | None = None
    prune: bool = False
    keyed: KeyedRequest | None = None
    site: WebSource | None = None


@dataclass(frozen=True, slots=True)
class SubmitIngestionCommand:
    """
    ``keyed``: what the request's idempotency key says of it, if it came with one. ``site``: where the documents are,
    in place of ``sources``.
    """

    principal: Principal
    collection: str
    sources: Sequence[SourceDocument]
    base_url: str | None = None
    prune: bool = False
    keyed: KeyedRequest | None = None
    site: WebSource | None = None


@dataclass(slots=True)
class Storing:
    """
    A request that is being stored: its documents are added in as many parts as they come.

    ``replayed``: it was stored before, under the same key; nothing is added to it.
    """

    ingestion: Ingestion
    replayed: bool
    _uow: UnitOfWork
    _count: int = 0

    async def add(self, arrivals: Sequence[Arrival]) -> None:
        if self.replayed:
            return
        await self._uow.ingestions.stage(self.ingestion.id, arrivals, first=self._count)
        self._count += len(arrivals)

    def jobs(self) -> Sequence[Job]:
        return [Job(self.ingestion.id, part) for part in range((self._count + PART - 1) // PART)]


@dataclass(frozen=True, slots=True)
class SubmitIngestion:
    """
    Store the request with its documents, then wake the worker.

    Raises ScopeMissing, CollectionNotFound (a collection that is not there is made for ``admin`` alone), OutOfRange
    for no document or one uri twice, IdempotencyKeyReused, or a PortError.
    """

    unit_of_work: UnitOfWorkFactory
    queue: WorkQueue
    clock: Clock
    ids: IdSource

    async def execute(self, command: SubmitIngestionCommand) -> Ingestion:
        return (await self.execute_once(command)).ingestion

    async def execute_once(self, command: SubmitIngestionCommand) -> Storing:
        """The ingestion as it was stored, and whether the command's key has led to one that was there before."""
        command.principal.require(Scope.INGEST)
        collection_name(command.collection)
        if command.site is None:
            check_sources(command.sources)
        request = IngestionRequest(
            command.principal, command.collection, command.base_url, command.prune, command.keyed, command.site
        )
        async with self.storing(request) as storing:
            await storing.add(command.sources if command.site is None else [command.site.first()])
        return storing

    @asynccontextmanager
    async def storing(self, request: IngestionRequest) -> AsyncIterator[Storing]:
        """One transaction around all that is added; leaving by an error stores nothing."""
        request.principal.require(Scope.INGEST)
        name = collection_name(request.collection)
        ingestion = Ingestion(
            self.ids.new(),
            request.principal.owner,
            name,
            request.base_url,
            request.prune,
            IngestionStatus.QUEUED,
            self.clock.now(),
            source=request.site,
            granted=request.principal.collections,
        )
        async with self.unit_of_work() as uow:
            if request.keyed is not None:
                at = ingestion.created_at
                effect = await uow.idempotency_keys.claim(request.keyed, ingestion.id, turn=None, at=at)
                if effect != ingestion.id:
                    yield Storing(await uow.ingestions.get(effect, None), True, uow)
                    return
            await self._ensure_collection(uow, name, request.principal)
            await uow.ingestions.add(ingestion, ())
            storing = Storing(ingestion, False, uow)
            yield storing
            await uow.jobs.add(storing.jobs())
            await uow.commit()
        self.queue.wake()

    async def _ensure_collection(self, uow: UnitOfWork, name: str, principal: Principal) -> None:
        if await found_collection(uow, name, principal) is None:
            await uow.collections.add(Collection(name, self.clock.now(), title=name))


def check_sources(sources: Sequence[SourceDocument]) -> None:
    """Raises OutOfRange for no document, or one uri twice."""
    if not sources:
        raise OutOfRange("documents", "must name at least one document")
    seen: set[str] = set()
    for position, source in enumerate(sources):
        if source.uri in seen:
            raise OutOfRange(f"documents[{position}].uri", f"{source.uri!r} is named twice in this request")
        seen.add(source.uri)


async def found_collection(uow: UnitOfWork, name: str, principal: Principal) -> Collection | None:
    """The collection to ingest into; None: not there yet, and may be made. Raises CollectionNotFound."""
    if principal.collections is not None and name not in principal.collections:
        raise CollectionNotFound(name)
    found = next((one for one in await uow.collections.all() if one.name == name), None)
    if found is None and not principal.may(Scope.ADMIN):
        raise CollectionNotFound(name)
    return found
