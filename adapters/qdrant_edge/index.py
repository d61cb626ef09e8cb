"""Qdrant's engine inside this process: one shard holds every collection of one embedder."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar
from uuid import UUID

from qdrant_edge import (
    CountRequest,
    EdgeShard,
    Filter,
    Point,
    Query,
    QueryBatchRequest,
    QueryRequest,
    ScoredPoint,
    SparseVector,
    UpdateOperation,
)

from adapters.qdrant_edge.filters import metadata_word, narrowed
from adapters.qdrant_edge.shard import DENSE, PORT, SPARSE, open_shard
from domain.access.readable import ReadableCollections
from domain.errors import PortUnavailable
from domain.retrieval import model
from domain.retrieval.ports import PassageSearch, PassageWriter

T = TypeVar("T")

_THREADS: Final = 2
_POINTS_AT_ONCE: Final = 500


class QdrantEdgeIndex(PassageSearch, PassageWriter):
    """
    Open it before use and close it after. One process at a time; ``path`` belongs to this index alone.

    Every call to the engine runs on a small thread pool: it lets go of the GIL, so searches go on side by side.
    """

    def __init__(self, path: Path, dimensions: int) -> None:
        self._path = path
        self._dimensions = dimensions
        self._shard: EdgeShard | None = None
        self._threads: ThreadPoolExecutor | None = None
        self._settling = asyncio.Lock()

    async def open(self) -> None:
        """Raises PortRefused when another process has the data directory, PortUnavailable when it cannot be read."""
        self._shard = await asyncio.to_thread(open_shard, self._path, self._dimensions)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="passage-index")

    async def close(self) -> None:
        """Write everything out and let go of the data directory; closing twice is no harm."""
        async with self._settling:
            shard, self._shard = self._shard, None
            threads, self._threads = self._threads, None
            if shard is not None and threads is not None:
                await asyncio.to_thread(threads.shutdown)
                await asyncio.to_thread(shard.close)

    async def search(
        self,
        *,
        dense: model.Vector | None,
        sparse: model.SparseVector | None,
        readable: ReadableCollections,
        filters: model.SearchFilters,
        limit: int,
    ) -> model.HybridHits:
        looked_at = narrowed(readable, filters)
        requests: dict[str, QueryRequest] = {}
        if dense is not None and len(dense):
            requests[DENSE] = _request(Query.Nearest(list(dense), using=DENSE), looked_at, limit)
        if sparse is not None and sparse.indices:
            # Term statistics are the whole index's: of ``readable`` alone they cost 10 ms at 100,000 passages.
            requests[SPARSE] = _request(Query.Nearest(_sparse(sparse), using=SPARSE), looked_at, limit)
        if not requests or not readable:
            return model.HybridHits((), ())
        batch = QueryBatchRequest(list(requests.values()))
        answers = await self._run(lambda shard: shard.query_batch(batch))
        found = dict(zip(requests, map(_hits, answers), strict=True))
        return model.HybridHits(found.get(DENSE, ()), found.get(SPARSE, ()))

    async def put(self, passages: Sequence[model.IndexedPassage]) -> None:
        for start in range(0, len(passages), _POINTS_AT_ONCE):
            await self._run(partial(_put, passages[start : start + _POINTS_AT_ONCE]))

    async def remove(self, passage_ids: Sequence[UUID]) -> None:
        if passage_ids:
            await self._run(lambda shard: shard.update(UpdateOperation.delete_points(list(passage_ids))))

    async def count(self) -> int:
        return await self._run(lambda shard: shard.count(CountRequest(exact=True)))

    async def settle(self) -> None:
        async with self._settling:
            shard = self._opened()
            # In a thread of its own: it may take seconds, and searches go on meanwhile.
            await asyncio.to_thread(_translated, shard, EdgeShard.optimize)
            await asyncio.to_thread(_translated, shard, EdgeShard.flush)

    def _opened(self) -> EdgeShard:
        if self._shard is None:
            raise PortUnavailable(PORT, "is not open")
        return self._shard

    async def _run(self, work: Callable[[EdgeShard], T]) -> T:
        shard = self._opened()
        return await asyncio.get_running_loop().run_in_executor(self._threads, _translated, shard, work)


def _translated(shard: EdgeShard, work: Callable[[EdgeShard], T]) -> T:
    try:
        return work(shard)
    except Exception as error:  # the library raises nothing more specific
        raise PortUnavailable(PORT, "the search engine failed") from error


def _request(query: Query, looked_at: Filter, limit: int) -> QueryRequest:
    return QueryRequest(limit, query=query, filter=looked_at, with_payload=False, with_vector=False)


def _hits(points: Sequence[ScoredPoint]) -> tuple[model.Hit, ...]:
    return tuple(model.Hit(UUID(str(point.id)), point.score) for point in points)


def _put(passages: Sequence[model.IndexedPassage], shard: EdgeShard) -> None:
    shard.update(UpdateOperation.upsert_points([_point(passage) for passage in passages]))


def _point(passage: model.IndexedPassage) -> Point:
    payload: dict[str, Any] = {
        "collection": passage.collection,
        "document": str(passage.document_id),
        "uri": passage.uri,
        "metadata": [metadata_word(key, value) for key, value in passage.metadata.items()],
    }
    if passage.peer_reviewed is not None:
        payload["peer_reviewed"] = passage.peer_reviewed
    return Point(passage.id, {DENSE: list(passage.dense), SPARSE: _sparse(passage.sparse)}, payload)


def _sparse(vector: model.SparseVector) -> SparseVector:
    return SparseVector(indices=list(vector.indices), values=list(vector.values))
