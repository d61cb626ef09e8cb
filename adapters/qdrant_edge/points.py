"""Passages and hits in Qdrant's words."""

from collections.abc import Sequence
from functools import partial
from operator import attrgetter
from typing import Any, Final, cast
from uuid import UUID

from qdrant_edge import EdgeShard, Point, QueryRequest, ScoredPoint, SparseVector, UpdateOperation
from qdrant_edge import Query as EdgeQuery

from adapters.qdrant_edge.filters import NOT_REVIEWED, REVIEWED, metadata_word, narrowed
from adapters.qdrant_edge.shard import DENSE, SPARSE
from domain.access.readable import ReadableCollections
from domain.retrieval import model

_hit: Final = partial(tuple.__new__, model.Hit)
"""Hit(*fields) for half of what a named tuple's own constructor takes."""
_fields: Final = attrgetter("id", "score")


def upsert(passages: Sequence[model.IndexedPassage]) -> UpdateOperation:
    points: list[Point] = []
    payload: dict[str, Any] = {}
    before: model.IndexedPassage | None = None
    for passage in passages:
        if before is None or _filtered_by(passage) != _filtered_by(before):  # those of a document follow each other
            payload, before = _payload(passage), passage
        # The binding takes any sequence; a list of it would be made for nothing.
        vectors: dict[str, Any] = {DENSE: passage.dense, SPARSE: _sparse(passage.sparse)}
        points.append(Point(passage.id, vectors, payload))
    return UpdateOperation.upsert_points(points)


def requests(
    dense: model.Vector | None,
    sparse: model.SparseVector | None,
    readable: ReadableCollections,
    filters: model.SearchFilters,
    limit: int,
) -> dict[str, QueryRequest]:
    """One request for each half that there is something to ask of."""
    queries: dict[str, EdgeQuery] = {}
    if dense is not None and len(dense):
        queries[DENSE] = EdgeQuery.Nearest(list(dense), using=DENSE)
    if sparse is not None and sparse.indices:
        # Term statistics are the whole index's: those of ``readable`` alone cost 10 ms at 100,000 passages.
        queries[SPARSE] = EdgeQuery.Nearest(_sparse(sparse), using=SPARSE)
    looked_at = narrowed(readable, filters)
    return {
        half: QueryRequest(limit, query=query, filter=looked_at, with_payload=False, with_vector=False)
        for half, query in queries.items()
    }


def hits(points: Sequence[ScoredPoint]) -> tuple[model.Hit, ...]:
    return tuple(map(_hit, map(_fields, points)))


def carry_over(ids: Sequence[UUID], source: EdgeShard, target: EdgeShard) -> None:
    """Make these points of ``target`` what they are in ``source``, or remove them where it has none."""
    records = source.retrieve(list(ids), with_payload=True, with_vector=True)
    # What is read is what may be written, which the library's own types do not tell.
    there = [Point(record.id, cast(Any, record.vector), record.payload) for record in records]
    target.update(UpdateOperation.upsert_points(there))
    gone = set(ids) - {record.id for record in records}
    if gone:
        target.update(UpdateOperation.delete_points(list(gone)))


def _filtered_by(passage: model.IndexedPassage) -> tuple[Any, ...]:
    return passage.collection, passage.uri, passage.peer_reviewed, passage.metadata


def _payload(passage: model.IndexedPassage) -> dict[str, Any]:
    payload: dict[str, Any] = {"collection": passage.collection, "uri": passage.uri}
    if passage.metadata:  # an empty list would be a sixth of what giving the engine a passage takes
        payload["metadata"] = [metadata_word(key, value) for key, value in passage.metadata.items()]
    if passage.peer_reviewed is not None:
        payload["peer_reviewed"] = REVIEWED if passage.peer_reviewed else NOT_REVIEWED
    return payload


def _sparse(vector: model.SparseVector) -> SparseVector:
    return SparseVector(indices=cast(list[int], vector.indices), values=cast(list[float], vector.values))
