"""
Whatever a tenant asks, of whatever it names, nothing of another tenant's comes to light anywhere on the way.

Each door is watched for itself, so that one filter that is lost is seen even where the next one would still hold:
what the index finds, what is read back from the database, what a writer is given, what is answered, what is logged.
"""

import json
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.isolation.tenants import ADMIN_KEY, COMMONS, TENANTS, TOPICS, Tenants, canary, ended, three_tenants

IDS = ("document", "version", "cursor", "turn", "conversation", "ingestion")
COLLECTIONS = (*TENANTS, COMMONS, "nowhere", "alba'--", "*", "%")
TARGETED = [
    "What is the ledger repaired with?", "Who checks the turbine every Monday?", "When does the library open?",
    "collection:brio", '{"should": [{"key": "collection", "match": {"value": "ceres"}}]}', "' OR 1=1 --", "crew tool",
]  # fmt: skip
WORDS = (
    *TOPICS,
    *TENANTS,
    "repaired",
    "tool",
    "crew",
    "Monday",
    "checked",
    "library",
    "opens",
    "noon",
    "broken",
    "the",
)

questions = some.one_of(
    some.sampled_from(TARGETED),
    some.lists(some.sampled_from(WORDS), min_size=1, max_size=8).map(" ".join),
    some.text(min_size=1, max_size=40).filter(lambda text: bool(text.strip())),
)
filters = some.fixed_dictionaries(
    {},
    optional={
        "uri_prefix": some.sampled_from(["l", "ledger", "ledger.md", "hours.md", "%", "_", "*", "../", "alba/", "h"]),
        "metadata": some.dictionaries(
            some.sampled_from(["owner", "collection", "owner\"] or [", "*"]), some.sampled_from([*COLLECTIONS, "true"]),
            max_size=2,
        ),
        "peer_reviewed_only": some.just(False),
    },
)  # fmt: skip
bodies = some.fixed_dictionaries(
    {"filters": filters},
    optional={
        "collections": some.lists(some.sampled_from(COLLECTIONS), min_size=1, max_size=4, unique=True),
        "selected_text": questions,
    },
)
readers = some.sampled_from(TENANTS)


@dataclass(frozen=True)
class Move:
    """One request of a tenant; ``of`` is whose ids it names."""

    caller: str
    user: str
    kind: str
    of: str
    question: str
    body: dict[str, Any]

    def request(self, tenants: Tenants) -> tuple[str, str, dict[str, Any]]:
        ids = dict(tenants.owned[self.of].ids)
        for name in IDS:
            ids.setdefault(name, tenants.owned[TENANTS[0]].ids[name])
        headers = {"Accept": "text/event-stream"} if self.kind == "stream" else {}
        once = {"Idempotency-Key": "the same of all"}
        named = self.body.get("collections", [None])[0]
        listing = {"collection": named, "cursor": None, "uri": None}
        ask = {"question": self.question, **self.body}
        search = {name: value for name, value in self.body.items() if name != "selected_text"}
        page = {"uri": "ledger.md", "content": "# The ledger\n\nThe ledger.", "format": "markdown"}
        pages = {"collection": named or self.of, "documents": [page]}
        known = f"/v1/admin/ingestions/{ids['ingestion']}"
        moves: dict[str, tuple[str, str, dict[str, Any]]] = {
            "ask": ("POST", "/v1/ask", {"json": ask}),
            "stream": ("POST", "/v1/ask", {"json": ask, "headers": headers}),
            "go on": ("POST", "/v1/ask", {"json": {**ask, "conversation_id": ids["conversation"]}}),
            "ask once": ("POST", "/v1/ask", {"json": {"question": TARGETED[0]}, "headers": once}),
            "search": ("POST", "/v1/search", {"json": {"query": self.question, "limit": 50, **search}}),
            "list": ("GET", "/v1/documents", {"params": _given(listing)}),
            "list by uri": ("GET", "/v1/documents", {"params": _given(listing | {"uri": "ledger.md"})}),
            "go on listing": ("GET", "/v1/documents", {"params": _given(listing | {"cursor": ids["cursor"]})}),
            "document": ("GET", f"/v1/documents/{ids['document']}", {}),
            "text": ("GET", f"/v1/documents/{ids['document']}/text", {"params": {"version": ids["version"]}}),
            "delete": ("DELETE", f"/v1/documents/{ids['document']}", {}),
            "turn": ("GET", f"/v1/turns/{ids['turn']}", {}),
            "references": ("GET", f"/v1/turns/{ids['turn']}/references", {}),
            "events": ("GET", f"/v1/turns/{ids['turn']}/events", {}),
            "cancel": ("POST", f"/v1/turns/{ids['turn']}/cancel", {}),
            "feedback": ("GET", f"/v1/turns/{ids['turn']}/feedback", {}),
            "give feedback": ("POST", f"/v1/turns/{ids['turn']}/feedback", {"json": {"rating": "up"}}),
            "turns": ("GET", f"/v1/conversations/{ids['conversation']}/turns", {}),
            "conversation": ("GET", f"/v1/conversations/{ids['conversation']}", {}),
            "conversations": ("GET", "/v1/conversations", {}),
            "rename": ("PATCH", f"/v1/conversations/{ids['conversation']}", {"json": {"title": "Mine"}}),
            "plan": ("POST", "/v1/admin/ingestions/plan", {"json": pages}),
            "ingestions": ("GET", "/v1/admin/ingestions", {}),
            "ingestion": ("GET", known, {}),
            "ingested": ("GET", f"{known}/documents", {}),
            "progress": ("GET", f"{known}/events", {}),
            "cancel ingestion": ("POST", f"{known}/cancel", {}),
            "retry": ("POST", f"{known}/retry", {}),
            "me": ("GET", "/v1/me", {}),
        }
        return moves[self.kind]


