"""How a question finds its passages; asking and searching share it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from application.choose_passages import Chances, choose
from application.ports import Clock, UnitOfWorkFactory
from domain.access.readable import ReadableCollections
from domain.errors import PortError
from domain.grounding.evidence import as_evidence
from domain.grounding.model import Evidence
from domain.retrieval.fusion import CANDIDATES, fuse
from domain.retrieval.model import FoundPassage, FusedHit, Purpose, SearchFilters, Vector
from domain.retrieval.near_duplicates import drop_near_duplicates
from domain.retrieval.ports import Embedder, PassageSearch, SparseEncoder
from domain.text import Analyzer

SPARE: Final = 6
"""Passages read back beyond what is asked for: some turn out stale or to repeat another, seldom more than these."""


@dataclass(frozen=True, slots=True)
class FoundEvidence:
    """``evidence`` best first; ``raw`` holds the fused and raw scores of the same passages, for the operator."""

    evidence: tuple[Evidence, ...]
    raw: tuple[FusedHit, ...]
    degraded: tuple[str, ...]
    timings_ms: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class FindPassages:
    """Embed, search both halves, fuse, read back from the database, drop near duplicates, score."""

    embedder: Embedder
    sparse_encoder: SparseEncoder
    passage_search: PassageSearch
    unit_of_work: UnitOfWorkFactory
    analyzer: Analyzer
    clock: Clock

    async def execute(
        self,
        text: str,
        readable: ReadableCollections,
        *,
        languages: Sequence[str],
        filters: SearchFilters,
        top_k: int,
        trust: Mapping[str, int] | None = None,
    ) -> FoundEvidence:
        """``trust`` by collection, 0 to 9; the default where it is not said."""
        started = self.clock.elapsed_ms()
        dense, degraded = await self._embed(text)
        embedded = self.clock.elapsed_ms()
        hits = await self.passage_search.search(
            dense=dense,
            sparse=self.sparse_encoder.encode_question(text, languages=languages),
            readable=readable,
            filters=filters,
            limit=CANDIDATES,
        )
        read, first = await self._best(fuse(hits), readable, top_k)
        chances = Chances(text, self.analyzer, languages[0], dense_asked=dense is not None)
        kept = choose(read, first, trust or {}, chances, top_k=top_k)
        evidence = tuple(as_evidence(n, passage, score=chances.of(passage)) for n, passage in enumerate(kept, start=1))
        retrieved = self.clock.elapsed_ms()
        timings = {"embed": round(embedded - started), "retrieve": round(retrieved - embedded), "rerank": 0}
        return FoundEvidence(evidence, tuple(passage.hit for passage in kept), degraded, timings)

    async def _embed(self, text: str) -> tuple[Vector | None, tuple[str, ...]]:
        try:
            [vector] = await self.embedder.embed([text], purpose=Purpose.QUESTION)
        except PortError:
            return None, ("lexical_only",)
        return vector, ()

    async def _best(
        self, hits: Sequence[FusedHit], readable: ReadableCollections, top_k: int
    ) -> tuple[list[FoundPassage], list[FoundPassage]]:
        """What was read, and its best ``top_k`` that say different things; more is read back only when these lack."""
        read: list[FoundPassage] = []
        kept: list[FoundPassage] = []
        for start in range(0, len(hits), top_k + SPARE):
            read += await self._read_back(hits[start : start + top_k + SPARE], readable)
            kept = drop_near_duplicates(read, keep=top_k)
            if len(kept) == top_k:
                break
        return read, kept

    async def _read_back(self, hits: Sequence[FusedHit], readable: ReadableCollections) -> list[FoundPassage]:
        async with self.unit_of_work() as uow:
            sources = await uow.documents.passages([hit.passage_id for hit in hits], readable)
        return [FoundPassage(sources[hit.passage_id], hit) for hit in hits if hit.passage_id in sources]
