"""How a question finds its passages; asking and searching share it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import nlargest
from itertools import chain
from operator import attrgetter
from typing import Final, TypeAlias

from application.choose_indexes import SearchPlan, plan_search
from application.choose_passages import Chances, choose
from application.embedders import Embedders
from application.give_way import GiveWay, goes_first
from application.ports import Clock, UnitOfWorkFactory
from application.reranking import NO_RERANKER_S, Reranking
from domain.access.readable import ReadableCollections
from domain.errors import PortError, PortUnavailable, QuotaSpent
from domain.grounding.evidence import as_evidence
from domain.grounding.joining import gaps, joined
from domain.grounding.model import Evidence
from domain.library.generations import IndexPlace
from domain.library.model import UNTOLD, Collection, SpanOfVersion
from domain.retrieval.fusion import CANDIDATES, fuse
from domain.retrieval.lexical import search_words
from domain.retrieval.model import (
    FoundPassage,
    FusedHit,
    Hit,
    HybridHits,
    Purpose,
    SearchFilters,
    SparseVector,
    Vector,
)
from domain.retrieval.near_duplicates import drop_near_duplicates
from domain.retrieval.ports import IndexGenerations, SparseEncoder
from domain.text import Analyzer

SPARE: Final = 6
"""Passages read back beyond what is asked for: some turn out stale or to repeat another, seldom more than these."""
RERANKED: Final = 30
"""Passages that a reranker reads: twice what most answers take; each costs the call some 250 tokens."""
FULLTEXT_S: Final = 1.5
"""For PostgreSQL in the index's place: with embedding and a dead index before it, a search still takes 3 s at most."""

KNOWN_GAPS: Final = 20_000
"""Texts between neighbouring passages that are remembered, some 6 MB."""

LibraryState: TypeAlias = Callable[[], Awaitable[str]]
"""Tells in which state the library is, as ``Documents.passages`` takes it."""

_log = logging.getLogger("ibid.retrieval")


async def _untold() -> str:
    return UNTOLD


