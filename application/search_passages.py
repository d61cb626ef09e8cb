"""Search without an answer: the passages that a question would be answered from. Nothing is stored."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from application.arrival import waited_s
from application.find_passages import FindPassages, FoundEvidence
from application.ports import UnitOfWorkFactory
from application.reading import languages_of, trust_of
from domain.access.model import Principal, Scope
from domain.access.readable import readable_collections
from domain.retrieval.model import SearchFilters
from domain.text import clean_text

MAX_QUERY_CHARS = 4_000


@dataclass(frozen=True, slots=True)
class SearchPassagesQuery:
    principal: Principal
    query: str
    collections: Sequence[str] | None = None
    filters: SearchFilters = field(default_factory=SearchFilters)
    limit: int = 10
    rerank: bool = True


@dataclass(frozen=True, slots=True)
class SearchPassages:
    """Raises BlankQuestion, TextTooLong, ForbiddenCharacter, ScopeMissing, CollectionNotFound or a PortError."""

    unit_of_work: UnitOfWorkFactory
    find_passages: FindPassages

    async def execute(self, query: SearchPassagesQuery) -> FoundEvidence:
        query.principal.require(Scope.ASK)
        text = clean_text(query.query, field="query", limit=MAX_QUERY_CHARS)
        async with self.unit_of_work() as uow:
            collections = await uow.collections.all()
        readable = readable_collections(query.principal, collections, asked=query.collections)
        return await self.find_passages.execute(
            text,
            readable,
            collections=collections,
            languages=languages_of(collections, readable),
            filters=query.filters,
            top_k=query.limit,
            trust=trust_of(collections),
            rerank=query.rerank,
            waited_s=waited_s(self.find_passages.clock.elapsed_ms()),
        )
