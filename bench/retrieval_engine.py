"""The shipped retrieval parts over a fresh index, and the rankings that are compared."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, TypeAlias
from uuid import UUID

from adapters.bm25.analyzer import SnowballAnalyzer
from adapters.bm25.encoder import Bm25SparseEncoder
from adapters.qdrant_edge.index import QdrantEdgeIndex
from adapters.static.embedder import StaticEmbedder
from domain.access.model import Principal, Scope
from domain.access.readable import readable_collections
from domain.library.model import Collection
from domain.retrieval.fusion import CANDIDATES, fuse
from domain.retrieval.model import HybridHits, IndexedPassage, Purpose, SearchFilters

RRF_CONSTANT: Final = 60
"""Cormack, Clarke & Büttcher, Reciprocal Rank Fusion, 2009."""
_READABLE: Final = readable_collections(
    Principal("bench", "bench", frozenset({Scope.ASK})), [Collection("bench", datetime(2026, 11, 1, tzinfo=UTC))]
)
_EMBEDDER: Final = StaticEmbedder()

Ranking: TypeAlias = Callable[[HybridHits], list[int]]


@asynccontextmanager
async def asked(
    inputs: Sequence[str], questions: Sequence[str], *, indexed: Sequence[str] | None = None
) -> AsyncIterator[list[HybridHits]]:
    """
    What each question finds when one passage per input is indexed; a passage's id is its place.

    ``indexed`` is what terms are taken of, where that is not what is embedded.
    """
    encoder = Bm25SparseEncoder(SnowballAnalyzer())
    with TemporaryDirectory() as folder:
        index = QdrantEdgeIndex(Path(folder), _EMBEDDER.dimensions)
        await index.open()
        try:
            dense = await _EMBEDDER.embed(inputs, purpose=Purpose.PASSAGE)
            sparse = encoder.encode_passages(inputs if indexed is None else indexed, language="en")
            halves = enumerate(zip(dense, sparse, strict=True))
            await index.put(
                [IndexedPassage(UUID(int=n), UUID(int=0), "bench", "", None, {}, *half) for n, half in halves]
            )
            vectors = await _EMBEDDER.embed(questions, purpose=Purpose.QUESTION)
            yield [
                await index.search(
                    dense=vector,
                    sparse=encoder.encode_question(question, languages=["en"]),
                    readable=_READABLE,
                    filters=SearchFilters(),
                    limit=CANDIDATES,
                )
                for question, vector in zip(questions, vectors, strict=True)
            ]
        finally:
            await index.close()


def by_terms(hits: HybridHits) -> list[int]:
    return [hit.passage_id.int for hit in hits.sparse]


def by_vectors(hits: HybridHits) -> list[int]:
    return [hit.passage_id.int for hit in hits.dense]


def by_ranks(hits: HybridHits) -> list[int]:
    """Reciprocal rank fusion, for comparison."""
    scores: dict[int, float] = {}
    for half in (hits.sparse, hits.dense):
        for rank, hit in enumerate(half, start=1):
            scores[hit.passage_id.int] = scores.get(hit.passage_id.int, 0.0) + 1 / (RRF_CONSTANT + rank)
    return sorted(scores, key=lambda number: -scores[number])


def by_fusion(hits: HybridHits) -> list[int]:
    return [hit.passage_id.int for hit in fuse(hits)]


RANKINGS: Final[dict[str, Ranking]] = {
    "BM25 alone": by_terms,
    "static vectors alone": by_vectors,
    "reciprocal rank fusion": by_ranks,
    "**fused scores (shipped)**": by_fusion,
}
