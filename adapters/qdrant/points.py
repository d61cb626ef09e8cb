"""Passages, filters and hits in the words of Qdrant's client."""

import json
from collections.abc import Iterator, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final
from uuid import UUID

from qdrant_client import AsyncQdrantClient, models

from adapters.qdrant.layout import DENSE, SPARSE
from domain.access.readable import ReadableCollections
from domain.retrieval.model import Hit, HybridHits, IndexedPassage, SearchFilters, SparseVector, Vector

REVIEWED: Final = "yes"
NOT_REVIEWED: Final = "no"


def point(passage: IndexedPassage) -> models.PointStruct:
    payload: dict[str, Any] = {
        "collection": passage.collection,
        "document": str(passage.document_id),
        "uri_prefixes": _prefixes(passage.uri),
        "metadata": [_metadata_word(key, value) for key, value in passage.metadata.items()],
    }
    if passage.peer_reviewed is not None:
        payload["peer_reviewed"] = REVIEWED if passage.peer_reviewed else NOT_REVIEWED
    vectors: dict[str, Any] = {DENSE: list(passage.dense), SPARSE: _sparse(passage.sparse)}
    return models.PointStruct(id=str(passage.id), vector=vectors, payload=payload)


async def searched_by_client(
    client: AsyncQdrantClient,
    collection: str,
    *,
    dense: Vector | None,
    sparse: SparseVector | None,
    readable: ReadableCollections,
    filters: SearchFilters,
    limit: int,
) -> HybridHits:
    """
    One request for each half that there is something to ask of, in one round trip.

    Two, and not one with prefetches that the server fuses: that would bring the fused scores alone.
    """
    looked_at = _narrowed(readable, filters)
    queries: dict[str, Any] = {}
    if dense is not None and len(dense):
        queries[DENSE] = list(dense)
    if sparse is not None and sparse.indices:
        queries[SPARSE] = _sparse(sparse)
    if not queries:
        return HybridHits((), ())
    requests = [
        models.QueryRequest(
            query=query, using=half, filter=looked_at, limit=limit, with_payload=False, with_vector=False
        )
        for half, query in queries.items()
    ]
    answers = await client.query_batch_points(collection, requests)
    found = dict(zip(queries, map(_hits, answers), strict=True))
    return HybridHits(found.get(DENSE, ()), found.get(SPARSE, ()))


def _hits(answer: models.QueryResponse) -> tuple[Hit, ...]:
    return tuple(Hit(UUID(str(one.id)), one.score) for one in answer.points)


def _narrowed(readable: ReadableCollections, filters: SearchFilters) -> models.Filter:
    """Inside ``readable``, and everything else that was asked for as well."""
    inside = models.FieldCondition(key="collection", match=models.MatchAny(any=list(readable)))
    equal = [models.FieldCondition(key=key, match=models.MatchValue(value=value)) for key, value in conditions(filters)]
    return models.Filter(must=[inside, *equal])


def conditions(filters: SearchFilters) -> Iterator[tuple[str, str | int]]:
    """Fields and what each must be, or hold."""
    if filters.uri_prefix:
        yield "uri_prefixes", _prefixes(filters.uri_prefix)[-1]
    if filters.peer_reviewed_only:
        yield "peer_reviewed", REVIEWED
    for key, value in filters.metadata.items():
        yield "metadata", _metadata_word(key, value)


def of_collection(name: str) -> models.Filter:
    """Everything of one collection, for whoever keeps the index; no search is narrowed by this alone."""
    return models.Filter(must=[models.FieldCondition(key="collection", match=models.MatchValue(value=name))])


@lru_cache(1_024)
def _prefixes(uri: str) -> list[int]:
    """
    A number for every prefix of the uri: servers before 1.19 know no prefix match on keywords.

    63 bits of a hash each: among a million prefixes one question in 10^13 meets another's.
    """
    running = blake2b(digest_size=8)
    numbers: list[int] = []
    for character in uri:
        running.update(character.encode("utf-8", "surrogatepass"))
        numbers.append(int.from_bytes(running.copy().digest()) >> 1)
    return numbers


def _metadata_word(key: str, value: str) -> str:
    """One keyword for a pair: payload paths give dots, quotes and brackets in a key a meaning of their own."""
    return json.dumps([key, value], ensure_ascii=False)


def _sparse(vector: SparseVector) -> models.SparseVector:
    return models.SparseVector(indices=list(vector.indices), values=list(vector.values))


def ids(passage_ids: Sequence[UUID]) -> models.PointIdsList:
    return models.PointIdsList(points=[str(one) for one in passage_ids])
