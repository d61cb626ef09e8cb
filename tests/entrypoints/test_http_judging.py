"""Claims judged by a model at the wire, as a client of the service sees them."""

import json
from collections.abc import AsyncIterator

import pytest
from dependency_injector import providers

from adapters.bm25.analyzer import SnowballAnalyzer
from adapters.openrouter.chat_model import OpenRouterChatModel
from adapters.resilience.dependency import Dependencies
from application.judging import Judging
from application.model_costs import ModelCosts
from application.model_judge import ModelJudge
from domain.grounding.lexical import LexicalVerifier
from entrypoints.judging_parts import judging_by
from entrypoints.settings import read_settings
from tests.entrypoints.http_service import QUESTION, HttpService, ScriptedWriter, events_of
from tests.fakes.openrouter import KEY, FakeOpenRouter, completion, refused, verdicts, whole
from tests.providers import unlimited

OPEN = "Exact versions of dependencies stand in a file of requirements [1]."


@pytest.fixture
async def openrouter() -> AsyncIterator[FakeOpenRouter]:
    async with FakeOpenRouter() as server:
        yield server
        assert server.invalid == []


@pytest.fixture
async def service(openrouter: FakeOpenRouter) -> AsyncIterator[HttpService]:
    settings = read_settings(
        {
            "IBID_VERIFIER": "model",
            "IBID_JUDGE_MODEL": "a/judge",
            "OPENROUTER_API_KEY": KEY,
            "OPENROUTER_BASE_URL": openrouter.url,
            "IBID_MODELS": "a/writer",
        }
    )
    model = OpenRouterChatModel(Dependencies(), KEY, openrouter.url)
    analyzer, costs = SnowballAnalyzer(), ModelCosts()
    judging = judging_by(settings, analyzer, lambda: model, lambda: None, unlimited(), costs)
    assert isinstance(judging, Judging)
    service = HttpService(ScriptedWriter(OPEN), judging=providers.Object(judging))
    async with service.running():
        await service.ingest_story()
        yield service
    await model.close()


async def asked(service: HttpService) -> dict[str, object]:
    """The turn of one question, which streams, is read back, and is stored as one and the same."""
    async with service.client(accept="text/event-stream") as client:
        answer = await client.post("/v1/ask", json={"question": QUESTION, "collections": ["docs"]})
    events = [(name, json.loads(data)) for _, name, data in events_of(answer.text)]
    turn: dict[str, object] = events[-1][1]
    assert [data for name, data in events if name == "claim"] == turn["claims"]
    async with service.client() as client:
        assert (await client.get(f"/v1/turns/{turn['turn_id']}")).json() == turn
    return turn


async def test_the_judge_is_named_and_its_verdict_is_the_claim_s(
    service: HttpService, openrouter: FakeOpenRouter
) -> None:
    openrouter.script("a/judge", whole(completion(verdicts("unsupported"))))
    turn = await asked(service)
    assert [claim["verdict"] for claim in turn["claims"]] == ["unsupported"]  # type: ignore[attr-defined]
    words = LexicalVerifier(SnowballAnalyzer()).verifier
    assert turn["verifier"] == {"name": "a/judge", "version": f"1+lexical-{words.version}"}
    assert turn["usage"]["cost_usd"] == 0.0012  # type: ignore[index]
    [sent] = openrouter.calls
    assert sent["model"] == "a/judge"
    assert sent["response_format"]["json_schema"]["strict"] is True
    assert sent["provider"]["require_parameters"] is True


async def test_a_judge_that_fails_is_named_as_missing(service: HttpService, openrouter: FakeOpenRouter) -> None:
    openrouter.script("a/judge", refused(500))
    turn = await asked(service)
    verifier = turn["verifier"]
    assert verifier["name"] == "lexical"  # type: ignore[index]
    assert verifier["missing"] == {"name": "a/judge", "reason": "unavailable"}  # type: ignore[index]


def test_nobody_judges_beside_the_words_unless_it_is_set() -> None:
    model = OpenRouterChatModel
    settings = read_settings({"OPENROUTER_API_KEY": KEY})
    assert judging_by(settings, SnowballAnalyzer(), model, lambda: None, unlimited(), ModelCosts()) is None  # type: ignore[arg-type]


def test_the_first_of_the_models_judges_when_none_is_named() -> None:
    settings = read_settings({"OPENROUTER_API_KEY": KEY, "IBID_MODELS": "a/first, b", "IBID_VERIFIER": "model"})
    model = OpenRouterChatModel(Dependencies(), KEY)
    judging = judging_by(settings, SnowballAnalyzer(), lambda: model, lambda: None, unlimited(), ModelCosts())
    assert judging is not None
    assert isinstance(judging.verifier, ModelJudge)
    assert judging.verifier.verifier.name == "a/first"
