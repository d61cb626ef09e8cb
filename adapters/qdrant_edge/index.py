"""Qdrant's engine inside this process: one shard holds every collection of one embedder."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from shutil import disk_usage
from typing import Final, ParamSpec, TypeVar, cast
from uuid import UUID

from qdrant_edge import CountRequest, EdgeShard, QueryBatchRequest, ScrollRequest, UpdateOperation

from adapters.qdrant_edge import generations
from adapters.qdrant_edge.filters import of_collection
from adapters.qdrant_edge.memory import give_back, let_go_of
from adapters.qdrant_edge.optimizer import Optimizer
from adapters.qdrant_edge.points import carry_over, hits, requests, upsert
from adapters.qdrant_edge.shard import DENSE, LOG, PORT, SEGMENTS, SPARSE, open_shard
from domain.access.readable import ReadableCollections
from domain.errors import PortUnavailable
from domain.retrieval.model import HybridHits, IndexedPassage, SearchFilters, SparseVector, Vector
from domain.retrieval.ports import PassageIndex

P = ParamSpec("P")
T = TypeVar("T")

OPTIMIZE_FROM: Final = 10_000
"""
Passages put or removed: with so many that no search structure covers, a question takes 3 to 6 ms of CPU; see
docs/evaluation.md. One that was removed keeps its place until then, 5 kB of memory and 3 kB of disk (measured).
"""
_FLUSH_FROM: Final = 5_000
"""Passages written since the last flush: the next start reads them again from the log, 20,000 in half a second."""
_POINTS_AT_ONCE: Final = 32
"""The engine keeps the GIL while it takes points over: for some 3 ms with these, 6 with 100, up to 50 with 500."""
_ROUNDS: Final = 8
"""Of catching up while writing goes on; each leaves what came during it, a third or less (measured at full speed)."""
_LET_GO_FROM: Final = 2_000
"""Passages whose writing has brought 3 MB of the index's files into memory, and reading them as much again."""
_LET_GO_WHILE_TWO: Final = 500
"""The same while two indexes are open and what is read of one is written to the other: more is in memory anyhow."""
_THREADS: Final = 2
ROOM_BYTES: Final = 32 << 20
"""
Free on the disk before passages are written. The engine writes through mapped files: where the system finds no room for
what was written, it kills the process (SIGBUS) instead of telling it.
"""


