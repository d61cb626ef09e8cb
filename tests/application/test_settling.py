"""The index is settled while a long drain goes on: until it is, it takes memory for all that came in."""

import asyncio

from adapters.memory.passage_index import InMemoryPassageIndex
from application.ports import PART
from tests.story import PINNING, Story


class SettledIndex(InMemoryPassageIndex):
    """Notes how many passages it held each time that it was settled."""

    def __init__(self) -> None:
        super().__init__()
        self.settled: list[int] = []

    async def settle(self) -> None:
        self.settled.append(await self.count())


async def _held_when_settled(*, settle_every: int) -> tuple[list[int], int]:
    index = SettledIndex()
    story = Story(passage_index=index)
    story.worker.settle_every = settle_every
    await story.submitted({f"{number}.md": f"{PINNING}\nPage {number}.\n" for number in range(5 * PART)})
    working = asyncio.create_task(story.worker.run(sweeping=False))
    held = -1
    async with asyncio.timeout(60):
        # The last time is after the drain, when all is in.
        while not index.settled or held != index.settled[-1] or held < 5 * PART:
            await asyncio.sleep(0.01)
            held = await index.count()
    working.cancel()
    await asyncio.wait([working])
    return index.settled, held


async def test_a_long_drain_settles_the_index_meanwhile() -> None:
    settled, held = await _held_when_settled(settle_every=2)
    assert settled[0] < held


async def test_a_short_drain_settles_it_at_its_end() -> None:
    settled, held = await _held_when_settled(settle_every=6)
    assert settled == [held]
