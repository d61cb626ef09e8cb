"""What Cohere is asked about the models that are set, and what is made of each answer."""

import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from adapters.cohere.models_probe import CohereModelsProbe
from adapters.memory.budgets import InMemoryProviderBudgets
from adapters.memory.clock import SystemClock
from application.diagnose import Unsound
from domain.access.quotas import free_allowances
from domain.errors import PortError, PortRefused, PortReplyInvalid, PortUnavailable, QuotaSpent
from entrypoints.probes import cohere_probe_by
from entrypoints.settings import read_settings
from tests.fakes.cohere import MODELS, PUBLISHED, SERVED, FakeCohere, described, refusal
from tests.fakes.http_server import Reply, Request
from tests.providers import unlimited

KEY = "a-key-that-nobody-should-read"
EMBEDS, RERANKS = f"{MODELS}/embed-v4.0", f"{MODELS}/rerank-v4.0-fast"
MONTH = "You are using a Trial key, which is limited to 1000 API calls / month."


@pytest.fixture
async def cohere() -> AsyncIterator[FakeCohere]:
    async with FakeCohere(KEY) as cohere:
        yield cohere


def budgets(calls: int = 1_000) -> InMemoryProviderBudgets:
    return InMemoryProviderBudgets(free_allowances(model_calls_per_day=50, cohere_calls_per_month=calls), SystemClock())


async def used(held: InMemoryProviderBudgets) -> dict[str, int]:
    return {one.name: one.used for one in await held.left()}


def probe(url: str, key: str = KEY, held: InMemoryProviderBudgets | None = None, **more: str) -> CohereModelsProbe:
    settings = read_settings({"COHERE_API_KEY": key, "COHERE_BASE_URL": url, **more})
    return cohere_probe_by(settings, held or unlimited())


async def unsound(asked: CohereModelsProbe) -> Unsound:
    found = await asked.ask()
    assert isinstance(found, Unsound)
    return found


async def test_models_that_are_served_are_named_and_counted_as_calls_of_the_month(cohere: FakeCohere) -> None:
    held = budgets()
    told = await probe(cohere.url, held=held).ask()
    assert told == "the key is taken, and serves embed-v4.0 for embed and rerank-v4.0-fast for rerank"
    assert [path for path, _ in cohere.calls] == [EMBEDS, RERANKS]
    counted = await used(held)
    assert counted.pop("cohere_calls_per_month") == 2
    assert set(counted.values()) == {0}
    assert cohere.open_connections == 0


def test_the_fake_describes_models_as_published() -> None:
    if not PUBLISHED.present:
        pytest.skip(f"{PUBLISHED.file} is not beside the project")
    for path in (EMBEDS, MODELS):
        reply = described(Request("GET", path, {}, {}, b""), SERVED)
        assert PUBLISHED.flaws("GET", path, 200, msgspec.json.decode(reply.body)) == []
    assert PUBLISHED.flaws("GET", EMBEDS, 200, {"name": 1}) != []


@pytest.mark.parametrize(
    ("setting", "model", "detail", "mend"),
    [
        ("IBID_EMBED_MODEL", "embed-v9", "is not known there", "embed: embed-v4.0, and run `ibid reindex`"),
        ("IBID_EMBED_MODEL", "embed-english-v2.0", "is deprecated", "embed: embed-v4.0, and run `ibid reindex`"),
        ("IBID_EMBED_MODEL", "rerank-v4.0-pro", "serves rerank, not embed", "embed: embed-v4.0, and"),
        ("IBID_RERANK_MODEL", "command-a-03-2025", "serves chat, not rerank", "rerank: rerank-v4.0-fast, rerank-v4.0"),
    ],
)
async def test_a_model_that_will_not_do_is_named_with_those_that_would(
    cohere: FakeCohere, setting: str, model: str, detail: str, mend: str
) -> None:
    found = await unsound(probe(cohere.url, **{setting: model}))
    assert found.detail == f"{model} {detail}"
    assert found.mend.startswith(f"set {setting} to a model that serves {mend}")
    assert cohere.count(MODELS) == 1


