"""What Cohere's adapters say on the wire, and what they make of each answer."""

import asyncio
from collections.abc import AsyncIterator
from math import hypot
from typing import Any

import pytest

from adapters.cohere.embedder import CohereEmbedder
from adapters.cohere.question_cache import QuestionCache
from adapters.cohere.reranker import CohereReranker
from adapters.memory.budgets import InMemoryProviderBudgets
from adapters.memory.clock import SystemClock
from domain.access.quotas import Allowance, ProviderCall, Window, free_allowances
from domain.errors import PortError, PortRefused, PortReplyInvalid, PortUnavailable, QuotaSpent
from domain.retrieval.model import Purpose
from tests.fakes.cohere import EMBED, PUBLISHED, RERANK, FakeCohere, embedded, refusal, results
from tests.fakes.http_server import Reply
from tests.providers import cohere_embedder, cohere_reranker

SECRET = "a-key-that-nobody-should-read"
ECHO = "the question of a user, echoed"
MINUTE = "You are past the per minute request limit, please wait and try again later."
MONTH = "You are using a Trial key, which is limited to 1000 API calls / month."


@pytest.fixture
async def cohere() -> AsyncIterator[FakeCohere]:
    async with FakeCohere(SECRET) as cohere:
        yield cohere


@pytest.fixture
async def embedder(cohere: FakeCohere) -> AsyncIterator[CohereEmbedder]:
    async with cohere_embedder(cohere.url, key=SECRET, dimensions=256) as embedder:
        yield embedder


@pytest.fixture
async def reranker(cohere: FakeCohere) -> AsyncIterator[CohereReranker]:
    async with cohere_reranker(cohere.url, key=SECRET) as reranker:
        yield reranker


async def ask(embedder: CohereEmbedder, text: str = "What is a door?") -> None:
    await embedder.embed([text], purpose=Purpose.QUESTION)


def body_of(cohere: FakeCohere) -> dict[str, Any]:
    return cohere.calls[-1][1]


def test_requests_are_checked_against_the_published_description() -> None:
    if not PUBLISHED.present:
        pytest.skip(f"{PUBLISHED.file} is not beside the project: requests to the fake go unchecked")
    assert PUBLISHED.problems("POST", EMBED, {"model": "embed-v4.0"}) != []
    assert PUBLISHED.problems("POST", EMBED, {"model": "m", "input_type": "question", "texts": ["a"]}) != []
    assert PUBLISHED.problems("POST", RERANK, {"model": "m", "query": "q", "documents": [1]}) != []
    asked = {"model": "embed-v4.0", "input_type": "search_query", "texts": ["a"], "output_dimension": 256}
    assert PUBLISHED.problems("POST", EMBED, asked) == []
    assert PUBLISHED.flaws("POST", EMBED, 200, {**embedded(asked), "embeddings": {"float": [[0.5]]}}) == []
    assert PUBLISHED.flaws("POST", RERANK, 200, results([(0, 0.5)])) == []


async def test_questions_and_passages_say_what_they_are(cohere: FakeCohere, embedder: CohereEmbedder) -> None:
    await ask(embedder)
    assert body_of(cohere) == {
        "model": "embed-v4.0",
        "texts": ["What is a door?"],
        "input_type": "search_query",
        "embedding_types": ["float"],
        "output_dimension": 256,
    }
    await embedder.embed(["A door is open."], purpose=Purpose.PASSAGE)
    assert body_of(cohere)["input_type"] == "search_document"


async def test_an_older_model_is_not_told_its_dimensions(cohere: FakeCohere) -> None:
    async with cohere_embedder(cohere.url, key=SECRET, model="embed-english-v3.0", dimensions=1536) as embedder:
        await ask(embedder)
    assert "output_dimension" not in body_of(cohere)


async def test_batches_hold_96_texts_and_go_side_by_side(cohere: FakeCohere, embedder: CohereEmbedder) -> None:
    cohere.delay_s[EMBED] = 0.05
    vectors = await embedder.embed([f"Text {number}" for number in range(600)], purpose=Purpose.PASSAGE)
    assert len(vectors) == 600
    assert sorted(len(body["texts"]) for _, body in cohere.calls) == [24, *[96] * 6]
    assert cohere.most_running == 4


async def test_one_batch_that_fails_fails_them_all(cohere: FakeCohere, embedder: CohereEmbedder) -> None:
    cohere.script(EMBED, refusal(422, "no"))
    with pytest.raises(PortRefused):
        await embedder.embed([f"Text {number}" for number in range(300)], purpose=Purpose.PASSAGE)


async def test_a_question_asked_before_is_not_bought_again(cohere: FakeCohere, embedder: CohereEmbedder) -> None:
    first = await embedder.embed(["What  is a\ndoor?"], purpose=Purpose.QUESTION)
    again = await embedder.embed([" What is a door? "], purpose=Purpose.QUESTION)
    assert (list(first[0]), cohere.count(EMBED)) == (list(again[0]), 1)
    assert hypot(*first[0]) == pytest.approx(1, abs=1e-5)


