"""
Qdrant for benches, in a process of its own: ``python -m bench.fake_qdrant SEARCH_MS`` prints its address.

It searches by Qdrant's engine, as tests/fakes/qdrant.py does, and remembers what it found by the words of a question,
so that a question like an earlier one costs next to nothing. Delays are lognormal, p95 at twice the median. What it
costs is printed when it is ended.
"""

import asyncio
import random
import sys

import msgspec
import uvloop

from bench.fake_cohere import SIGMA, until_ended
from tests.fakes.http_server import Reply, Request
from tests.fakes.qdrant import FakeQdrant


class _Sparse(msgspec.Struct):
    indices: list[int] | None = None
    nearest: "_Sparse | None" = None


class _Words(msgspec.Struct):
    """Of a search by words the words; of one by meaning, whose numbers are passed over, nothing."""

    query: msgspec.Raw
    using: str


class _Batch(msgspec.Struct):
    searches: list[_Words]


class _Point(msgspec.Struct):
    vector: dict[str, msgspec.Raw]


class _Points(msgspec.Struct):
    points: list[_Point]


class BenchQdrant(FakeQdrant):
    def __init__(self, search_ms: float) -> None:
        super().__init__(checked=False)
        self._search_ms = search_ms
        self._random = random.Random(7)  # noqa: S311  repeatable, not secret
        self._held: set[int] = set()
        self._found: dict[bytes, Reply] = {}
        self.searches = 0

    async def _handle(self, request: Request) -> Reply:
        if request.path.endswith("/points/query/batch"):
            return await self._search(request)
        if request.path.endswith("/points") and request.method == "PUT":
            for point in msgspec.json.decode(request.body, type=_Points).points:
                self._held.update(_indices(point.vector["bm25"]))
            self._found.clear()
        return await super()._handle(request)

    async def _search(self, request: Request) -> Reply:
        self.searches += 1
        if self._search_ms:
            await asyncio.sleep(self._search_ms * self._random.lognormvariate(0, SIGMA) / 1_000)
        # The words that any passage holds: a number that makes a question another one changes nothing.
        asked = msgspec.json.decode(request.body, type=_Batch).searches
        words = sorted(self._held.intersection(*(_indices(one.query) for one in asked if one.using == "bm25")))
        key = msgspec.msgpack.encode((words, len(asked)))
        if (known := self._found.get(key)) is None:
            known = self._found[key] = await super()._handle(request)
        return known


def _indices(vector: msgspec.Raw) -> list[int]:
    sparse = msgspec.json.decode(vector, type=_Sparse)
    indices = sparse.indices if sparse.nearest is None else sparse.nearest.indices
    assert indices is not None
    return indices


async def main(search_ms: float) -> None:
    async with BenchQdrant(search_ms) as server:
        print(server.url, flush=True)
        await until_ended()
        print(f"{server.searches} searches")


if __name__ == "__main__":
    uvloop.run(main(float(sys.argv[1])))
