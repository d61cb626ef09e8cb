"""The passage index in plain Python: exact, every passage looked at."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from heapq import nlargest
from math import hypot, log
from operator import mul
from uuid import UUID

from domain.access.readable import ReadableCollections
from domain.retrieval.model import Hit, HybridHits, IndexedPassage, SearchFilters, SparseVector, Vector
from domain.retrieval.ports import PassageIndex


class InMemoryPassageIndex(PassageIndex):
    def __init__(self) -> None:
        self._passages: dict[UUID, IndexedPassage] = {}

    async def search(
        self,
        *,
        dense: Vector | None,
        sparse: SparseVector | None,
        readable: ReadableCollections,
        filters: SearchFilters,
        limit: int,
    ) -> HybridHits:
        everything = self._passages.values()
        looked_at = [one for one in everything if one.collection in readable and _passes(one, filters)]
        return HybridHits(
            _best(_cosines(dense, looked_at), limit) if dense else (),
            _best(_bm25(sparse, looked_at, everything), limit) if sparse else (),
        )

    async def put(self, passages: Sequence[IndexedPassage]) -> None:
        self._passages.update((passage.id, passage) for passage in passages)

    async def remove(self, passage_ids: Sequence[UUID]) -> None:
        for passage_id in passage_ids:
            self._passages.pop(passage_id, None)

    async def count(self) -> int:
        return len(self._passages)

    async def ids(
        self, after: UUID | None, *, limit: int, collection: str | None = None
    ) -> tuple[Sequence[UUID], UUID | None]:
        of = [one.id for one in self._passages.values() if collection in (None, one.collection)]
        found = sorted(one for one in of if after is None or one > after)
        return found[:limit], found[limit - 1] if len(found) > limit else None

    async def settle(self) -> None:
        """Nothing to build."""


def _passes(passage: IndexedPassage, filters: SearchFilters) -> bool:
    return (
        passage.uri.startswith(filters.uri_prefix or "")
        and (passage.peer_reviewed is True or not filters.peer_reviewed_only)
        and all(passage.metadata.get(key) == value for key, value in filters.metadata.items())
    )


def _cosines(question: Vector, passages: Iterable[IndexedPassage]) -> list[Hit]:
    length = hypot(*question)
    return [Hit(one.id, sum(map(mul, question, one.dense)) / (length * hypot(*one.dense))) for one in passages]


def _bm25(
    question: SparseVector, passages: Iterable[IndexedPassage], population: Collection[IndexedPassage]
) -> list[Hit]:
    weights = _idf(question, population)
    scores = {
        passage.id: sum(
            weights.get(number, 0.0) * value
            for number, value in zip(passage.sparse.indices, passage.sparse.values, strict=True)
        )
        for passage in passages
    }
    return [Hit(passage_id, score) for passage_id, score in scores.items() if score > 0]


def _idf(question: SparseVector, population: Collection[IndexedPassage]) -> Mapping[int, float]:
    """The question's values times inverse document frequency among all indexed passages that have terms."""
    having = Counter(number for passage in population for number in passage.sparse.indices)
    count = sum(1 for passage in population if passage.sparse.indices)
    return {
        number: value * log(1 + (count - having[number] + 0.5) / (having[number] + 0.5))
        for number, value in zip(question.indices, question.values, strict=True)
    }


def _best(hits: Iterable[Hit], limit: int) -> Sequence[Hit]:
    return nlargest(limit, hits, key=lambda hit: hit.score)
