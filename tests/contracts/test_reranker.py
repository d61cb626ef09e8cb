"""What every Reranker does."""

from collections.abc import AsyncIterator

import pytest

from adapters.memory.reranker import WordOverlapReranker
from domain.retrieval.ports import Reranker
from tests.fakes.cohere import FakeCohere
from tests.providers import cohere_reranker

QUESTION = "How do I open the red door?"
TEXTS = ["Whales sing at night.", "To open the red door, how else, I do pull it.", "A red door stands there.", ""]


@pytest.fixture(params=["memory", "cohere"])
async def reranker(request: pytest.FixtureRequest) -> AsyncIterator[Reranker]:
    if request.param == "memory":
        yield WordOverlapReranker()
        return
    async with FakeCohere() as cohere, cohere_reranker(cohere.url) as reranker:
        yield reranker


async def test_the_best_comes_first_named_by_its_place(reranker: Reranker) -> None:
    ranked = await reranker.rerank(QUESTION, TEXTS, keep=4)
    assert [one.place for one in ranked][:2] == [1, 2]
    assert sorted(one.place for one in ranked) == [0, 1, 2, 3]
    scores = [one.score for one in ranked]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)


async def test_no_more_than_asked_for_comes_back(reranker: Reranker) -> None:
    assert [one.place for one in await reranker.rerank(QUESTION, TEXTS, keep=1)] == [1]
    assert len(await reranker.rerank(QUESTION, TEXTS, keep=100)) == 4


async def test_no_text_gives_nothing(reranker: Reranker) -> None:
    assert list(await reranker.rerank(QUESTION, [], keep=3)) == []


async def test_the_name_says_the_model(reranker: Reranker) -> None:
    assert reranker.name.strip()
