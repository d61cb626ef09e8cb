"""Say what an ingestion will buy before it buys anything: calls, texts and tokens, against what the plan has left."""

import asyncio
import logging
from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from uuid import UUID

from application.ports import PART, Clock, IdSource, Ingestion, StagedDocument, UnitOfWorkFactory
from application.prepare_documents import Preparation, Preparer
from application.reckoning import Count, Reckoning
from application.submit_ingestion import SubmitIngestionCommand, check_sources, found_collection
from domain.access.embedding_plan import EmbeddingPlan
from domain.access.model import Scope
from domain.errors import PortError
from domain.library.chunking import CHUNK_CHARS
from domain.library.model import Collection, Document, collection_name
from domain.library.versions import version_of

_log = logging.getLogger("ibid.ingest")


@dataclass(slots=True)
class PlanIngestion:
    """
    Prepares each document that has changed, and counts; so a plan takes as long as preparing does.

    Where the embedder buys nothing there is nothing to plan.
    ``ahead``: each ingestion is planned before it begins: where a plan bounds the rate, preparing twice costs no time.
    """

    unit_of_work: UnitOfWorkFactory
    preparer: Preparer
    reckoning: Reckoning
    clock: Clock
    ids: IdSource
    ahead: bool = False
    _planned: dict[UUID, asyncio.Lock] = field(default_factory=dict, init=False)

    async def of_request(self, command: SubmitIngestionCommand) -> EmbeddingPlan | None:
        """
        What a request would buy if it were submitted now; nothing of it is stored. None: nothing is ever bought.

        Raises what SubmitIngestion raises, and PortUnavailable.
        """
        command.principal.require(Scope.INGEST)
        name = collection_name(command.collection)
        check_sources(command.sources)
        async with self.unit_of_work() as uow:
            found = await found_collection(uow, name, command.principal)
        if not self.reckoning.texts_a_call:
            return None
        count = Count()
        staged = [StagedDocument(ordinal, source) for ordinal, source in enumerate(command.sources)]
        for first in range(0, len(staged), PART):
            part = staged[first : first + PART]
            await self.count(count, part, name, command.base_url, found, command.principal.collections)
        return await self.reckoning.total(count)

    async def before(self, ingestion: Ingestion) -> None:
        """
        Plan an ingestion that is about to begin and keep the plan with it, once; others wait for that.

        A plan that cannot be made is none: it holds nothing up.
        """
        if not (self.reckoning.texts_a_call and self.ahead) or ingestion.plan is not None:
            return
        lock = self._planned.setdefault(ingestion.id, asyncio.Lock())
        async with lock:
            try:
                await self._keep(ingestion)
            except PortError as error:
                _log.warning("ingestion not planned", extra={"ingestion_id": str(ingestion.id)}, exc_info=error)
        self._planned.pop(ingestion.id, None)

    async def _keep(self, ingestion: Ingestion) -> None:
        async with self.unit_of_work() as uow:
            if (await uow.ingestions.get(ingestion.id, None)).plan is not None:
                return
            found = {one.name: one for one in await uow.collections.all()}.get(ingestion.collection)
            parts = sorted({ordinal // PART for ordinal in await uow.ingestions.pending_ordinals(ingestion.id)})
        count = Count()
        for part in parts:
            async with self.unit_of_work() as uow:
                staged = await uow.ingestions.pending(ingestion.id, range(part * PART, (part + 1) * PART))
            batch = [one for one in staged if isinstance(one, StagedDocument)]
            await self.count(count, batch, ingestion.collection, ingestion.base_url, found, ingestion.granted)
        plan = await self.reckoning.total(count)
        async with self.unit_of_work() as uow:
            await uow.ingestions.keep_plan(ingestion.id, plan)
            await uow.commit()
        told = {"inputs": plan.inputs, "calls": plan.calls, "tokens": plan.tokens, "seconds": plan.seconds}
        level = logging.INFO if plan.short_of is None else logging.WARNING
        _log.log(
            level,
            "ingestion planned",
            extra={"ingestion_id": str(ingestion.id), **told, "short_of": plan.short_of},
        )

    async def count(
        self,
        count: Count,
        batch: Sequence[StagedDocument],
        collection: str,
        base_url: str | None,
        found: Collection | None,
        granted: Set[str] | None,
    ) -> None:
        """``found``: the collection, if it is there. By another embedder than the settings' nothing is bought."""
        language = found.language if found is not None else "en"
        indexed = found.generation if found is not None else None
        cut = CHUNK_CHARS if indexed is None else indexed.chunk_chars
        free = indexed is not None and indexed.place.embedder != self.reckoning.embedder.name
        at = self.clock.now()
        async with self.unit_of_work() as uow:
            known = await uow.documents.by_uri(collection, [one.source.uri for one in batch])
        changed = []
        for one in batch:
            uri, version = one.source.uri, version_of(one.source, base_url)
            before = known.get(uri) or Document(self.ids.new(), collection, uri, uri, None, None, {}, None, at, at)
            if before.version != version:
                changed.append(Preparation(one, before, version, base_url, language, at, cut))
        if changed:
            await self.reckoning.add(count, await self.preparer.prepare(changed), granted, free=free)