async def test_the_same_question_five_hundred_times_at_once_is_one_call(
    cohere: FakeCohere, embedder: CohereEmbedder
) -> None:
    cohere.delay_s[EMBED] = 0.05
    await asyncio.gather(*(ask(embedder) for _ in range(500)))
    assert cohere.count(EMBED) == 1


async def test_of_those_who_wait_for_one_who_goes_away_one_buys_anew() -> None:
    bought, open_now = list[str](), asyncio.Event()

    async def buy(text: str) -> list[float]:
        bought.append(text)
        await open_now.wait()
        return [1.0]

    cache = QuestionCache(buy)
    first, *others = [asyncio.create_task(cache.vector("a")) for _ in range(5)]
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait([first])
    open_now.set()
    assert [list(vector) for vector in await asyncio.gather(*others)] == [[1.0]] * 4
    assert bought == ["a", "a"]


async def test_one_who_waited_and_went_away_takes_nothing_from_the_others(
    cohere: FakeCohere, embedder: CohereEmbedder
) -> None:
    cohere.delay_s[EMBED] = 0.05
    first, second, third = [asyncio.create_task(ask(embedder)) for _ in range(3)]
    await asyncio.sleep(0.01)
    second.cancel()
    await asyncio.gather(first, third)
    assert cohere.count(EMBED) == 1


async def test_a_question_that_failed_is_asked_again(cohere: FakeCohere, embedder: CohereEmbedder) -> None:
    cohere.script(EMBED, refusal(422, "no"))
    with pytest.raises(PortRefused):
        await ask(embedder)
    await ask(embedder)


async def test_the_cache_keeps_no_more_than_it_may() -> None:
    bought: list[str] = []

    async def buy(text: str) -> list[float]:
        bought.append(text)
        return [1.0]

    cache = QuestionCache(buy, kept=2)
    for text in ("a", "b", "a", "c", "a", "b"):
        await cache.vector(text)
    assert bought == ["a", "b", "c", "b"]


# The sixteen replies of the fault table; docs/faults.md says what a caller sees of each.
FEW = {"id": "x", "embeddings": {"float": []}, "response_type": "embeddings_by_type"}
SHORT = {"id": "x", "embeddings": {"float": [[0.5, 0.5]]}, "response_type": "embeddings_by_type"}
NULLS = {"id": "x", "embeddings": {"float": [[None] * 256]}, "response_type": "embeddings_by_type"}
ZEROS = {"id": "x", "embeddings": {"float": [[0.0] * 256]}, "response_type": "embeddings_by_type"}
NAN = Reply(body=b'{"id":"x","embeddings":{"float":[[' + b",".join([b"NaN"] * 256) + b"]]}}")
REPLIES = [
    pytest.param(refusal(400, ECHO), PortRefused, 1, id="400"),
    pytest.param(refusal(401, ECHO), PortRefused, 1, id="401"),
    pytest.param(refusal(402, ECHO), PortRefused, 1, id="402"),
    pytest.param(refusal(403, ECHO), PortRefused, 1, id="403"),
    pytest.param(refusal(404, ECHO), PortRefused, 1, id="404"),
    pytest.param(refusal(422, ECHO), PortRefused, 1, id="422"),
    pytest.param(refusal(429, MINUTE), PortUnavailable, 2, id="429 of a minute"),
    pytest.param(refusal(429, MINUTE, retry_after="30"), PortUnavailable, 1, id="429 with a wait that is too long"),
    pytest.param(refusal(429, MONTH), QuotaSpent, 1, id="429 of a month"),
    pytest.param(refusal(498, ECHO), PortRefused, 1, id="498"),
    pytest.param(refusal(499, ECHO), PortUnavailable, 2, id="499"),
    pytest.param(refusal(500, ECHO), PortUnavailable, 2, id="500"),
    pytest.param(refusal(501, ECHO), PortUnavailable, 1, id="501"),
    pytest.param(refusal(503, ECHO), PortUnavailable, 2, id="503"),
    pytest.param(refusal(504, ECHO), PortUnavailable, 2, id="504"),
    pytest.param(Reply(body=b"<html>"), PortReplyInvalid, 1, id="not JSON"),
]


def not_quoting(error: BaseException) -> bool:
    """Nothing of the key, or of what Cohere said, stands in the error or in what a log would show of its causes."""
    told, one = "", error
    while one is not None:
        told += str(one)
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)  # type: ignore[assignment]
    return SECRET not in told and ECHO not in told


@pytest.mark.parametrize(("reply", "expected", "calls"), REPLIES)
async def test_each_refusal_to_embed_is_what_it_is(
    cohere: FakeCohere, embedder: CohereEmbedder, reply: Reply, expected: type[PortError], calls: int
) -> None:
    cohere.always[EMBED] = reply
    with pytest.raises(expected) as caught:
        await ask(embedder)
    assert type(caught.value) is expected
    assert cohere.count(EMBED) == calls
    assert not_quoting(caught.value)