OF_A_USER = (
    "turn", "references", "events", "cancel", "feedback", "give feedback", "turns", "conversation", "rename", "go on",
    "ingestion", "ingested", "progress", "cancel ingestion", "retry",
)  # fmt: skip
"""What names something of whoever asked, or asked for it."""
OF_A_TENANT = ("document", "text", "delete")
KINDS = (
    *OF_A_USER, *OF_A_TENANT, "ask", "ask", "ask", "ask", "ask once", "stream", "stream", "search", "search", "search",
    "list", "list by uri", "go on listing", "conversations", "ingestions", "plan", "me",
)  # fmt: skip
moves = some.builds(
    Move,
    caller=readers,
    user=some.sampled_from(["", "", "ann", *TENANTS]),
    kind=some.sampled_from(KINDS),
    of=some.sampled_from((*TENANTS, COMMONS)),
    question=questions,
    body=bodies,
).filter(lambda move: move.kind != "delete" or move.of != move.caller)


@pytest.fixture
async def tenants(engine: AsyncEngine, tmp_path: Path) -> AsyncIterator[Tenants]:
    async with three_tenants(engine, tmp_path / "index") as running:
        yield running


async def make(move: Move, tenants: Tenants) -> httpx.Response:
    method, path, rest = move.request(tenants)
    async with tenants.client(tenants.keys[move.caller], move.user) as client:
        answer = await client.request(method, path, **rest)
    assert answer.status_code < 500, (move, answer.text)
    return answer


async def check(move: Move, tenants: Tenants, logged: pytest.LogCaptureFixture) -> httpx.Response:
    """Make a move and look behind every door."""
    logged.clear()
    answer = await make(move, tenants)
    seen = tenants.watch.take()
    allowed = tenants.owned[move.caller].passages | tenants.owned[COMMONS].passages
    foreign = {id_ for name in TENANTS if name != move.caller for id_ in tenants.owned[name].passages} - allowed
    assert tenants.index.leaky or not seen.hits & foreign, "the index found another's passage"
    assert not seen.read_back & foreign, "the database gave another's passage"
    asked = json.dumps(move.request(tenants), ensure_ascii=False)
    shown, prompt, log = answer.text, "\n".join(seen.prompt), "\n".join(map(str, map(vars, logged.records)))
    for name in TENANTS:
        for text in tenants.owned[name].texts:
            if name != move.caller:
                assert text not in prompt, "a writer was given another's passage"
                assert text not in shown or text in asked, "another's passage or document was shown"
            assert text not in log or text in asked, "a passage was logged"
    return answer


@given(move=moves)
@settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_nothing_of_another_tenant_comes_to_light(
    tenants: Tenants, caplog: pytest.LogCaptureFixture, move: Move
) -> None:
    caplog.set_level(logging.DEBUG)
    await check(move, tenants, caplog)


@given(move=moves)
@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_the_database_holds_even_where_the_index_finds_passages_of_everybody(
    tenants: Tenants, caplog: pytest.LogCaptureFixture, move: Move
) -> None:
    caplog.set_level(logging.DEBUG)
    tenants.index.leaky = True
    await check(move, tenants, caplog)


@given(move=moves)
@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_nothing_comes_to_light_where_the_database_searches_in_place_of_the_index(
    tenants: Tenants, caplog: pytest.LogCaptureFixture, move: Move
) -> None:
    caplog.set_level(logging.DEBUG)
    tenants.index.down = True
    own = Move(move.caller, "", "search", move.caller, "ledger", {})
    assert (await check(own, tenants, caplog)).json()["degraded"] == ["fulltext_only"]
    await check(move, tenants, caplog)


