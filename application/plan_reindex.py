"""Say what indexing a collection in another way would buy, before it begins."""

from dataclasses import dataclass

from application.embedders import Embedders
from application.ports import PART, UnitOfWorkFactory
from application.prepare_documents import Preparer, Recutting
from application.reckoning import Count, Reckoning
from application.reindex_collection import Way
from domain.access.embedding_plan import EmbeddingPlan
from domain.access.model import Principal
from domain.access.readable import require_to_administer
from domain.retrieval.ports import Embedder


@dataclass(frozen=True, slots=True)
class PlanReindex:
    """
    Cuts every document as it would be cut, and counts: it takes as long as that.

    ``documents`` of the plan are those of the collection. Nothing is stored, and nothing bought.
    """

    unit_of_work: UnitOfWorkFactory
    preparer: Preparer
    embedders: Embedders
    reckoning: Reckoning

    async def execute(
        self, principal: Principal, name: str, *, embedder: str | None = None, chunk_chars: int | None = None
    ) -> tuple[Embedder, EmbeddingPlan | None]:
        """
        By which embedder, and what it would buy; None where that one buys nothing.

        Raises ScopeMissing, CollectionNotFound, OutOfRange or a PortError.
        """
        require_to_administer(principal, name)
        way = Way.checked(self.embedders, embedder, chunk_chars)
        async with self.unit_of_work() as uow:
            collection = await uow.collections.get(name)
            uris = await uow.documents.uris(name)
        by, cut = way.beside(collection.generation)
        if not self.reckoning.texts_a_call or by is not self.reckoning.embedder:
            return by, None
        count = Count()
        for first in range(0, len(uris), PART):
            async with self.unit_of_work() as uow:
                documents = await uow.documents.by_uri(name, uris[first : first + PART])
                read = await uow.documents.read([one.id for one in documents.values()], chunk_chars=cut)
            asked = [Recutting(place, *one, cut, collection.language) for place, one in enumerate(read)]
            await self.reckoning.add(count, await self.preparer.prepare(asked), principal.collections)
        return by, await self.reckoning.total(count)
