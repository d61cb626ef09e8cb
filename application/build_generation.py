"""
Build a generation of a collection from the database alone, and switch to it when it is whole.

Each batch goes into the index beside first, and is noted then: whoever is killed in between does it again. Documents
that change meanwhile are noted no more and built again at the end; the switch comes in one transaction, while nobody
changes the collection, and only when nothing is lacking. Until then the generation before answers, whole.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from application.embedders import Embedders
from application.ingest_documents import points_of
from application.passage_vectors import PassageVectors
from application.ports import (
    PART,
    Clock,
    DocumentOutcome,
    Ingestion,
    IngestionStatus,
    Outcome,
    RetentionRules,
    UnitOfWork,
    UnitOfWorkFactory,
)
from application.prepare_documents import PreparedDocument, Preparer, Recutting
from application.repair_index import indexed_ids, remove_orphans
from domain.access.embedding_plan import Embedded
from domain.errors import CollectionNotFound, IngestionNotFound, PortError, PortRefused, PortUnavailable
from domain.library.generations import GenerationState, IndexPlace, LiveGeneration, StalePassage
from domain.library.ports import CutVersion
from domain.retrieval.ports import IndexGenerations

_log = logging.getLogger("ibid.ingest")


@dataclass(slots=True)
class BuildGeneration:
    """
    How long what was switched from is kept for rolling back, the retention rules say; and until the next reindex.

    ``texts_a_call``: how many texts the settings' embedder sends in one call; 0: it buys nothing.
    """

    unit_of_work: UnitOfWorkFactory
    preparer: Preparer
    embedders: Embedders
    indexes: IndexGenerations
    clock: Clock
    keep_vectors: bool = True
    rules: RetentionRules = field(default_factory=RetentionRules)
    texts_a_call: int = 0
    _ending: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    async def work(self, ingestion: Ingestion, ordinals: range) -> None:
        """
        One part of the collection's documents; of those that fail, each fails alone, and so does the whole at its end.

        Raises PortUnavailable with nothing recorded: it can be run again.
        """
        async with self.unit_of_work() as uow:
            pending = await uow.ingestions.pending_uris(ingestion.id, ordinals)
            of = await self._generation(uow, ingestion)
        if of is None or not pending:
            return
        uris = [uri for _, uri in pending]
        try:
            outcomes = await self._build(of, uris)
        except PortUnavailable:
            raise
        except Exception as error:
            outcomes = {}
            for uri in uris:
                outcomes |= await self._alone(of, uri, error)
        async with self.unit_of_work() as uow:
            await uow.ingestions.record(ingestion.id, {ordinal: outcomes[uri] for ordinal, uri in pending})
            await uow.commit()

    async def _alone(self, of: LiveGeneration, uri: str, why: Exception) -> Mapping[str, DocumentOutcome]:
        try:
            return await self._build(of, [uri])
        except Exception as error:
            _log.error("a document failed", extra={"uri": uri}, exc_info=error)
            reason = str(error) if isinstance(error, PortError) else "an internal error; the log has it"
            return {uri: DocumentOutcome(uri, Outcome.FAILED, reason)}

    @staticmethod
    async def _generation(uow: UnitOfWork, ingestion: Ingestion) -> LiveGeneration | None:
        for of in await uow.generations.live(ingestion.collection):
            if of.job == ingestion.id:
                return of
        return None

    async def _build(self, of: LiveGeneration, uris: Sequence[str]) -> dict[str, DocumentOutcome]:
        """What became of each; one that is not there any more is left unchanged."""
        cut = of.generation.chunk_chars
        async with self.unit_of_work() as uow:
            documents = await uow.documents.by_uri(of.collection, uris)
            read = await uow.documents.read([one.id for one in documents.values()], chunk_chars=cut)
            language = (await uow.collections.get(of.collection)).language
        asked = [Recutting(place, *one, cut, language) for place, one in enumerate(read)]
        prepared = [one for one in await self.preparer.prepare(asked) if isinstance(one, PreparedDocument)]
        await self._index(of, prepared)
        made = {one.activation.document.uri: len(one.activation.version.passages) for one in prepared}
        return {
            uri: DocumentOutcome(uri, Outcome.UPDATED if uri in made else Outcome.UNCHANGED, passages=made.get(uri, 0))
            for uri in uris
        }

    async def _index(self, of: LiveGeneration, prepared: Sequence[PreparedDocument]) -> None:
        if not prepared:
            return
        embedder = self.embedders.named(of.place.embedder)
        if embedder is None:
            raise PortRefused("embedder", f"{of.place.embedder} is not set up any more")
        inputs = {digest: text for one in prepared for digest, text in zip(one.hashes, one.inputs, strict=True)}
        kept = PassageVectors(self.unit_of_work, self.keep_vectors)
        vectors, bought = await kept.of(embedder, inputs)
        points = points_of(prepared, vectors)
        async with self.unit_of_work() as uow:
            # What left this index when it was the active one, and comes back.
            await uow.documents.discard_stale(
                await uow.documents.take_stale([StalePassage(point.id, of.place) for point in points])
            )
            await uow.commit()
        await (await self.indexes.at(of.place)).put(points)
        a_call = self.texts_a_call if embedder is self.embedders.default else 0
        spent = await kept.embedded(inputs, bought, a_call, None)  # who administers is granted all
        async with self.unit_of_work() as uow:
            if of.job is not None and spent != Embedded():
                await uow.ingestions.count_embedded(of.job, spent)
            if self.keep_vectors and bought:
                await uow.embeddings.put(embedder.name, bought)
            versions = [CutVersion(one.activation.version, one.activation.input_hashes) for one in prepared]
            await uow.generations.note(of, versions)
            await uow.commit()

    async def end_if_done(self, ingestion: Ingestion) -> bool:
        """
        For whoever had the last part: switch, in one transaction. Without any document that failed, that is.

        Returns whether this was the end. Raises a PortError with nothing switched: it can be run again.
        """
        async with self._ending:
            async with self.unit_of_work() as uow:
                if not await uow.ingestions.done(ingestion.id):
                    return False
                failed = (await uow.ingestions.get(ingestion.id, None)).counts[Outcome.FAILED]
                of = await self._generation(uow, ingestion)
                if failed or of is None:
                    await uow.ingestions.finish(ingestion.id, IngestionStatus.FAILED, at=self.clock.now())
                    await uow.commit()
            if of is not None and not failed:
                while not await self._switched(ingestion, of):
                    pass
            await self.tidy()
        return True

    async def _switched(self, ingestion: Ingestion, of: LiveGeneration) -> bool:
        """False: something changed meanwhile, and must be built as well."""
        while uris := await self._lacking(of):
            await self._build(of, uris)
        index = await self.indexes.at(of.place)
        await self._sweep(of.collection, of.place)
        await index.settle()
        async with self.unit_of_work() as uow:
            try:
                await uow.collections.hold(of.collection)
            except CollectionNotFound:
                return True
            if await uow.generations.lacking(of, limit=1):
                return False
            if await uow.ingestions.done(ingestion.id):
                at = self.clock.now()
                await uow.generations.switch(of.collection, of.generation.number, at=at)
                await uow.ingestions.finish(ingestion.id, IngestionStatus.SUCCEEDED, at=at)
                await uow.commit()
        return True

    async def _lacking(self, of: LiveGeneration) -> Sequence[str]:
        async with self.unit_of_work() as uow:
            return await uow.generations.lacking(of, limit=PART)

    async def _sweep(self, collection: str, place: IndexPlace) -> None:
        """Take out what no generation holds: left by documents that changed, or by a generation that was dropped."""
        index = await self.indexes.at(place)
        await remove_orphans(self.unit_of_work, index, place, await indexed_ids(index, collection))

    async def tidy(self) -> None:
        """Drop generations that nobody builds any more, and of those kept for rolling back all but the last."""
        async with self.unit_of_work() as uow:
            live = await uow.generations.live()
            dropped = [of for of in live if await self._is_over(uow, of, live)]
            for of in dropped:
                await uow.generations.drop(of.collection, of.generation.number)
            await uow.commit()
        for of in dropped:
            await self._sweep(of.collection, of.place)

    async def _is_over(self, uow: UnitOfWork, of: LiveGeneration, live: Sequence[LiveGeneration]) -> bool:
        if of.state is GenerationState.ACTIVE or await _works(uow, of.job):
            return False
        if of.state is GenerationState.BUILDING:
            return True
        later = (
            one.collection == of.collection
            and one.state is GenerationState.KEPT
            and (one.since, one.generation.number) > (of.since, of.generation.number)
            for one in live
        )
        days = self.rules.indexes_days
        return any(later) or bool(days and of.since < self.clock.now() - timedelta(days=days))

    async def give_back_room(self) -> None:
        """Drop indexes in which nothing is any more; for the start of the only process that uses them."""
        async with self.unit_of_work() as uow:
            live = await uow.generations.live()
        await self.indexes.keep([of.place for of in live])


async def _works(uow: UnitOfWork, job: UUID | None) -> bool:
    if job is None:
        return False
    try:
        return not (await uow.ingestions.get(job, None)).status.is_final
    except IngestionNotFound:
        return False