async def test_brackets_by_the_thousand_are_no_reply(
    cohere: FakeCohere, embedder: CohereEmbedder, reranker: CohereReranker
) -> None:
    deep = b"[" * 100_000
    cohere.always[EMBED] = cohere.always[RERANK] = Reply(body=b'{"more":%b}' % (deep + deep.replace(b"[", b"]")))
    with pytest.raises(PortReplyInvalid):
        await ask(embedder)
    with pytest.raises(PortReplyInvalid):
        await reranker.rerank("What is a door?", ["A door."], keep=1)


@pytest.mark.parametrize(("reply", "expected", "calls"), REPLIES)
async def test_each_refusal_to_rerank_is_what_it_is(
    cohere: FakeCohere, reranker: CohereReranker, reply: Reply, expected: type[PortError], calls: int
) -> None:
    cohere.always[RERANK] = reply
    with pytest.raises(expected) as caught:
        await reranker.rerank("What is a door?", ["A door."], keep=1)
    assert type(caught.value) is expected
    assert cohere.count(RERANK) == calls
    assert not_quoting(caught.value)


@pytest.mark.parametrize(
    "reply",
    [Reply.of(FEW), Reply.of(SHORT), Reply.of(NULLS), Reply.of(ZEROS), NAN, Reply.of({"id": "x"}), Reply.of([])],
    ids=["fewer vectors", "wrong dimension", "nulls", "no direction", "NaN", "no embeddings", "a list"],
)
async def test_vectors_that_cannot_be_right_are_refused(
    cohere: FakeCohere, embedder: CohereEmbedder, reply: Reply
) -> None:
    cohere.script(EMBED, reply)
    with pytest.raises(PortReplyInvalid, match="cohere embed"):
        await ask(embedder)


@pytest.mark.parametrize(
    "ranked",
    [[(7, 0.5)], [(-1, 0.5)], [(0, 0.5), (0, 0.4)], [(None, 0.5)], [(0, None)], [(0, "high")]],
    ids=["out of range", "negative", "twice", "missing", "no score", "score of text"],
)
async def test_ranks_that_cannot_be_right_are_refused(
    cohere: FakeCohere, reranker: CohereReranker, ranked: list[Any]
) -> None:
    cohere.script(RERANK, Reply.of(results(ranked)))
    with pytest.raises(PortReplyInvalid, match="cohere rerank"):
        await reranker.rerank("What is a door?", ["A door.", "A wall."], keep=2)


async def test_results_in_disorder_are_put_in_order(cohere: FakeCohere, reranker: CohereReranker) -> None:
    cohere.script(RERANK, Reply.of(results([(0, 0.1), (1, 0.9)])))
    ranked = await reranker.rerank("What is a door?", ["A wall.", "A door."], keep=2)
    assert [one.place for one in ranked] == [1, 0]


async def test_after_a_bad_key_no_more_calls_are_made(cohere: FakeCohere, embedder: CohereEmbedder) -> None:
    cohere.script(EMBED, refusal(401, "invalid api token"))
    with pytest.raises(PortRefused):
        await ask(embedder)
    with pytest.raises(PortUnavailable, match="left alone"):
        await ask(embedder)
    assert cohere.count(EMBED) == 1


async def test_every_attempt_counts_and_a_call_that_never_arrived_does_not(cohere: FakeCohere) -> None:
    month = Allowance("month", frozenset({ProviderCall.EMBED}), 5, Window.MONTH)
    budgets = InMemoryProviderBudgets((month,), SystemClock())
    async with cohere_embedder(cohere.url, key=SECRET, budgets=budgets) as embedder:
        cohere.script(EMBED, refusal(503, "busy"))
        await ask(embedder)
        assert [one.used for one in await budgets.left()] == [2]
    await cohere.stop()
    async with cohere_embedder("http://127.0.0.1:1", key=SECRET, budgets=budgets) as embedder:
        with pytest.raises(PortUnavailable):
            await ask(embedder)
    assert [one.used for one in await budgets.left()] == [2]


async def test_a_month_that_cohere_says_is_over_is_over_here_too(cohere: FakeCohere) -> None:
    allowances = free_allowances(model_calls_per_day=50, cohere_calls_per_month=1_000)
    budgets = InMemoryProviderBudgets(allowances, SystemClock())
    async with cohere_embedder(cohere.url, key=SECRET, budgets=budgets) as embedder:
        cohere.script(EMBED, refusal(429, MONTH))
        for text in ("one", "two", "three"):
            with pytest.raises(QuotaSpent):
                await ask(embedder, text)
    assert cohere.count(EMBED) == 1


async def test_ingestion_waits_for_the_minute_where_a_question_does_not(cohere: FakeCohere) -> None:
    minute = Allowance("minute", frozenset({ProviderCall.EMBED}), 96, Window.MINUTE, per_input=True)
    budgets = InMemoryProviderBudgets((minute,), SystemClock())
    async with cohere_embedder(cohere.url, key=SECRET, budgets=budgets) as embedder:
        await embedder.embed(["text"] * 96, purpose=Purpose.PASSAGE)
        with pytest.raises(QuotaSpent):
            await ask(embedder)
        waiting = asyncio.create_task(embedder.embed(["text"], purpose=Purpose.PASSAGE))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        waiting.cancel()
        await asyncio.wait([waiting])
