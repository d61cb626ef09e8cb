"""Cohere's embed, rerank and models on loopback: published shapes, published refusals, and whatever a test scripts."""

import asyncio
import base64
import re
import struct
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final
from zlib import crc32

import msgspec
import numpy as np
from numpy.typing import NDArray

from tests.fakes.http_server import HttpServer, Reply, Request
from tests.fakes.published import Published

PUBLISHED: Final = Published("cohere-openapi.yaml")
EMBED: Final = "/v2/embed"
RERANK: Final = "/v2/rerank"
MODELS: Final = "/v1/models"
MAX_TEXTS: Final = 96

_WORD: Final = re.compile(r"\w+")


class FakeCohere(HttpServer):
    """
    Vectors are bags of hashed words, and relevance is the share of the question's words, so that both do rank.

    ``script(path, reply, ...)`` answers the next calls; ``always`` answers every one until it is set to None.
    ``delay_s`` by path holds answers back. ``calls`` remembers each request's path and body.
    """

    def __init__(self, key: str = "fake-cohere-key", *, checked: bool = True) -> None:
        super().__init__(self._handle)
        self._key = key
        self._checked = checked
        self._scripted: dict[str, deque[Reply]] = defaultdict(deque)
        self.always: dict[str, Reply | None] = {}
        self.delay_s: dict[str, float] = {}
        self.models = dict(SERVED)
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.running = 0
        self.most_running = 0

    def script(self, path: str, *replies: Reply) -> None:
        self._scripted[path].extend(replies)

    def count(self, path: str) -> int:
        return sum(1 for called, _ in self.calls if called == path)

    async def _handle(self, request: Request) -> Reply:
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            await asyncio.sleep(self.delay_s.get(request.path, 0))
            return self._reply(request)
        finally:
            self.running -= 1

    def _reply(self, request: Request) -> Reply:
        if request.headers.get("authorization") != f"Bearer {self._key}":
            return refusal(401, "invalid api token")
        if request.method == "GET" and request.path.startswith(MODELS):
            self.calls.append((request.path, dict(request.query)))
            if self._scripted[request.path]:
                return self._scripted[request.path].popleft()
            return described(request, self.models)
        if request.method != "POST" or request.path not in (EMBED, RERANK):
            return refusal(404, f"{request.path} not found")
        body = request.json()
        self.calls.append((request.path, body))
        if self._scripted[request.path]:
            return self._scripted[request.path].popleft()
        if (always := self.always.get(request.path)) is not None:
            return always
        problems = PUBLISHED.problems(request.method, request.path, body) if self._checked else []
        problems = problems or (_embed_problems(body) if request.path == EMBED else [])
        if problems:
            return refusal(400, "invalid request: " + "; ".join(problems))
        return Reply.of(embedded(body) if request.path == EMBED else reranked(body))


Served = tuple[tuple[str, ...], bool]
"""The endpoints that a model serves, and whether it is deprecated."""
SERVED: Final[Mapping[str, Served]] = {
    "command-a-03-2025": (("chat",), False),
    "embed-english-v2.0": (("embed",), True),
    "embed-v4.0": (("embed",), False),
    "rerank-v4.0-fast": (("rerank",), False),
    "rerank-v4.0-pro": (("rerank",), False),
}


def described(request: Request, models: Mapping[str, Served]) -> Reply:
    """One model, or those that serve the endpoint asked for; what is not there is refused as not found."""
    if request.path == MODELS:
        asked = request.query.get("endpoint")
        fit = [_model(name, one) for name, one in models.items() if asked is None or asked in one[0]]
        return Reply.of({"models": fit})
    name = request.path.removeprefix(f"{MODELS}/")
    if name not in models:
        return refusal(404, f"model '{name}' not found")
    return Reply.of(_model(name, models[name]))


def _model(name: str, served: Served) -> dict[str, Any]:
    endpoints, deprecated = served
    return {
        "name": name,
        "is_deprecated": deprecated,
        "endpoints": list(endpoints),
        "finetuned": False,
        "context_length": 128_000,
        "default_endpoints": [],
        "features": [],
    }


def refusal(status: int, message: str, **headers: str) -> Reply:
    """Cohere's errors are a message, with an id or without."""
    return Reply.of({"id": "fake", "message": message}, status, **headers)


def _embed_problems(body: dict[str, Any]) -> list[str]:
    texts = body.get("texts") or []
    if len(texts) > MAX_TEXTS:
        return [f"total number of texts must be at most {MAX_TEXTS} - received {len(texts)}"]
    blank = next((place for place, text in enumerate(texts) if text == ""), None)
    return [] if blank is None else [f"inputs contains an element that is the empty string at index {blank}"]


def embedded(body: dict[str, Any]) -> dict[str, Any]:
    """The reply to a valid embed request, in every type that it asks for."""
    dimensions = body.get("output_dimension", 1536)
    vectors = [vector_of(text, dimensions) for text in body["texts"]]
    kinds = body.get("embedding_types", ["float"])
    tokens = sum(len(text) // 4 + 1 for text in body["texts"])
    return {
        "id": "fake",
        "embeddings": {kind: [_as(kind, vector) for vector in vectors] for kind in kinds},
        "texts": [],
        "api_version": {"version": "2"},
        "meta": {"api_version": {"version": "2"}, "billed_units": {"input_tokens": tokens}},
        "response_type": "embeddings_by_type",
    }


def reranked(body: dict[str, Any]) -> dict[str, Any]:
    """The reply to a valid rerank request: best first, at most ``top_n``."""
    asked = set(_WORD.findall(body["query"].casefold()))
    scores = [len(asked & set(_WORD.findall(text.casefold()))) / max(1, len(asked)) for text in body["documents"]]
    order = sorted(range(len(scores)), key=lambda place: -scores[place])[: body.get("top_n", len(scores))]
    return results([(place, scores[place]) for place in order])


def results(ranked: Sequence[tuple[int, float]]) -> dict[str, Any]:
    return {
        "id": "fake",
        "results": [{"index": place, "relevance_score": score} for place, score in ranked],
        "meta": {"api_version": {"version": "2"}, "billed_units": {"search_units": 1}},
    }


def vector_of(text: str, dimensions: int) -> "NDArray[np.float32]":
    """Each word adds or takes 1 at one of the dimensions; of unit length."""
    numbers = np.fromiter((_hashed(word) for word in _WORD.findall(text.casefold())), dtype=np.int64)
    signs = np.where(numbers & 1, 1.0, -1.0)
    vector = np.bincount((numbers >> 1) % dimensions, weights=signs, minlength=dimensions).astype(np.float32)
    length = np.linalg.norm(vector)
    if not length:
        vector[0] = length = np.float32(1)
    return vector / length  # type: ignore[no-any-return]  # numpy's division


@lru_cache(100_000)
def _hashed(word: str) -> int:
    return crc32(word.encode("utf-8", "surrogatepass"))


def _as(kind: str, vector: "NDArray[np.float32]") -> Any:
    match kind:
        case "float":
            return msgspec.Raw(msgspec.json.encode([round(value, 7) for value in vector.tolist()]))
        case "int8":
            return np.clip(np.rint(vector * 127), -128, 127).astype(int).tolist()
        case "base64":
            return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector.tolist())).decode()
    raise ValueError(kind)
