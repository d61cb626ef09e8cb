"""
Cohere for benches, in a process of its own: ``python -m bench.fake_cohere EMBED_MS RERANK_MS`` prints its address.

It answers from vectors made beforehand, so that it costs next to nothing; or, with a third argument, from static
vectors turned into 1,024 dimensions, so that passages are found by meaning. What it costs is printed when it is ended.
Delays are lognormal around the median, p95 at twice it. For what it answers, see tests/fakes/cohere.py.
"""

import asyncio
import math
import random
import resource
import signal
import sys
from typing import Final

import msgspec
import numpy as np
import uvloop

from adapters.static.embedder import StaticEmbedder
from domain.retrieval.model import Purpose
from tests.fakes.cohere import EMBED, SERVED, described, results, vector_of
from tests.fakes.http_server import HttpServer, Reply, Request

_POOL: Final = 509
SIGMA: Final = math.log(2) / 1.645
"""Of a lognormal whose 95th percentile is twice its median."""


class _Asked(msgspec.Struct):
    texts: list[str] = []
    documents: list[str] = []


class BenchCohere:
    def __init__(self, embed_ms: float, rerank_ms: float) -> None:
        self._delay_ms = {EMBED: embed_ms}
        self._rerank_ms = rerank_ms
        self._vectors: list[bytes] = []
        self._random = random.Random(7)  # noqa: S311  repeatable, not secret
        self._meaning: StaticEmbedder | None = None
        self.calls = 0

    def prepare(self, dimensions: int) -> None:
        made = (vector_of(f"word{number} other{number % 7}", dimensions) for number in range(_POOL))
        self._vectors = [msgspec.json.encode([round(value, 6) for value in one.tolist()]) for one in made]

    async def mean(self) -> None:
        """From now on vectors mean something: what two have in common stays when both are turned alike."""
        embedder, numbers = StaticEmbedder(), np.random.default_rng(7)
        await embedder.load()
        self._turn = np.linalg.qr(numbers.standard_normal((1_024, embedder.dimensions)))[0].T
        self._meaning = embedder

    async def _meant(self, texts: list[str]) -> list[bytes]:
        vectors = np.asarray(await self._meaning.embed(texts, purpose=Purpose.PASSAGE)) @ self._turn
        return [msgspec.json.encode(one) for one in vectors.round(6).tolist()]

    async def answer(self, request: Request) -> Reply:
        self.calls += 1
        if request.method == "GET":
            return described(request, SERVED)
        median_ms = self._delay_ms.get(request.path, self._rerank_ms)
        if median_ms:
            await asyncio.sleep(median_ms * self._random.lognormvariate(0, SIGMA) / 1_000)
        asked = msgspec.json.decode(request.body, type=_Asked)
        if request.path != EMBED:
            count = len(asked.documents)
            return Reply.of(results([(place, 1 - place / 1_000) for place in range(count)]))
        if self._meaning is not None:
            made = await self._meant(asked.texts)
        else:
            made = [self._vectors[hash(text) % _POOL] for text in asked.texts]
        return Reply(body=b'{"id":"x","embeddings":{"float":[' + b",".join(made) + b"]}}")


async def main(embed_ms: float, rerank_ms: float, *meaning: str) -> None:
    cohere = BenchCohere(embed_ms, rerank_ms)
    if meaning:
        await cohere.mean()
    else:
        cohere.prepare(1_024)
    async with HttpServer(cohere.answer) as server:
        print(server.url, flush=True)
        await until_ended()
        print(f"{cohere.calls} calls")


async def until_ended() -> None:
    """Wait for SIGTERM, then print what this process has cost."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(f"{used.ru_utime + used.ru_stime:.2f} s of CPU, ", end="", flush=True)


if __name__ == "__main__":
    uvloop.run(main(float(sys.argv[1]), float(sys.argv[2]), *sys.argv[3:]))