@dataclass(frozen=True, slots=True)
class FoundEvidence:
    """``evidence`` best first; ``raw`` holds the fused and raw scores of the same passages, for the operator."""

    evidence: tuple[Evidence, ...]
    raw: tuple[FusedHit, ...]
    degraded: tuple[str, ...]
    timings_ms: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class FindPassages:
    """
    Embed, search both halves, fuse, read back from the database, rerank, drop near duplicates, score.

    What fails on the way is left out and named in ``degraded``: without vectors words alone are searched, without the
    index PostgreSQL's full text, without the reranker the fused order stands. Only the database is indispensable.
    """

    embedders: Embedders
    sparse_encoder: SparseEncoder
    indexes: IndexGenerations
    unit_of_work: UnitOfWorkFactory
    analyzer: Analyzer
    clock: Clock
    reranking: Reranking | None = None
    way: GiveWay = field(default_factory=GiveWay)
    _between: dict[SpanOfVersion, str] = field(default_factory=dict)

    @goes_first
    async def execute(
        self,
        text: str,
        readable: ReadableCollections,
        *,
        collections: Sequence[Collection],
        languages: Sequence[str],
        filters: SearchFilters,
        top_k: int,
        question: str | None = None,
        trust: Mapping[str, int] | None = None,
        rerank: bool = True,
        waited_s: float = 0.0,
        library_state: LibraryState = _untold,
    ) -> FoundEvidence:
        """
        ``collections`` say how each of the readable ones is indexed. ``question`` is what the passages are scored by,
        where that is not all that is searched for. ``trust`` by collection, 0 to 9; the default where it is not said.
        ``waited_s``: since the question arrived; the reranker's budget counts it. ``library_state`` is waited for
        before any text is read, and thus before any is sent to the reranker: the question may still be being stored.

        Raises PortUnavailable or PortRefused, of the database alone.
        """
        degraded: list[str] = []
        started = self.clock.elapsed_ms()
        plan = plan_search(readable, collections, self.embedders)
        dense = await self._embed(text, plan, degraded)
        embedded = self.clock.elapsed_ms()
        hits, by_index = await self._search(text, dense, plan, readable, languages, filters, degraded)
        searched = self.clock.elapsed_ms()
        state = await library_state()
        reranking, began = self.reranking if rerank else None, self.clock.elapsed_ms()
        held_ms = began - searched
        ends_ms = started + (reranking.budget_s - waited_s) * 1_000 if reranking is not None else began
        rerank_ms = 0.0
        if reranking is None or len(hits) < 2:  # one has no order that could be another
            read, first = await self._best(hits, readable, plan.cuts, state, top_k)
        elif not reranking.worth((ends_ms - began) / 1_000, began / 1_000):
            degraded.append("rerank_late")
            read, first = await self._best(hits, readable, plan.cuts, state, top_k)
        else:
            read = await self._read_back(hits[: max(RERANKED, top_k + SPARE)], readable, plan.cuts, state)
            began = self.clock.elapsed_ms()
            read = await self._reranked(reranking, text, read, (ends_ms - began) / 1_000, degraded)
            first = drop_near_duplicates(read, keep=top_k)
            rerank_ms = self.clock.elapsed_ms() - began
        dense_asked = dense is not None and by_index
        chances = Chances(question or text, self.analyzer, languages[0], dense_asked, plan.lexical)
        kept = choose(read, first, trust or {}, chances, top_k=top_k, reranked=reranking is not None)
        evidence = tuple(as_evidence(n, passage, score=chances.of(passage)) for n, passage in enumerate(kept, start=1))
        retrieve_ms = self.clock.elapsed_ms() - embedded - held_ms - rerank_ms
        timings = {"embed": round(embedded - started), "retrieve": round(retrieve_ms), "rerank": round(rerank_ms)}
        return FoundEvidence(evidence, tuple(passage.hit for passage in kept), tuple(degraded), timings)

    async def joined(self, evidence: Sequence[Evidence], readable: ReadableCollections) -> tuple[Evidence, ...]:
        """
        The evidence with adjacent passages of one section made one, numbered anew.

        What lies between them is read once: the text of a version never changes. Raises as ``execute`` does.
        """
        wanted = gaps(evidence)
        if unknown := [gap for gap in wanted if gap not in self._between]:
            async with self.unit_of_work() as uow:
                found = await uow.documents.pieces(unknown, readable)
            if len(self._between) + len(found) > KNOWN_GAPS:
                self._between.clear()
            self._between.update(found)
        return joined(evidence, self._between)

    async def _embed(self, text: str, plan: SearchPlan, degraded: list[str]) -> Vector | None:
        if plan.embedder is None:
            degraded.append("lexical_only")
            return None
        if plan.lexical:
            degraded.append("mixed_embedders")
        try:
            [vector] = await plan.embedder.embed([text], purpose=Purpose.QUESTION)
        except PortError as error:
            spent = ("embed_quota",) if isinstance(error, QuotaSpent) else ()
            _go_on_without(error, degraded, *spent, "lexical_only")
            return None
        return vector

    async def _search(
        self,
        text: str,
        dense: Vector | None,
        plan: SearchPlan,
        readable: ReadableCollections,
        languages: Sequence[str],
        filters: SearchFilters,
        degraded: list[str],
    ) -> tuple[Sequence[FusedHit], bool]:
        """The hits, best first, and whether they are the index's."""
        sparse = self.sparse_encoder.encode_question(text, languages=languages)
        try:
            asked = [self._in_index(*one, plan, dense, sparse, filters) for one in plan.places.items()]
            # As a rule it is one, for which no task has to be made.
            found = [await asked[0]] if len(asked) == 1 else await asyncio.gather(*asked)
        except PortError as error:
            _go_on_without(error, degraded, "fulltext_only")
            return await self._in_full_text(text, readable, plan.cuts, languages, filters), False
        if dense is not None and not sparse.indices:
            degraded.append("dense_only")
        if len(found) == 1 and not plan.lexical:
            return fuse(found[0]), True
        return _fused(plan, found, dense_asked=dense is not None), True

    async def _in_index(
        self,
        place: IndexPlace,
        readable: ReadableCollections,
        plan: SearchPlan,
        dense: Vector | None,
        sparse: SparseVector,
        filters: SearchFilters,
    ) -> HybridHits:
        index = await self.indexes.at(place)
        asked = dense if plan.is_dense(place) else None
        return await index.search(dense=asked, sparse=sparse, readable=readable, filters=filters, limit=CANDIDATES)

    async def _in_full_text(
        self,
        text: str,
        readable: ReadableCollections,
        cuts: Mapping[str, int],
        languages: Sequence[str],
        filters: SearchFilters,
    ) -> Sequence[FusedHit]:
        words = search_words(text, analyzer=self.analyzer, languages=languages)
        try:
            async with asyncio.timeout(FULLTEXT_S), self.unit_of_work() as uow:
                hits = await uow.passage_text.find(words, readable, filters, limit=CANDIDATES, cuts=cuts)
        except TimeoutError:
            raise PortUnavailable("database", "did not answer in time") from None
        fused = fuse(HybridHits((), hits))
        # Its scores are not BM25, and are not shown as such.
        return [hit._replace(sparse=None) for hit in fused]

    async def _reranked(
        self, reranking: Reranking, text: str, passages: list[FoundPassage], left_s: float, degraded: list[str]
    ) -> list[FoundPassage]:
        """The passages as the reranker orders them, those that it leaves out last; as they came when it fails."""
        if len(passages) < 2:
            return passages
        if left_s < NO_RERANKER_S:
            degraded.append("rerank_late")
            return passages
        try:
            ranked = await reranking.ranked(text, passages, left_s, self.clock)
        except PortError as error:
            _go_on_without(error, degraded, "rerank_quota" if isinstance(error, QuotaSpent) else "rerank_skipped")
            return passages
        if ranked is None:
            degraded.append("rerank_late")
            return passages
        first = [passages[one.place] for one in ranked]
        named = {one.place for one in ranked}
        return first + [passage for place, passage in enumerate(passages) if place not in named]

    async def _best(
        self, hits: Sequence[FusedHit], readable: ReadableCollections, cuts: Mapping[str, int], state: str, top_k: int
    ) -> tuple[list[FoundPassage], list[FoundPassage]]:
        """What was read, and its best ``top_k`` that say different things; more is read back only when these lack."""
        read: list[FoundPassage] = []
        kept: list[FoundPassage] = []
        for start in range(0, len(hits), top_k + SPARE):
            read += await self._read_back(hits[start : start + top_k + SPARE], readable, cuts, state)
            kept = drop_near_duplicates(read, keep=top_k)
            if len(kept) == top_k:
                break
        return read, kept

    async def _read_back(
        self, hits: Sequence[FusedHit], readable: ReadableCollections, cuts: Mapping[str, int], state: str
    ) -> list[FoundPassage]:
        async with self.unit_of_work() as uow:
            wanted = [hit.passage_id for hit in hits]
            sources = await uow.documents.passages(wanted, readable, cuts=cuts, state=state)
        found = sources.get
        return [FoundPassage(source, hit) for hit in hits if (source := found(hit.passage_id)) is not None]


def _fused(plan: SearchPlan, found: Sequence[HybridHits], *, dense_asked: bool) -> list[FusedHit]:
    """One ranking of what several indexes found; scores of one embedder compare, and so do those of BM25."""
    alike: list[HybridHits] = []
    by_words: list[Hit] = []
    for place, hits in zip(plan.places, found, strict=True):
        if plan.is_dense(place) and dense_asked:
            alike.append(hits)
        else:
            by_words += hits.sparse
    both = HybridHits(_best_of(one.dense for one in alike), _best_of(one.sparse for one in alike))
    if not alike:
        return fuse(HybridHits((), _best_of([by_words])))
    return fuse(both, lexical=_best_of([by_words]))


def _best_of(found: Iterable[Sequence[Hit]]) -> Sequence[Hit]:
    return nlargest(CANDIDATES, chain.from_iterable(found), key=attrgetter("score"))


def _go_on_without(error: PortError, degraded: list[str], *words: str) -> None:
    """Note what the failure means for the answer, and log why."""
    degraded += words
    _log.warning("retrieval degraded", extra={"port": error.port, "reason": str(error), "degraded": words})