async def test_a_list_that_fails_leaves_the_finding_as_it_is(cohere: FakeCohere) -> None:
    cohere.script(MODELS, refusal(500, "no"))
    found = await unsound(probe(cohere.url, IBID_RERANK_MODEL="rerank-v9"))
    assert found == Unsound("rerank-v9 is not known there", "set IBID_RERANK_MODEL to a model that serves rerank")


async def test_a_service_that_names_no_models_is_no_fault(cohere: FakeCohere) -> None:
    cohere.script(EMBEDS, Reply(404, b"<html>"))
    cohere.script(MODELS, refusal(404, "not found"))
    told = await probe(cohere.url).ask()
    assert isinstance(told, str)
    assert "names no models" in told


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (refusal(401, KEY), PortRefused),
        (refusal(498, KEY), PortRefused),
        (refusal(429, MONTH), QuotaSpent),
        (refusal(503, KEY), PortUnavailable),
        (Reply(200, b"<html>"), PortReplyInvalid),
        (Reply(200, b"\xff\xfe"), PortReplyInvalid),
        (Reply.of([]), PortReplyInvalid),
        (Reply.of({"name": "embed-v4.0", "endpoints": "embed"}), PortReplyInvalid),
        (Reply(301, b"", {"location": "http://127.0.0.1:9/"}), PortError),
        (Reply(200, b"{", cut=True), PortError),
    ],
)
async def test_refusals_are_the_ports_and_asked_for_once(
    cohere: FakeCohere, reply: Reply, error: type[PortError]
) -> None:
    cohere.script(EMBEDS, reply)
    asked = probe(cohere.url)
    with pytest.raises(error) as raised:
        await asked.ask()
    assert KEY not in str(raised.value) + repr(asked)
    assert cohere.count(EMBEDS) == 1
    assert cohere.open_connections == 0
    assert isinstance(await asked.ask(), str)  # the next diagnosis asks, whatever this one was told


async def test_a_wrong_key_is_told_and_how_to_mend_it(cohere: FakeCohere) -> None:
    asked = probe(cohere.url, key="another-key-of-somebody")
    with pytest.raises(PortRefused, match="refused our account"):
        await asked.ask()
    assert "COHERE_API_KEY" in asked.mend


async def test_a_month_that_is_used_up_here_sends_nothing_and_there_is_noted(cohere: FakeCohere) -> None:
    with pytest.raises(QuotaSpent):
        await probe(cohere.url, held=budgets(0)).ask()
    assert cohere.calls == []
    held = budgets()
    cohere.script(EMBEDS, refusal(429, MONTH))
    with pytest.raises(QuotaSpent):
        await probe(cohere.url, held=held).ask()
    assert (await used(held))["cohere_calls_per_month"] == 1_000


async def test_no_connection_is_no_call() -> None:
    held = budgets()
    with pytest.raises(PortUnavailable, match="cannot be reached"):
        await probe("http://127.0.0.1:9", held=held).ask()
    assert (await used(held))["cohere_calls_per_month"] == 0


async def test_without_a_key_nothing_is_asked_and_without_reranking_no_reranker(cohere: FakeCohere) -> None:
    assert await cohere_probe_by(read_settings({}), unlimited()).ask() is None
    told = await probe(cohere.url, IBID_RERANK_BUDGET_MS="0").ask()
    assert told == "the key is taken, and serves embed-v4.0 for embed"


def test_the_sdk_is_not_imported_before_it_is_asked_for() -> None:
    loaded = "import sys, entrypoints.containers; sys.exit('cohere' in sys.modules)"
    subprocess.run([sys.executable, "-c", loaded], cwd=Path(__file__).parents[2], check=True)
