"""
How well the embedded default finds: ``python -m bench.retrieval_quality [--write]`` from the project's root.

Through the real parts: the BM25 encoder, the static embedder, the Qdrant Edge index, fusion, the plain-text parser and
chunking as they are shipped. ``--write`` puts the tables into docs/evaluation.md.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import log2
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import Final
from uuid import UUID

from adapters.bm25.analyzer import SnowballAnalyzer
from adapters.bm25.encoder import AVERAGE_TERMS, K1, B, Bm25SparseEncoder
from adapters.markdown.plain_text import PlainTextParser
from adapters.qdrant_edge.index import QdrantEdgeIndex
from adapters.static.embedder import StaticEmbedder
from bench.retrieval_data import Excerpt, ExcerptQuestion, load_chroma, load_scifact
from domain.access.model import Principal, Scope
from domain.access.readable import readable_collections
from domain.library.chunking import CHUNK_CHARS, CONTEXT_CHARS, chunk, in_context, passage_input
from domain.library.model import Format, SourceDocument
from domain.retrieval.fusion import CANDIDATES, DENSE_WEIGHT, fuse
from domain.retrieval.model import HybridHits, IndexedPassage, Purpose, SearchFilters

REPORT: Final = Path(__file__).resolve().parents[1] / "docs" / "evaluation.md"
BEGIN: Final = "<!-- bench.retrieval_quality writes from here -->"
END: Final = "<!-- to here -->"
SHOWN: Final = 5
RRF_CONSTANT: Final = 60
"""Cormack, Clarke & Büttcher, Reciprocal Rank Fusion, 2009."""

_CALLER = Principal("bench", "bench", frozenset({Scope.ASK}))
_READABLE = readable_collections(_CALLER, ["bench"])
Ranking = Callable[[HybridHits], list[int]]


def by_fusion(hits: HybridHits) -> list[int]:
    return [hit.passage_id.int for hit in fuse(hits)]


def by_dense(hits: HybridHits) -> list[int]:
    return [hit.passage_id.int for hit in hits.dense]


def by_terms(hits: HybridHits) -> list[int]:
    return [hit.passage_id.int for hit in hits.sparse]


def by_ranks(hits: HybridHits) -> list[int]:
    """Reciprocal rank fusion, for comparison."""
    scores: dict[int, float] = {}
    for half in (hits.sparse, hits.dense):
        for rank, hit in enumerate(half, start=1):
            scores[hit.passage_id.int] = scores.get(hit.passage_id.int, 0.0) + 1 / (RRF_CONSTANT + rank)
    return sorted(scores, key=lambda number: -scores[number])


RANKINGS: Final[dict[str, Ranking]] = {
    "BM25 alone": by_terms,
    "static vectors alone": by_dense,
    "reciprocal rank fusion": by_ranks,
    "**shipped fusion**": by_fusion,
}


@dataclass(frozen=True, slots=True)
class Engine:
    """The shipped retrieval parts over one fresh index."""

    index: QdrantEdgeIndex
    embedder: StaticEmbedder
    encoder: Bm25SparseEncoder

    async def fill(self, inputs: Sequence[str]) -> None:
        """Index one passage per input; its id is its place."""
        dense = await self.embedder.embed(inputs, purpose=Purpose.PASSAGE)
        sparse = self.encoder.encode_passages(inputs, language="en")
        await self.index.put(
            [
                IndexedPassage(UUID(int=number), UUID(int=0), "bench", "", None, {}, vector, terms)
                for number, (vector, terms) in enumerate(zip(dense, sparse, strict=True))
            ]
        )

    async def ask(self, questions: Sequence[str]) -> list[HybridHits]:
        found = []
        for question, vector in zip(
            questions, await self.embedder.embed(questions, purpose=Purpose.QUESTION), strict=True
        ):
            terms = self.encoder.encode_question(question, languages=["en"])
            hits = await self.index.search(
                dense=vector, sparse=terms, readable=_READABLE, filters=SearchFilters(), limit=CANDIDATES
            )
            found.append(hits)
        return found


async def with_engine[T](embedder: StaticEmbedder, work: Callable[[Engine], Awaitable[T]]) -> T: ...
