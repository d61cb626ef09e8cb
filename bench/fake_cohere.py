"""
Cohere for benches, in a process of its own: ``python -m bench.fake_cohere EMBED_MS RERANK_MS`` prints its address.

It answers from vectors made beforehand, so that it costs next to nothing; or, with a third argument, from static
vectors turned into 1,024 dimensions, so that passages are found by meaning. What it costs is printed when it is ended.
Delays are lognormal around the median, p95 at twice it. For what it answers, see tests/fakes/cohere.py.
"""

import asyncio
import base64
import math
import random
import resource
import signal
import sys
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import uvloop

from adapters.static.embedder import StaticEmbedder
from domain.retrieval.model import Purpose
from tests.fakes.cohere import EMBED, SERVED, described, results, vector_of
from tests.fakes.http_server import HttpServer, Reply, Request

if TYPE_CHECKING:
    from numpy.typing import NDArray

_POOL: Final = 509
SIGMA: Final = math.log(2) / 1.645
"""Of a lognormal whose 95th percentile is twice its median."""


class _Asked(msgspec.Struct):
    texts: list[str] = []
    embedding_types: list[str] = msgspec.field(default_factory=lambda: ["float"])
    documents: list[str] = []


class BenchCohere:
    def __init__(self, embed_ms: float, rerank_ms: float) -> None:
        self._delay_ms = {EMBED: embed_ms}
        self._rerank_ms = rerank_ms
        self._vectors: list[dict[str, bytes]] = []
        self._known: dict[str, dict[str, bytes]] = {}
        self._random = random.Random(7)  # noqa: S311  repeatable, not secret
        self._meaning: StaticEmbedder | None = None
        self.calls = 0

    def prepare(self, dimensions: int) -> None:
        self._vectors = [_forms(vector_of(f"word{number} other{number % 7}", dimensions)) for number in range(_POOL)]

    async def mean(self) -> None:
        """From now on vectors mean something: what two have in common stays when both are turned alike."""
        embedder, numbers = StaticEmbedder(), np.random.default_rng(7)
        await embedder.load()
        self._turn = np.linalg.qr(numbers.standard_normal((1_024, embedder.dimensions)))[0].T
        self._meaning = embedder

    async def _meant(self, texts: list[str]) -> list[dict[str, bytes]]:
        """The benches' questions differ in their capitals and last signs alone: each is worked out once."""
        assert self._meaning is not None
        key = texts[0].lower().rstrip("?!")
        if len(texts) == 1 and key in self._known:
            return [self._known[key]]
        vectors = np.asarray(await self._meaning.embed(texts, purpose=Purpose.PASSAGE)) @ self._turn
        made = [_forms(one) for one in vectors]
        if len(made) == 1:
            self._known[key] = made[0]
        return made

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
        [kind] = asked.embedding_types
        vectors = b",".join([one[kind] for one in made])
        return Reply(body=b'{"id":"x","embeddings":{"%b":[%b]}}' % (kind.encode(), vectors))


def _forms(vector: "NDArray[np.float32]") -> dict[str, bytes]:
    """A vector as JSON has it in each form that is asked for."""
    packed = base64.b64encode(vector.astype("<f4").tobytes())
    numbers = np.asarray(vector, dtype=float).round(6).tolist()
    return {"base64": b'"%b"' % packed, "float": msgspec.json.encode(numbers)}


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
