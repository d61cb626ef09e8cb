"""The collection on a Qdrant server, made by whoever finds none."""

import asyncio
from contextlib import AsyncExitStack

from tests.fakes.qdrant import FakeQdrant
from tests.providers import qdrant_index


async def test_processes_that_start_together_make_it_once_and_all_start() -> None:
    async with FakeQdrant() as qdrant, AsyncExitStack() as stack:
        # Each asks whether it is there before any has made it.
        qdrant.delay_s = 0.1
        opening = (stack.enter_async_context(qdrant_index(qdrant.url)) for _ in range(4))
        indexes = await asyncio.gather(*opening)
        assert [await index.count() for index in indexes] == [0, 0, 0, 0]
        assert qdrant.calls.count(("PUT", "/collections/ibid-of-four-1")) == 4
