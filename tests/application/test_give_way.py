"""Ingestion gives way to questions, for a moment, and never for long."""

import asyncio

from adapters.memory.passage_index import InMemoryPassageIndex
from application.give_way import LONGEST_S, GiveWay
from application.search_passages import SearchPassagesQuery
from domain.access.readable import ReadableCollections
from domain.retrieval.model import HybridHits, SearchFilters, SparseVector, Vector
from tests.story import ADMIN, PINNING, SNAPSHOTS, Story


async def test_what_can_wait_waits_until_nobody_else_is_waited_for() -> None:
    way, went = GiveWay(), list[str]()

    async def can_wait() -> None:
        await way.wait()
        went.append("ingestion")

    with way.first(), way.first():
        waiting = asyncio.create_task(can_wait())
        await asyncio.sleep(0)
        went.append("question")
    await waiting
    assert went == ["question", "ingestion"]
    await asyncio.wait_for(way.wait(), 1)


async def test_nobody_waits_for_ever() -> None:
    way = GiveWay()
    with way.first():
        await asyncio.wait_for(way.wait(), 20 * LONGEST_S)


async def _most_at_once(way: GiveWay, steps: int) -> int:
    at_once = most = 0

    async def step() -> None:
        nonlocal at_once, most
        async with way.one_by_one():
            at_once += 1
            most = max(most, at_once)
            await asyncio.sleep(0.001)
            at_once -= 1

    await asyncio.gather(*(step() for _ in range(steps)))
    return most


async def test_steps_go_side_by_side_until_somebody_asks_and_then_one_by_one() -> None:
    way = GiveWay()
    assert await _most_at_once(way, 3) == 3
    with way.first():
        pass
    assert await _most_at_once(way, 3) == 1


class SlowIndex(InMemoryPassageIndex):
    """A search takes a moment, in which it is noted when passages are put in."""

    def __init__(self) -> None:
        super().__init__()
        self.searching = False
        self.put_meanwhile = 0

    async def search(
        self,
        *,
        dense: Vector | None,
        sparse: SparseVector | None,
        readable: ReadableCollections,
        filters: SearchFilters,
        limit: int,
    ) -> HybridHits:
        self.searching = True
        await asyncio.sleep(LONGEST_S / 5)
        self.searching = False
        return await super().search(dense=dense, sparse=sparse, readable=readable, filters=filters, limit=limit)

    async def put(self, passages: object) -> None:
        self.put_meanwhile += self.searching
        await super().put(passages)  # type: ignore[arg-type]  # passed on as it came


async def test_an_ingestion_puts_nothing_into_the_index_while_a_search_runs() -> None:
    index = SlowIndex()
    story = Story(passage_index=index)
    await story.ingest({"a.md": PINNING})
    ingesting = asyncio.create_task(story.ingest({"b.md": SNAPSHOTS}))
    while not ingesting.done():
        await story.search_passages.execute(SearchPassagesQuery(ADMIN, "exact version"))
        await asyncio.sleep(LONGEST_S / 10)  # somebody reads
    await ingesting
    assert index.put_meanwhile == 0
