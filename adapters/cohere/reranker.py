"""Reranking by Cohere's API, by msgspec: the SDK takes four times the CPU (docs/adr/0009)."""

from collections.abc import Sequence
from math import isfinite
from operator import attrgetter
from typing import Final

import msgspec

from adapters.cohere.calls import CohereCalls
from adapters.resilience.http_client import JsonPosts
from adapters.resilience.metered import MeteredCalls
from adapters.resilience.unreadable import UNREADABLE
from domain.retrieval.model import Ranked
from domain.retrieval.ports import Reranker

PORT: Final = "cohere rerank"
TIMEOUT_S: Final = 5.0
"""Of one call. The question's own budget is much shorter and ends before; this bounds what nobody waits for."""


class _Body(msgspec.Struct):
    model: str
    query: str
    documents: Sequence[str]
    top_n: int


class _Result(msgspec.Struct, gc=False):
    index: int
    relevance_score: float


class _Reply(msgspec.Struct):
    results: list[_Result]


_score: Final = attrgetter("score")
_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(_Reply)


class CohereReranker(Reranker):
    """``posts`` carries the address and the key."""

    def __init__(self, posts: JsonPosts, calls: MeteredCalls, *, model: str) -> None:
        self._calls = CohereCalls(posts, calls, PORT, "/v2/rerank")
        self._model = model

    @property
    def name(self) -> str:
        return self._model

    async def rerank(self, question: str, texts: Sequence[str], *, keep: int) -> Sequence[Ranked]:
        if not texts:
            return ()
        body = _ENCODER.encode(_Body(self._model, question, texts, keep))
        ranked = await self._calls.make(
            body, lambda content: self._ranked(content, len(texts)), inputs=len(texts), timeout_s=TIMEOUT_S
        )
        return ranked[:keep]

    def _ranked(self, content: bytes, count: int) -> list[Ranked]:
        """The results by place, best first."""
        try:
            results = _DECODER.decode(content).results
        except UNREADABLE:
            raise self._calls.nonsense("is not a reply to rerank") from None
        places = {one.index for one in results}
        if places and not 0 <= min(places) <= max(places) < count:
            raise self._calls.nonsense("ranks a text that was not sent")
        if len(places) < len(results):
            raise self._calls.nonsense("ranks one text twice")
        ranked = [Ranked(one.index, one.relevance_score) for one in results]
        if not all(map(isfinite, map(_score, ranked))):
            raise self._calls.nonsense("gives a score that is no number")
        ranked.sort(key=_score, reverse=True)
        return ranked
