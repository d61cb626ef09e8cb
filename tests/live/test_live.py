"""
The real services with a person's own keys, from the environment or `.env`: ``make test-live``.

Each test skips, and says why, where its key is missing. Under 20 calls of providers in all, whatever happens: 10 that
``Spending`` holds, and of the service at most 6 of Cohere (three, each tried twice) and 2 of a model.
"""

import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

from adapters.bm25.analyzer import SnowballAnalyzer
from adapters.memory.budgets import InMemoryProviderBudgets
from adapters.memory.clock import SystemClock
from adapters.neon.engine import make_engine, read_url
from adapters.neon.migrate import migrate
from adapters.neon.unit_of_work import NeonUnitOfWork
from adapters.openrouter.bodies import ProviderPreferences
from adapters.openrouter.chat_model import OpenRouterChatModel
from adapters.resilience.dependency import Dependencies
from application.model_costs import ModelCosts
from application.model_judge import ModelJudge
from domain.access.quotas import Allowance, ProviderCall, Window
from domain.conversation.calls import CallEnd, Message, ModelCall, Role
from domain.conversation.model import AttemptOutcome
from domain.errors import PortRefused, PortReplyInvalid
from domain.grounding.lexical import LexicalVerifier
from domain.grounding.model import Verdict
from domain.grounding.ports import CitedClaim, CitedText
from domain.retrieval.model import Purpose
from entrypoints.server import serve_in_background
from entrypoints.settings import read_environment, read_settings
from tests.builders import a_conversation, a_turn, answered
from tests.providers import cohere_embedder, cohere_reranker
from tests.story import PINNING, SNAPSHOTS

pytestmark = pytest.mark.live

GIVEN = read_environment()
QUESTION = "How do I pin a dependency with an exact version?"
COHERE_CALLS, MODEL_CALLS = 6, 4


def given(name: str) -> str:
    """The value of a setting; without it the test is left out."""
    if not GIVEN.get(name, "").strip():
        pytest.skip(f"{name} is not set")
    return GIVEN[name].strip()


@pytest.fixture(scope="module")
def spending() -> InMemoryProviderBudgets:
    """Every call is taken from these before it is made, retries too; none is made beyond."""
    cohere = frozenset({ProviderCall.EMBED, ProviderCall.RERANK})
    models = frozenset({ProviderCall.MODEL, ProviderCall.JUDGE})
    held = (
        Allowance("live_calls_of_cohere", cohere, COHERE_CALLS, Window.MONTH),
        Allowance("live_calls_of_models", models, MODEL_CALLS, Window.MONTH),
    )
    return InMemoryProviderBudgets(held, SystemClock())


def cohere_url() -> str:
    return GIVEN.get("COHERE_BASE_URL", "").strip() or "https://api.cohere.com"


async def test_cohere_embeds_in_order_and_tells_near_from_far(spending: InMemoryProviderBudgets) -> None:
    key = given("COHERE_API_KEY")
    async with cohere_embedder(cohere_url(), key=key, budgets=spending, kind="int8") as embedder:
        near, far = await embedder.embed(
            ["Pin a dependency with an exact version.", "Whales sing at night."], purpose=Purpose.PASSAGE
        )
        [question] = await embedder.embed([QUESTION], purpose=Purpose.QUESTION)
    assert len(near) == len(far) == len(question) == 256

    def cosine(one: list[float], other: list[float]) -> float:
        return sum(a * b for a, b in zip(one, other, strict=True))

    assert cosine(list(question), list(near)) > cosine(list(question), list(far)) + 0.1


async def test_cohere_reranks_by_place(spending: InMemoryProviderBudgets) -> None:
    key = given("COHERE_API_KEY")
    async with cohere_reranker(cohere_url(), key=key, budgets=spending) as reranker:
        ranked = await reranker.rerank(
            QUESTION, ["Whales sing.", "Pin a dependency with an exact version: ==."], keep=2
        )
    assert [one.place for one in ranked] == [1, 0]
    assert 1 >= ranked[0].score > ranked[1].score >= 0


async def test_cohere_refuses_a_wrong_key(spending: InMemoryProviderBudgets) -> None:
    given("COHERE_API_KEY")
    async with cohere_embedder(cohere_url(), key="no-key-of-anybody", budgets=spending) as embedder:
        with pytest.raises(PortRefused, match="401"):
            await embedder.embed(["A lantern."], purpose=Purpose.QUESTION)


@pytest.fixture
async def models() -> AsyncIterator[OpenRouterChatModel]:
    preferences = ProviderPreferences(data_collection=None)
    model = OpenRouterChatModel(Dependencies(), given("OPENROUTER_API_KEY"), openrouter_url(), preferences)
    yield model
    await model.close()


def openrouter_url() -> str:
    return GIVEN.get("OPENROUTER_BASE_URL", "").strip() or "https://openrouter.ai/api/v1"


def model_name() -> str:
    return (GIVEN.get("IBID_MODELS", "").strip() or "openrouter/free").split(",")[0].strip()


async def test_a_model_of_openrouter_streams_and_says_what_it_used(
    models: OpenRouterChatModel, spending: InMemoryProviderBudgets
) -> None:
    await spending.reserve(ProviderCall.MODEL)
    call = ModelCall(model_name(), (Message(Role.USER, "Answer with one word: is water wet?"),), 400, 60)
    *texts, end = [piece async for piece in models.stream(call)]
    assert isinstance(end, CallEnd)
    assert end.outcome in (AttemptOutcome.OK, AttemptOutcome.TRUNCATED), end
    assert all(isinstance(one, str) and one for one in texts)
    assert end.usage is not None
    assert end.usage.prompt_tokens > 0