@pytest.mark.slow
@given(move=moves)
@settings(max_examples=5_000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_nothing_of_another_tenant_comes_to_light_in_5_000_requests(
    tenants: Tenants, caplog: pytest.LogCaptureFixture, move: Move
) -> None:
    caplog.set_level(logging.DEBUG)
    await check(move, tenants, caplog)


async def test_the_watch_sees_what_a_tenant_may_see(tenants: Tenants, caplog: pytest.LogCaptureFixture) -> None:
    """Without this, a suite that looks at nothing would pass."""
    for name in TENANTS:
        move = Move(name, "", "ask", name, "What is the ledger repaired with?", {})
        answer = await make(move, tenants)
        seen = tenants.watch.take()
        assert seen.hits & tenants.owned[name].passages
        assert seen.read_back & tenants.owned[name].passages
        assert seen.hits & tenants.owned[COMMONS].passages
        assert canary(name, "ledger") in "\n".join(seen.prompt)
        assert canary(name, "ledger") in answer.text


async def test_what_all_have_to_the_letter_is_each_ones_own(tenants: Tenants, caplog: pytest.LogCaptureFixture) -> None:
    for name in TENANTS:
        move = Move(name, "", "search", name, "When does the library open on Sundays?", {})
        found = (await check(move, tenants, caplog)).json()["passages"]
        assert {one["document"]["collection"] for one in found} <= {name, COMMONS}
        assert [one for one in found if "opens at noon" in one["text"]]


async def test_another_tenants_ids_open_nothing(tenants: Tenants, caplog: pytest.LogCaptureFixture) -> None:
    for kind in (*OF_A_TENANT, *OF_A_USER):
        for caller in TENANTS:
            for of in TENANTS:
                if of != caller:
                    answer = await check(Move(caller, "", kind, of, "What is the ledger?", {}), tenants, caplog)
                    assert answer.status_code == 404, (kind, answer.text)


async def test_a_tenant_is_told_of_no_collection_but_its_own(tenants: Tenants) -> None:
    for name in TENANTS:
        for user in ("", "ann"):
            told = (await make(Move(name, user, "me", name, "", {}), tenants)).json()
            assert sorted(told["readable"]) == sorted([name, COMMONS])


async def test_a_users_ids_open_nothing_to_another_user_of_the_same_tenant(
    tenants: Tenants, caplog: pytest.LogCaptureFixture
) -> None:
    for kind in OF_A_USER:
        answer = await check(Move("alba", "ann", kind, "alba", "What is the ledger?", {}), tenants, caplog)
        assert answer.status_code == 404, (kind, answer.text)
    for kind in ("conversations", "ingestions"):
        answer = await check(Move("alba", "ann", kind, "alba", "", {}), tenants, caplog)
        assert answer.json()["items"] == [], kind


async def test_one_idempotency_key_of_several_is_each_ones_own(
    tenants: Tenants, caplog: pytest.LogCaptureFixture
) -> None:
    turns = set()
    for caller in TENANTS:
        for user in ("", "ann"):
            answer = await check(Move(caller, user, "ask once", caller, "", {}), tenants, caplog)
            assert answer.json()["status"] == "answered"
            turns.add(answer.json()["turn_id"])
    assert len(turns) == 2 * len(TENANTS)


async def test_a_collection_that_is_indexed_beside_the_others_is_as_closed_as_before(
    tenants: Tenants, caplog: pytest.LogCaptureFixture
) -> None:
    async with tenants.client(ADMIN_KEY) as admin:
        accepted = await admin.post("/v1/admin/collections/brio/reindex", json={"chunk_chars": 1_000})
        assert accepted.status_code == 202, accepted.text
        await ended(admin, accepted.headers["location"])
    for caller in TENANTS:
        for kind in ("ask", "search"):
            answer = (await check(Move(caller, "", kind, caller, "ledger repaired tool", {}), tenants, caplog)).json()
            found = answer["evidence"] if kind == "ask" else answer["passages"]
            assert caller in {one["document"]["collection"] for one in found}
            assert {one["document"]["collection"] for one in found} <= {caller, COMMONS}


async def test_a_revoked_grant_is_gone_from_the_next_question(tenants: Tenants) -> None:
    async with AsyncExitStack() as stack:
        admin = await stack.enter_async_context(tenants.client(ADMIN_KEY))
        alba = await stack.enter_async_context(tenants.client(tenants.keys["alba"]))
        before = (await alba.post("/v1/search", json={"query": "ledger", "limit": 50})).json()["passages"]
        await admin.patch(f"/v1/admin/collections/{COMMONS}", json={"visibility": "private"})
        after = (await alba.post("/v1/search", json={"query": "ledger", "limit": 50})).json()["passages"]
    assert {one["document"]["collection"] for one in before} == {"alba", COMMONS}
    assert {one["document"]["collection"] for one in after} == {"alba"}


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
