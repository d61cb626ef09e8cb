"""
A question's search as Qdrant's REST has it, by msgspec.

The client copies, checks and dumps a model of each request, numbers and all, and makes one of each of 120 hits: four
times the CPU (docs/adr/0009). Everything that is no question goes by the client.
"""

from collections.abc import Sequence
from functools import partial
from typing import Final
from urllib.parse import quote, urlsplit
from uuid import UUID

import httpx
import msgspec
import numpy as np
from qdrant_client.http.exceptions import UnexpectedResponse

from adapters.qdrant.layout import DENSE, SPARSE
from adapters.qdrant.points import conditions
from adapters.resilience.http_client import JsonPosts
from adapters.resilience.unreadable import UNREADABLE
from domain.access.readable import ReadableCollections
from domain.retrieval.model import Hit, HybridHits, SearchFilters, SparseVector, Vector

_DEFAULT_PORT: Final = 6333
"""As with the client; Qdrant Cloud's addresses name none."""


class _Match(msgspec.Struct, omit_defaults=True):
    value: str | int | None = None
    any: list[str] | None = None


class _Condition(msgspec.Struct):
    key: str
    match: _Match


class _Filter(msgspec.Struct):
    must: list[_Condition]


class _Words(msgspec.Struct):
    indices: Sequence[int]
    values: Sequence[float]


class _Search(msgspec.Struct):
    query: Sequence[int] | _Words
    using: str
    filter: _Filter
    limit: int
    with_payload: bool = False
    with_vector: bool = False


class _Batch(msgspec.Struct):
    searches: list[_Search]


class _Point(msgspec.Struct, gc=False):  # which would look through all of them time and again: twice the time
    id: UUID
    score: float


class _Points(msgspec.Struct):
    points: list[_Point]


class _Reply(msgspec.Struct):
    result: list[_Points]


_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(_Reply)
_FULL_LENGTH: Final = 2**30
_hit: Final = partial(tuple.__new__, Hit)
"""Hit(*fields) for half of what a named tuple's own constructor takes."""


def qdrant_posts(url: str, key: str | None) -> JsonPosts:
    """To the same server as the client's for this URL."""
    address = urlsplit(url)
    host = f"[{address.hostname}]" if ":" in (address.hostname or "") else address.hostname
    base_url = f"{address.scheme}://{host}:{address.port or _DEFAULT_PORT}{address.path}"
    return JsonPosts(base_url, headers={"api-key": key} if key else {})


async def searched(
    posts: JsonPosts,
    collection: str,
    *,
    dense: Vector | None,
    sparse: SparseVector | None,
    readable: ReadableCollections,
    filters: SearchFilters,
    limit: int,
) -> HybridHits:
    """Both halves in one round trip. Raises what the client does."""
    inside = _Condition("collection", _Match(any=list(readable)))
    looked_at = _Filter([inside, *(_Condition(key, _Match(value)) for key, value in conditions(filters))])
    queries: dict[str, Sequence[int] | _Words] = {}
    if dense is not None and len(dense):
        queries[DENSE] = _direction(dense)
    if sparse is not None and sparse.indices:
        queries[SPARSE] = _Words(sparse.indices, sparse.values)
    if not queries:
        return HybridHits((), ())
    batch = _Batch([_Search(query, half, looked_at, limit) for half, query in queries.items()])
    response = await posts.post(f"/collections/{quote(collection, safe='')}/points/query/batch", _ENCODER.encode(batch))
    if response.status_code != 200:
        raise UnexpectedResponse(
            response.status_code, response.reason, response.content, httpx.Headers(dict(response.headers))
        )
    try:
        result = _DECODER.decode(response.content).result
        found = {half: _hits(one) for half, one in zip(queries, result, strict=True)}
    except UNREADABLE as error:
        raise ValueError("not a reply to a search") from error
    return HybridHits(found.get(DENSE, ()), found.get(SPARSE, ()))


def _direction(vector: Vector) -> list[int]:
    """
    Whole numbers that point where a vector of unit length does, to a billionth: cosine asks for nothing else.

    They take half the bytes and half the time: a question's search goes out in one flight of a new connection's ten
    packets, where 1,024 floats with all their digits take 22 KB.
    """
    numbers: list[int] = np.rint(np.asarray(vector, dtype=np.float32) * _FULL_LENGTH).astype(np.int64).tolist()
    return numbers


def _hits(found: _Points) -> tuple[Hit, ...]:
    return tuple([_hit((one.id, one.score)) for one in found.points])