async def test_a_model_of_openrouter_judges_in_the_shape_that_is_asked_for(
    models: OpenRouterChatModel, spending: InMemoryProviderBudgets
) -> None:
    judge = ModelJudge(LexicalVerifier(SnowballAnalyzer()), models, spending, model_name(), ModelCosts(), silent_s=60)
    source = CitedText("The valve opens at a pressure of 4 bar and closes again below 3 bar.")
    claim = CitedClaim("At a pressure of 4 bar the valve is opened, and below 3 it closes.", (source,))
    try:
        [found] = await judge.verify([claim], language="en")
    except PortReplyInvalid:
        pytest.skip(f"{model_name()} took the schema for a hint; the words' verdicts would stand")
    assert found.verdict in (Verdict.SUPPORTED, Verdict.PARTIAL)


async def test_openrouter_refuses_a_wrong_key(spending: InMemoryProviderBudgets) -> None:
    given("OPENROUTER_API_KEY")
    await spending.reserve(ProviderCall.MODEL)
    stranger = OpenRouterChatModel(Dependencies(), "no-key-of-anybody", openrouter_url())
    _, end = await stranger.whole(ModelCall(model_name(), (Message(Role.USER, "Hello"),), 16))
    await stranger.close()
    assert (end.outcome, end.stands) == (AttemptOutcome.REFUSED, False)


def test_a_question_is_answered_by_the_whole_service(open_folder: Path) -> None:
    """With whichever of the two keys there is; the database and the index are the embedded ones."""
    keys = {name: GIVEN[name].strip() for name in ("COHERE_API_KEY", "OPENROUTER_API_KEY") if GIVEN.get(name, "")}
    if not keys:
        pytest.skip("neither COHERE_API_KEY nor OPENROUTER_API_KEY is set")
    settings = {
        **keys,
        "COHERE_BASE_URL": cohere_url(),
        "OPENROUTER_BASE_URL": openrouter_url(),
        "IBID_DATA_DIR": str(open_folder / "live"),
        "IBID_MODELS": model_name(),
        "IBID_DATA_COLLECTION": "allow",
        "IBID_RERANK_BUDGET_MS": "10000",
        "IBID_EMBED_DIMENSIONS": "256",
        "IBID_PLAN": "paid",  # counted by nobody; how many there can be says the module's docstring
        "IBID_LOG": "json",
    }
    if "OPENROUTER_API_KEY" not in keys:
        del settings["OPENROUTER_BASE_URL"], settings["IBID_MODELS"]
    with serve_in_background(read_settings(settings)) as served:
        headers = {"Authorization": f"Bearer {served.admin_key.reveal()}"}
        with httpx.Client(base_url=served.url, headers=headers, timeout=120) as client:
            pages = {"pinning.md": PINNING, "snapshots.md": SNAPSHOTS}
            documents = [{"uri": uri, "content": text, "format": "markdown"} for uri, text in pages.items()]
            sent = client.post("/v1/admin/ingestions", json={"collection": "docs", "documents": documents})
            with client.stream("GET", sent.json()["status_url"] + "/events") as following:
                following.read()
            assert client.get(sent.json()["status_url"]).json()["status"] == "succeeded"
            turn = client.post("/v1/ask", json={"question": QUESTION}).json()
            assert client.get(f"/v1/turns/{turn['turn_id']}").json() == turn
    assert turn["status"] == "answered", turn
    assert turn["claims"]
    assert turn["references"]
    if "COHERE_API_KEY" in keys:
        assert not {"lexical_only", "rerank_skipped"} & set(turn["degraded"]), turn["degraded"]
    if "OPENROUTER_API_KEY" in keys:
        assert turn["attempts"][0]["model"] == model_name()


async def test_a_neon_database_takes_the_schema_and_keeps_a_turn() -> None:
    """In a database of its own, which is made and dropped; pooled, and unpooled for the migration, as Ibid does it."""
    pooled = given("DATABASE_URL")
    direct = GIVEN.get("DATABASE_URL_UNPOOLED", "").strip() or pooled
    name = f"ibid_test_{secrets.token_hex(6)}"
    await administer(direct, f'CREATE DATABASE "{name}"')
    try:
        await migrate(named(direct, name))
        engine = make_engine(named(pooled, name), pool_size=2)
        try:
            conversation = a_conversation()
            turn = a_turn(conversation.id)
            ended = answered(turn)
            async with NeonUnitOfWork(engine) as uow:
                await uow.conversations.add(conversation)
                await uow.turns.begin(turn, holder="live", lease_until=turn.created_at)
                await uow.turns.finish(ended)
                await uow.commit()
            async with NeonUnitOfWork(engine) as uow:
                assert await uow.turns.get(turn.id, turn.owner) == ended
        finally:
            await engine.dispose()
    finally:
        await administer(direct, f'DROP DATABASE "{name}" WITH (FORCE)')


def named(url: str, database: str) -> str:
    return make_url(url).set(database=database).render_as_string(hide_password=False)


async def administer(url: str, statement: str) -> None:
    parsed, arguments = read_url(url)
    engine = create_async_engine(parsed, connect_args=arguments, isolation_level="AUTOCOMMIT")
    try:
        async with engine.connect() as connection:
            await connection.execute(text(statement))
    finally:
        await engine.dispose()
