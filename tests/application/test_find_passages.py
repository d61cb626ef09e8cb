"""What a search does without what it usually has."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from adapters.memory.clock import SystemClock
from adapters.memory.embedder import HashingEmbedder
from adapters.memory.passage_index import InMemoryPassageIndex
from adapters.memory.reranker import WordOverlapReranker
from application.arrival import serving
from application.rerank_pace import ENOUGH, LOOKS_AGAIN_AFTER, LOOKS_AGAIN_AFTER_S
from application.reranking import Reranking
from application.search_passages import SearchPassagesQuery
from domain.errors import PortError, PortRefused, PortReplyInvalid, PortUnavailable, QuotaSpent
from domain.retrieval.model import HybridHits, Purpose, Ranked, Vector
from tests.story import ADMIN, PINNING, SNAPSHOTS, Story

QUESTION = "How is an exact version written?"
ANSWER = "An exact version is written with two equal signs."
FAILURES = [
    PortUnavailable("outside"),
    PortRefused("outside", "refused our account"),
    PortReplyInvalid("outside", "its answer is nonsense"),
]


class Embedder(HashingEmbedder):
    """Fails at questions with whatever ``error`` is."""

    error: PortError | None = None
    delay_s = 0.0

    async def embed(self, texts: Sequence[str], *, purpose: Purpose) -> Sequence[Vector]:
        if purpose is Purpose.QUESTION and self.error is not None:
            raise self.error
        await asyncio.sleep(self.delay_s if purpose is Purpose.QUESTION else 0)
        return await super().embed(texts, purpose=purpose)


class Index(InMemoryPassageIndex):
    error: PortError | None = None
    most: int | None = None

    async def search(self, **asked: Any) -> HybridHits:
        if self.error is not None:
            raise self.error
        found = await super().search(**asked)
        return found if self.most is None else HybridHits(found.dense[: self.most], ())


class Clock(SystemClock):
    ahead_s = 0.0

    def elapsed_ms(self) -> float:
        return super().elapsed_ms() + self.ahead_s * 1_000


class Reranker(WordOverlapReranker):
    """Puts the last first, as nothing else would."""

    error: Exception | None = None
    delay_s = 0.0
    asked = 0

    def __init__(self) -> None:
        self.ended = asyncio.Event()

    async def rerank(self, question: str, texts: Sequence[str], *, keep: int) -> Sequence[Ranked]:
        self.asked += 1
        await asyncio.sleep(self.delay_s)
        self.ended.set()
        if self.error is not None:
            raise self.error
        return [Ranked(place, 0.5) for place in reversed(range(len(texts)))]


async def a_story(**instead: object) -> Story:
    story = Story(**instead)
    await story.ingest({"pinning.md": PINNING, "snapshots.md": SNAPSHOTS})
    return story


async def search(story: Story, query: str = QUESTION, **changes: Any) -> tuple[list[str], tuple[str, ...]]:
    found = await story.search_passages.execute(SearchPassagesQuery(ADMIN, query, **changes))
    return [one.text for one in found.evidence], found.degraded


async def test_with_everything_there_nothing_is_degraded() -> None:
    texts, degraded = await search(await a_story(), limit=1)
    assert ANSWER in texts[0]
    assert degraded == ()


@pytest.mark.parametrize("error", FAILURES, ids=lambda error: type(error).__name__)
async def test_without_the_embedder_words_find_the_passage(error: PortError) -> None:
    embedder = Embedder()
    story = await a_story(embedder=embedder)
    embedder.error = error
    texts, degraded = await search(story, limit=1)
    assert ANSWER in texts[0]
    assert degraded == ("lexical_only",)


async def test_without_a_quota_for_embedding_it_is_said_which() -> None:
    embedder = Embedder()
    story = await a_story(embedder=embedder)
    embedder.error = QuotaSpent("cohere", "cohere_calls_per_month", retry_after_s=60)
    assert (await search(story))[1] == ("embed_quota", "lexical_only")


@pytest.mark.parametrize("error", FAILURES, ids=lambda error: type(error).__name__)
async def test_without_the_index_the_database_finds_the_passage(error: PortError) -> None:
    index = Index()
    story = await a_story(passage_index=index)
    index.error = error
    texts, degraded = await search(story, limit=1)
    assert ANSWER in texts[0]
    assert degraded == ("fulltext_only",)
    turn = await story.ask(QUESTION)
    assert (turn.status, turn.degraded) == ("answered", ("fulltext_only",))
    assert "two equal signs" in turn.answer


async def test_the_database_searches_only_what_may_be_read() -> None:
    index = Index()
    story = await a_story(passage_index=index)
    await story.ingest({"payroll.md": "# Pay\n\nAn exact version of the payroll is secret."}, collection="payroll")
    index.error = PortUnavailable("passage index")
    texts, _ = await search(story, collections=["docs"])
    assert not any("secret" in text for text in texts)


async def test_without_embedder_and_index_words_still_find_the_passage() -> None:
    embedder, index = Embedder(), Index()
    story = await a_story(embedder=embedder, passage_index=index)
    embedder.error = index.error = PortUnavailable("outside")
    texts, degraded = await search(story, limit=1)
    assert ANSWER in texts[0]
    assert degraded == ("lexical_only", "fulltext_only")


async def test_a_question_without_a_word_to_search_by_is_searched_by_meaning_alone() -> None:
    assert (await search(await a_story(), "???"))[1] == ("dense_only",)


async def test_the_reranker_decides_the_order() -> None:
    plain, _ = await search(await a_story())
    reranked, degraded = await search(await a_story(reranking=Reranking(Reranker(), 5)))
    assert reranked == plain[::-1]
    assert degraded == ()


async def test_who_does_not_want_to_be_reranked_is_not() -> None:
    reranker = Reranker()
    story = await a_story(reranking=Reranking(reranker, 5))
    plain, _ = await search(await a_story())
    assert await search(story, rerank=False) == (plain, ())
    assert reranker.asked == 0


@pytest.mark.parametrize(
    ("error", "word"),
    [*((error, "rerank_skipped") for error in FAILURES), (QuotaSpent("x", "y", retry_after_s=1), "rerank_quota")],
)
async def test_without_the_reranker_the_fused_order_stands(error: PortError, word: str) -> None:
    reranker = Reranker()
    reranker.error = error
    plain, _ = await search(await a_story())
    assert await search(await a_story(reranking=Reranking(reranker, 5))) == (plain, (word,))


async def test_a_reranker_that_is_late_is_not_waited_for() -> None:
    reranker = Reranker()
    reranker.delay_s = 60
    plain, _ = await search(await a_story())
    assert await search(await a_story(reranking=Reranking(reranker, 0.5))) == (plain, ("rerank_late",))
    assert reranker.asked == 1


async def test_a_reranking_that_is_late_is_let_come_to_its_end_whatever_that_is() -> None:
    reranker = Reranker()
    reranker.delay_s, reranker.error = 0.3, FAILURES[0]
    assert (await search(await a_story(reranking=Reranking(reranker, 0.1))))[1] == ("rerank_late",)
    await asyncio.wait_for(reranker.ended.wait(), 10)


async def test_what_a_question_waited_before_is_not_left_for_the_reranker() -> None:
    reranker, clock = Reranker(), Clock()
    story = await a_story(reranking=Reranking(reranker, 5), clock=clock)
    plain, _ = await search(await a_story())
    with serving(clock.elapsed_ms()):
        assert await search(story) == (plain[::-1], ())
        clock.ahead_s = 5
        assert await search(story) == (plain, ("rerank_late",))
        assert (await story.ask(QUESTION)).degraded == ("rerank_late",)
        assert reranker.asked == 1
    with serving(clock.elapsed_ms()):
        assert await search(story) == (plain[::-1], ())


@pytest.mark.parametrize("hits", [0, 1])
async def test_where_there_is_nothing_to_put_in_order_no_reranking_was_late(hits: int) -> None:
    index, reranker = Index(), Reranker()
    story = await a_story(passage_index=index, reranking=Reranking(reranker, 0))
    assert (await search(story))[1] == ("rerank_late",)
    index.most = hits
    texts, degraded = await search(story)
    assert (len(texts), degraded) == (hits, ())
    assert (await story.ask(QUESTION)).degraded == ()
    assert reranker.asked == 0


async def test_a_reranker_that_was_late_of_late_is_not_asked_in_vain_and_asked_again_when_it_is_quick() -> None:
    index, reranker, clock = Index(), Reranker(), Clock()
    story = await a_story(passage_index=index, reranking=Reranking(reranker, 0.1), clock=clock)
    plain, _ = await search(await a_story())
    reranker.delay_s = 0.3
    for _ in range(ENOUGH):
        assert await search(story) == (plain, ("rerank_late",))
    await asyncio.sleep(0.5)
    for _ in range(LOOKS_AGAIN_AFTER):
        assert await search(story) == (plain, ("rerank_late",))
    assert reranker.asked == ENOUGH
    reranker.delay_s, clock.ahead_s, index.most = 0.0, LOOKS_AGAIN_AFTER_S, 1
    assert (await search(story))[1] == ()
    assert reranker.asked == ENOUGH, "nor is this the time that it is asked again"
    index.most = None
    assert await search(story) == (plain[::-1], ())


async def test_one_that_was_sure_to_come_in_time_is_broken_off_when_it_does_not() -> None:
    reranker = Reranker()
    story = await a_story(reranking=Reranking(reranker, 0.5))
    plain, _ = await search(await a_story())
    for _ in range(ENOUGH):
        assert await search(story) == (plain[::-1], ())
    reranker.ended.clear()
    reranker.delay_s = 1.0
    tasks = asyncio.all_tasks()
    assert await search(story) == (plain, ("rerank_late",))
    assert asyncio.all_tasks() == tasks
    assert await search(story) == (plain, ("rerank_late",))
    assert len(asyncio.all_tasks()) == len(tasks) + 1, "of this one nobody was sure, so that it comes to its end"
    await asyncio.wait_for(reranker.ended.wait(), 10)
    reranker.delay_s = 0.0
    assert await search(story) == (plain[::-1], ())


async def test_a_fault_of_the_reranker_s_own_time_is_not_taken_for_lateness() -> None:
    reranker = Reranker()
    story = await a_story(reranking=Reranking(reranker, 5))
    for _ in range(ENOUGH):
        await search(story)
    reranker.error = TimeoutError()
    with pytest.raises(TimeoutError):
        await search(story)
    reranker.error = FAILURES[0]
    assert (await search(story))[1] == ("rerank_skipped",)


async def test_what_embedding_takes_is_not_left_for_the_reranker_which_is_not_asked_in_vain() -> None:
    embedder, reranker = Embedder(), Reranker()
    story = await a_story(embedder=embedder, reranking=Reranking(reranker, 0.5))
    plain, _ = await search(await a_story())
    embedder.delay_s = 0.6
    assert await search(story) == (plain, ("rerank_late",)), "found by meaning, and as fused"
    assert reranker.asked == 0
    embedder.delay_s = 0.0
    assert await search(story) == (plain[::-1], ())