class QdrantEdgeIndex(PassageIndex):
    """
    Open it before use and close it after. One process at a time; ``path`` belongs to this index alone.

    Every call to the engine runs on a small thread pool; searches let go of the GIL and go on side by side. The term
    statistics of BM25 count removed passages until the next optimization.
    """

    def __init__(self, path: Path, dimensions: int, *, optimize_from: int = OPTIMIZE_FROM) -> None:
        self._path = path
        self._dimensions = dimensions
        self._optimize_from = optimize_from
        self._shard: EdgeShard | None = None
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="passage-index")
        self._writing = asyncio.Lock()
        self._settling = asyncio.Lock()
        self._optimizer = Optimizer()
        self._since_copy: set[UUID] | None = None
        self._unflushed = 0
        self._unoptimized = 0
        self._unreleased = 0

    async def open(self) -> None:
        """Raises PortRefused when another process has the data directory, PortUnavailable when it cannot be read."""
        self._optimizer = Optimizer()
        self._shard = await self._in_thread(self._open_current)
        async with self._writing:
            await self._let_go(generations.current(self._path))
        self._unoptimized = await self._uncovered()

    async def close(self) -> None:
        """Write everything out and let go of the data directory; closing twice is no harm."""
        self._optimizer.stop()
        async with self._settling, self._writing:
            shard, self._shard = self._shard, None
            if shard is not None:
                await self._in_thread(shard.close)

    async def search(
        self,
        *,
        dense: Vector | None,
        sparse: SparseVector | None,
        readable: ReadableCollections,
        filters: SearchFilters,
        limit: int,
    ) -> HybridHits:
        halves = requests(dense, sparse, readable, filters, limit)
        if not halves or not readable:
            return HybridHits((), ())
        batch = QueryBatchRequest(list(halves.values()))
        answers = await self._read(lambda shard: shard.query_batch(batch))
        found = dict(zip(halves, map(hits, answers), strict=True))
        return HybridHits(found.get(DENSE, ()), found.get(SPARSE, ()))

    async def put(self, passages: Sequence[IndexedPassage]) -> None:
        for start in range(0, len(passages), _POINTS_AT_ONCE):
            some = passages[start : start + _POINTS_AT_ONCE]
            operation = await self._in_thread(_upsert, some, self._path)
            await self._write(operation, [passage.id for passage in some])

    async def remove(self, passage_ids: Sequence[UUID]) -> None:
        if passage_ids:
            await self._write(UpdateOperation.delete_points(list(passage_ids)), passage_ids)

    async def count(self) -> int:
        return await self._read(lambda shard: shard.count(CountRequest(exact=True)))

    async def ids(
        self, after: UUID | None, *, limit: int, collection: str | None = None
    ) -> tuple[Sequence[UUID], UUID | None]:
        of = None if collection is None else of_collection(collection)
        request = ScrollRequest(offset=after, limit=limit, filter=of, with_payload=False, with_vector=False)
        records, following = await self._read(lambda shard: shard.scroll(request))
        return [cast(UUID, record.id) for record in records], cast("UUID | None", following)

    async def settle(self) -> None:
        """
        Searches and writes go on meanwhile; taking over stops the service for 0.3 s (10,000 passages) to 2 s (100,000).

        Raises PortUnavailable when nothing was built; what was written stays searchable.
        """
        async with self._settling:
            if self._unoptimized >= self._optimize_from:
                await self._take_over_optimized()
            elif self._unflushed >= _FLUSH_FROM:
                async with self._writing:
                    await self._in_thread(_translated, self._opened(), EdgeShard.flush)
                    self._unflushed = 0
            # Also what the requests have left that brought the passages.
            async with self._writing:
                await self._let_go(generations.current(self._path))

    async def _uncovered(self) -> int:
        """
        Passages that a dense search must look at one by one; every sparse vector counts as covered.

        To be trusted of a shard that was just opened: vectors of removed passages count as well.
        """
        info = await self._read(EdgeShard.info)
        return max(0, 2 * info.points_count - info.indexed_vectors_count)

    async def _take_over_optimized(self) -> None:
        before = generations.current(self._path)
        async with self._writing:
            after = await self._in_thread(generations.copied, before)
            self._since_copy, copied = set(), self._unoptimized
        fresh: EdgeShard | None = None
        try:
            await self._optimizer.run(after)
            fresh = await self._in_thread(open_shard, after, self._dimensions)
            await self._let_go(after)
            await self._catch_up(fresh, after)
            async with self._writing:
                await self._carry_over(self._since_copy, fresh)
                # Nothing is awaited between the two: no cancellation may come after the one and before the other.
                generations.switch(after)
                old, self._shard = self._opened(), fresh
                self._unflushed = 0
                self._unoptimized -= copied
        except BaseException:
            if fresh is not None:
                await self._in_thread(fresh.close)
            await self._in_thread(generations.discard, after)
            raise
        finally:
            self._since_copy = None
        await self._in_thread(old.close)
        await self._in_thread(generations.discard, before)

    async def _catch_up(self, fresh: EdgeShard, folder: Path) -> None:
        """Most of what has changed since the copy, while writing goes on; what changes meanwhile comes after it."""
        for _ in range(_ROUNDS):
            changed, self._since_copy = list(self._since_copy or ()), set()
            for start in range(0, len(changed), _LET_GO_WHILE_TWO):
                await self._carry_over(changed[start : start + _LET_GO_WHILE_TWO], fresh)
                await self._let_go(folder)
                async with self._writing:
                    await self._let_go(generations.current(self._path))
            if len(self._since_copy) <= _POINTS_AT_ONCE:
                return

    async def _carry_over(self, changed: Collection[UUID], fresh: EdgeShard) -> None:
        """
        These points as they now are in the shard in use, or are no more.

        Their ids alone are kept while an index is built: the points themselves take 4 KB each, 50 MB of 12,000.
        """
        ids = list(changed)
        for start in range(0, len(ids), _POINTS_AT_ONCE):
            some = ids[start : start + _POINTS_AT_ONCE]
            await self._in_thread(_translated, fresh, partial(carry_over, some, self._opened()))

    def _open_current(self) -> EdgeShard:
        generation = generations.current(self._path)
        shard = open_shard(generation, self._dimensions)
        if generation != generations.current(self._path):
            # Another process took over an optimized shard just now and still runs: this refuses.
            shard.close()
            return open_shard(generations.current(self._path), self._dimensions)
        generations.discard_others(generation)
        return shard

    async def _write(self, operation: UpdateOperation, passage_ids: Sequence[UUID]) -> None:
        async with self._writing:
            if self._since_copy is not None:
                self._since_copy.update(passage_ids)
            await self._in_thread(_translated, self._opened(), partial(_apply, operation))
            self._unflushed += len(passage_ids)
            self._unoptimized += len(passage_ids)
            self._unreleased += len(passage_ids)
            if self._unreleased >= _LET_GO_FROM:
                await self._let_go(generations.current(self._path))

    async def _let_go(self, shard: Path) -> None:
        """While nobody writes to it: segments are unmapped by writing, and by closing their shard, alone."""
        await self._in_thread(let_go_of, shard / SEGMENTS, shard / LOG)
        await self._in_thread(give_back)
        self._unreleased = 0

    async def _read(self, work: Callable[[EdgeShard], T]) -> T:
        while True:
            shard = self._opened()
            try:
                return await self._in_thread(_translated, shard, work)
            except PortUnavailable:
                if shard is self._shard:
                    raise
                # An optimized shard took over while the call waited for its thread; the old one is closed.

    def _opened(self) -> EdgeShard:
        if self._shard is None:
            raise PortUnavailable(PORT, "is not open")
        return self._shard

    async def _in_thread(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        # As run_in_executor does, but for its two futures that tell each other what came of it: half of what it takes.
        loop = asyncio.get_running_loop()
        result: asyncio.Future[T] = loop.create_future()
        self._threads.submit(_work, partial(work, *args, **kwargs), result, loop)
        return await result


def _work(work: Callable[[], T], result: "asyncio.Future[T]", loop: asyncio.AbstractEventLoop) -> None:
    """In a thread: do what is still waited for, and tell the loop."""
    if result.cancelled():
        return
    tell: Callable[[], None]
    try:
        tell = partial(_tell, result, work())
    except BaseException as error:
        tell = partial(_tell_failed, result, error)
    with suppress(RuntimeError):  # the loop is closed: nobody waits
        loop.call_soon_threadsafe(tell)


def _tell(result: "asyncio.Future[T]", value: T) -> None:
    if not result.done():
        result.set_result(value)


def _tell_failed(result: "asyncio.Future[T]", error: BaseException) -> None:
    if not result.done():
        result.set_exception(error)


def _upsert(passages: Sequence[IndexedPassage], path: Path) -> UpdateOperation:
    """Raises PortUnavailable for a disk that is nearly full."""
    if disk_usage(path).free < ROOM_BYTES:
        raise PortUnavailable(PORT, f"has less than {ROOM_BYTES >> 20} MB of disk left to write to")
    return upsert(passages)


def _apply(operation: UpdateOperation, shard: EdgeShard) -> None:
    shard.update(operation)


def _translated(shard: EdgeShard, work: Callable[[EdgeShard], T]) -> T:
    try:
        return work(shard)
    except Exception as error:  # the library raises nothing more specific
        raise PortUnavailable(PORT, "the search engine failed") from error
