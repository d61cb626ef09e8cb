"""
Cohere for benches, in a process of its own: ``python -m bench.fake_cohere EMBED_MS RERANK_MS`` prints its address.

It answers from vectors made beforehand, so that it costs next to nothing; what it costs is printed when it is ended.
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
import uvloop

from tests.fakes.cohere import EMBED, results, vector_of
from tests.fakes.http_server import HttpServer, Reply, Request

_POOL: Final = 509
_SIGMA: Final = math.log(2) / 1.645
"""Of a lognormal whose 95th percentile is twice its median."""


class _Asked(msgspec.Struct):
    texts: list[str] = []
    documents: list[str] = []
    output_dimension: int = 1_024


class BenchCohere:
    def __init__(self, embed_ms: float, rerank_ms: float) -> None:
        self._delay_ms = {EMBED: embed_ms}
        self._rerank_ms = rerank_ms
        self._vectors: list[bytes] = []
        self._random = random.Random(7)  # noqa: S311  repeatable, not secret
        self.calls = 0

    def prepare(self, dimensions: int) -> None:
        made = (vector_of(f"word{number} other{number % 7}", dimensions) for number in range(_POOL))
        self._vectors = [msgspec.json.encode([round(value, 6) for value in one.tolist()]) for one in made]

    async def answer(self, request: Request) -> Reply:
        self.calls += 1
        median_ms = self._delay_ms.get(request.path, self._rerank_ms)
        if median_ms:
            await asyncio.sleep(median_ms * self._random.lognormvariate(0, _SIGMA) / 1_000)
        asked = msgspec.json.decode(request.body, type=_Asked)
        if request.path != EMBED:
            count = len(asked.documents)
            return Reply.of(results([(place, 1 - place / 1_000) for place in range(count)]))
        if not self._vectors:
            self.prepare(asked.output_dimension)
        rows = b",".join(self._vectors[hash(text) % _POOL] for text in asked.texts)
        return Reply(body=b'{"id":"x","embeddings":{"float":[' + rows + b"]}}")


async def main(embed_ms: float, rerank_ms: float) -> None:
    cohere, stop = BenchCohere(embed_ms, rerank_ms), asyncio.Event()
    cohere.prepare(1_024)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with HttpServer(cohere.answer) as server:
        print(server.url, flush=True)
        await stop.wait()
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(f"{cohere.calls} calls, {used.ru_utime + used.ru_stime:.2f} s of CPU", flush=True)


if __name__ == "__main__":
    uvloop.run(main(float(sys.argv[1]), float(sys.argv[2])))
