"""How a question finds its passages; asking and searching share it."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from application.choose_passages import Chances, choose
from application.ports import Clock, UnitOfWorkFactory
from domain.access.readable import ReadableCollections
from domain.errors import PortError, PortUnavailable, QuotaSpent
from domain.grounding.evidence import as_evidence
from domain.grounding.model import Evidence
from domain.retrieval.fusion import CANDIDATES, fuse
from domain.retrieval.lexical import search_words
from domain.retrieval.model import FoundPassage, FusedHit, HybridHits, Purpose, SearchFilters, Vector
from domain.retrieval.near_duplicates import drop_near_duplicates
from domain.retrieval.ports import Embedder, PassageSearch, Reranker, SparseEncoder
from domain.text import Analyzer

SPARE: Final = 6
"""Passages read back beyond what is asked for: some turn out stale or to repeat another, seldom more than these."""
RERANKED: Final = 30
"""Passages that a reranker reads: twice what most answers take; each costs the call some 250 tokens."""
NO_RERANKER_S: Final = 0.01
"""When less is left, none is asked: a call that nobody waits for costs as much as any."""
FULLTEXT_S: Final = 1.5
"""For PostgreSQL in the index's place: with embedding and a dead index before it, a search still takes 3 s at most."""

_log = logging.getLogger("ibid.retrieval")


@dataclass(frozen=True, slots=True)
class FoundEvidence:
    """``evidence`` best first; ``raw`` holds the fused and raw scores of the same passages, for the operator."""

    evidence: tuple[Evidence, ...]
    raw: tuple[FusedHit, ...]
    degraded: tuple[str, ...]
    timings_ms: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Reranking:
    """The reranker, and how long after the question came for its passages it may answer: embedding counts as well."""

    reranker: Reranker
    budget_s: float


@dataclass(frozen=True, slots=True)
class FindPassages:
    """
    Embed, search both halves, fuse, read back from the database, rerank, drop near duplicates, score.

    What fails on the way is left out and named in ``degraded``: without vectors words alone are searched, without the
    index PostgreSQL's full text, without the reranker the fused order stands. Only the database is indispensable.
    """

    embedder: Embedder
    sparse_encoder: SparseEncoder
    passage_search: PassageSearch
    unit_of_work: UnitOfWorkFactory
    analyzer: Analyzer
    clock: Clock
    reranking: Reranking | None = None

    async def execute(
        self,
        text: str,
        readable: ReadableCollections,
        *,
        languages: Sequence[str],
        filters: SearchFilters,
        top_k: int,
        question: str | None = None,
        trust: Mapping[str, int] | None = None,
        rerank: bool = True,
    ) -> FoundEvidence:
        """
        ``question`` is what the passages are scored by, where that is not all that is searched for. ``trust`` by
        collection, 0 to 9; the default where it is not said.

        Raises PortUnavailable or PortRefused, of the database alone.
        """
        degraded: list[str] = []
        started = self.clock.elapsed_ms()
        dense = await self._embed(text, degraded)
        embedded = self.clock.elapsed_ms()
        hits, by_index = await self._search(text, dense, readable, languages, filters, degraded)
        reranking = self.reranking if rerank else None
        if reranking is None:
            (read, first), rerank_ms = await self._best(hits, readable, top_k), 0.0
        else:
            read = await self._read_back(hits[: max(RERANKED, top_k + SPARE)], readable)
            began = self.clock.elapsed_ms()
            left_s = reranking.budget_s - (began - started) / 1_000
            read = await self._reranked(reranking.reranker, text, read, left_s, degraded)
            first = drop_near_duplicates(read, keep=top_k)
            rerank_ms = self.clock.elapsed_ms() - began
        chances = Chances(question or text, self.analyzer, languages[0], dense_asked=dense is not None and by_index)
        kept = choose(read, first, trust or {}, chances, top_k=top_k, reranked=reranking is not None)
        evidence = tuple(as_evidence(n, passage, score=chances.of(passage)) for n, passage in enumerate(kept, start=1))
        retrieve_ms = self.clock.elapsed_ms() - embedded - rerank_ms
        timings = {"embed": round(embedded - started), "retrieve": round(retrieve_ms), "rerank": round(rerank_ms)}
        return FoundEvidence(evidence, tuple(passage.hit for passage in kept), tuple(degraded), timings)

    async def _embed(self, text: str, degraded: list[str]) -> Vector | None:
        try:
            [vector] = await self.embedder.embed([text], purpose=Purpose.QUESTION)
        except PortError as error:
            spent = ("embed_quota",) if isinstance(error, QuotaSpent) else ()
            _go_on_without(error, degraded, *spent, "lexical_only")
            return None
        return vector

    async def _search(
        self,
        text: str,
        dense: Vector | None,
        readable: ReadableCollections,
        languages: Sequence[str],
        filters: SearchFilters,
        degraded: list[str],
    ) -> tuple[Sequence[FusedHit], bool]:
        """The hits, best first, and whether they are the index's."""
        sparse = self.sparse_encoder.encode_question(text, languages=languages)
        try:
            found = await self.passage_search.search(
                dense=dense, sparse=sparse, readable=readable, filters=filters, limit=CANDIDATES
            )
        except PortError as error:
            _go_on_without(error, degraded, "fulltext_only")
            return await self._in_full_text(text, readable, languages, filters), False
        if dense is not None and not sparse.indices:
            degraded.append("dense_only")
        return fuse(found), True

    async def _in_full_text(
        self, text: str, readable: ReadableCollections, languages: Sequence[str], filters: SearchFilters
    ) -> Sequence[FusedHit]:
        words = search_words(text, analyzer=self.analyzer, languages=languages)
        try:
            async with asyncio.timeout(FULLTEXT_S), self.unit_of_work() as uow:
                hits = await uow.passage_text.find(words, readable, filters, limit=CANDIDATES)
        except TimeoutError:
            raise PortUnavailable("database", "did not answer in time") from None
        fused = fuse(HybridHits((), hits))
        # Its scores are not BM25, and are not shown as such.
        return [hit._replace(sparse=None) for hit in fused]

    async def _reranked(
        self, reranker: Reranker, text: str, passages: list[FoundPassage], left_s: float, degraded: list[str]
    ) -> list[FoundPassage]:
        """The passages as the reranker orders them, those that it leaves out last; as they came when it fails."""
        if len(passages) < 2:
            return passages
        if left_s < NO_RERANKER_S:
            degraded.append("rerank_late")
            return passages
        try:
            async with asyncio.timeout(left_s):
                ranked = await reranker.rerank(text, list(map(_shown, passages)), keep=len(passages))
        except TimeoutError:
            degraded.append("rerank_late")
            return passages
        except PortError as error:
            _go_on_without(error, degraded, "rerank_quota" if isinstance(error, QuotaSpent) else "rerank_skipped")
            return passages
        first = [passages[one.place] for one in ranked]
        named = {one.place for one in ranked}
        return first + [passage for place, passage in enumerate(passages) if place not in named]

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


def _shown(passage: FoundPassage) -> str:
    """A passage as a reranker reads it: where it stands, then what it says."""
    source = passage.source
    return "\n".join((source.document.title, *source.section.heading_path, source.passage.text))


def _go_on_without(error: PortError, degraded: list[str], *words: str) -> None:
    """Note what the failure means for the answer, and log why."""
    degraded += words
    _log.warning("retrieval degraded", extra={"port": error.port, "reason": str(error), "degraded": words})
