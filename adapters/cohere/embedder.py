"""Dense vectors from Cohere's embed, by msgspec: the SDK makes an object of every number."""

import asyncio
from array import array
from collections.abc import Sequence
from math import inf
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import msgspec

from adapters.cohere.calls import CohereCalls
from adapters.cohere.question_cache import QuestionCache
from adapters.resilience.http_client import JsonPosts
from adapters.resilience.metered import MeteredCalls
from adapters.resilience.unreadable import UNREADABLE
from domain.errors import QuotaSpent
from domain.retrieval.model import Purpose, Vector
from domain.retrieval.ports import Embedder

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

PORT: Final = "cohere embed"
MAX_TEXTS: Final = 96
"""To one call. Source: Cohere's embed reference, read 2026-11."""
BATCHES_AT_ONCE: Final = 4
QUESTION_S: Final = 1.5
"""A search answers within 3 s even when nothing does: this, a second for the index, and the rest for PostgreSQL."""
PASSAGES_S: Final = 120.0
_PACE_S: Final = 90.0
"""An allowance that comes back within so many seconds is waited for by ingestion, never by a question."""
_INPUT: Final = {Purpose.QUESTION: "search_query", Purpose.PASSAGE: "search_document"}
_BLANK: Final = "-"
"""Sent for a text without a letter: empty ones are refused, and the whole batch with them."""

EmbeddingType: TypeAlias = Literal["float", "int8", "base64"]


class _Body(msgspec.Struct, omit_defaults=True):
    model: str
    texts: list[str]
    input_type: str
    embedding_types: list[str]
    truncate: str | None = None
    output_dimension: int | None = None


class _Embeddings(msgspec.Struct):
    floats: list[list[float]] = msgspec.field(default_factory=list, name="float")
    int8: list[list[int]] = []
    base64: list[bytes] = []


class _Reply(msgspec.Struct):
    embeddings: _Embeddings


_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(_Reply)


class CohereEmbedder(Embedder):
    """
    ``posts`` carries the address and the key. ``kind`` is the form in which vectors come over the wire.

    A question takes at most ``question_s`` seconds. Models before embed-v4 are not told ``dimensions``: they have one
    size each, and refuse to be told.
    """

    def __init__(
        self,
        posts: JsonPosts,
        calls: MeteredCalls,
        *,
        model: str,
        dimensions: int,
        kind: EmbeddingType = "float",
        question_s: float = QUESTION_S,
    ) -> None:
        self._calls = CohereCalls(posts, calls, PORT, "/v2/embed")
        self._model = model
        self._dimensions = dimensions
        self._kind = kind
        self._question_s = question_s
        self._name = f"{model.replace('/', '-')}-{dimensions}{'-int8' if kind == 'int8' else ''}"
        self._cache = QuestionCache(self._question)
        self._at_once = asyncio.Semaphore(BATCHES_AT_ONCE)

    @property
    def name(self) -> str:
        return self._name

    @property
    def dimensions(self) -> int:
        return self._dimensions

    async def load(self) -> None:
        """Nothing to load."""

    async def embed(self, texts: Sequence[str], *, purpose: Purpose) -> Sequence[Vector]:
        if purpose is Purpose.QUESTION:
            if len(texts) == 1:  # as a rule it is one, for which no task has to be made
                return [await self._cache.vector(texts[0])]
            return await asyncio.gather(*(self._cache.vector(text) for text in texts))
        batches = [texts[start : start + MAX_TEXTS] for start in range(0, len(texts), MAX_TEXTS)]
        made = [asyncio.create_task(self._passages(batch)) for batch in batches]
        try:
            return [vector for batch in await asyncio.gather(*made) for vector in batch]
        finally:
            for task in made:
                task.cancel()  # of one that failed the others are of no use

    async def _question(self, text: str) -> Vector:
        [vector] = await self._batch([text], Purpose.QUESTION, self._question_s)
        return vector

    async def _passages(self, texts: Sequence[str]) -> list[Vector]:
        async with self._at_once:
            while True:
                try:
                    return await self._batch(texts, Purpose.PASSAGE, PASSAGES_S)
                except QuotaSpent as spent:
                    if spent.retry_after_s > _PACE_S:
                        raise
                    await asyncio.sleep(spent.retry_after_s)

    async def _batch(self, texts: Sequence[str], purpose: Purpose, timeout_s: float) -> list[Vector]:
        body = _ENCODER.encode(
            _Body(
                model=self._model,
                texts=[text if text.strip() else _BLANK for text in texts],
                input_type=_INPUT[purpose],
                embedding_types=[self._kind],
                output_dimension=self._dimensions if self._model.startswith("embed-v") else None,
            )
        )

        return await self._calls.make(
            body, lambda content: self._vectors(content, len(texts)), inputs=len(texts), timeout_s=timeout_s
        )

    def _vectors(self, content: bytes, count: int) -> list[Vector]:
        import numpy as np  # here: a process that embeds elsewhere need not load it

        try:
            table = self._table(_DECODER.decode(content).embeddings)
        except (*UNREADABLE, ValueError) as error:
            raise self._calls.nonsense("is not a reply to embed") from error
        if table.shape != (count, self._dimensions):
            wanted = f"{count} vectors of {self._dimensions} numbers"
            raise self._calls.nonsense(f"holds {' x '.join(map(str, table.shape))} numbers, not {wanted}")
        lengths = np.sqrt(np.vecdot(table, table))
        if not all(0 < length < inf for length in lengths.tolist()):  # nor is NaN, whatever it is compared with
            raise self._calls.nonsense("holds a vector that is no direction")
        # Four bytes a number; as Python's own they would be made here, and again for each who keeps them.
        return [array("f", row.tobytes()) for row in table / lengths[:, np.newaxis]]

    def _table(self, embeddings: _Embeddings) -> "NDArray[numpy.float32]":
        import numpy as np

        if self._kind == "base64":
            rows = [np.frombuffer(one, dtype="<f4") for one in embeddings.base64]
            return np.array(rows, dtype=np.float32)
        return np.array(embeddings.int8 if self._kind == "int8" else embeddings.floats, dtype=np.float32)
