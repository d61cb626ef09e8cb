"""``Idempotency-Key``: what came once has its effect once (the ID rows of the reliability notes)."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
from dependency_injector import providers

from adapters.memory.clock import SettableClock
from domain.errors import PortUnavailable
from tests.builders import NOON
from tests.entrypoints.http_service import (
    ADMIN_KEY,
    LOADER_KEY,
    OTHER_KEY,
    QUESTION,
    Connection,
    HttpService,
    ScriptedWriter,
    a_service,
    events_of,
)

KEY = {"Idempotency-Key": "order-66"}
ASK = {"question": QUESTION}
UNKNOWN_ID = "01890b2f-0000-7000-8000-000000000000"


async def test_the_same_key_and_body_give_the_same_turn(service: HttpService) -> None:
    async with service.client() as client:
        first = await client.post("/v1/ask", json=ASK, headers=KEY)
        again = await client.post("/v1/ask", json=ASK, headers=KEY)
        streamed = await client.post("/v1/ask", json=ASK, headers={**KEY, "Accept": "text/event-stream"})
        spaced = await client.post(
            "/v1/ask",
            content=json.dumps({"top_k": 6, **ASK}, indent=3),
            headers={**KEY, "Content-Type": "application/json"},
        )
    assert "idempotency-replayed" not in first.headers
    for answer in (again, spaced):
        assert answer.content == first.content
        assert answer.headers["idempotency-replayed"] == "true"
    events = events_of(streamed.text)
    assert streamed.headers["idempotency-replayed"] == "true"
    assert [name for _, name, _ in events][:2] == ["turn", "evidence"]
    assert events[-1][2].encode() == first.content
    assert len(service.adapters.store().turns) == 1


async def test_a_hundred_at_once_are_one_turn(service: HttpService) -> None:
    async def ask(client: httpx.AsyncClient) -> httpx.Response:
        while True:
            answer = await client.post("/v1/ask", json=ASK, headers=KEY)
            if answer.status_code != 503:
                return answer
            assert answer.json()["code"] == "too_busy", "a crowd is asked to come back, and comes back"
            await asyncio.sleep(0.01)

    async with service.client() as client:
        answers = await asyncio.gather(*(ask(client) for _ in range(100)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1
    assert len(service.adapters.store().turns) == 1


async def test_the_same_key_with_another_body_is_refused(service: HttpService) -> None:
    async with service.client() as client:
        await client.post("/v1/ask", json=ASK, headers=KEY)
        other = await client.post("/v1/ask", json={**ASK, "top_k": 5}, headers=KEY)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert len(service.adapters.store().turns) == 1


async def test_another_s_key_of_the_same_name_and_another_route_are_on_their_own(service: HttpService) -> None:
    async with service.client() as client, service.client(OTHER_KEY) as other:
        mine = await client.post("/v1/ask", json=ASK, headers=KEY)
        theirs = await other.post("/v1/ask", json=ASK, headers=KEY)
        path = f"/v1/turns/{mine.json()['turn_id']}/feedback"
        given = await client.post(path, json={"rating": "up"}, headers=KEY)
    assert mine.json()["turn_id"] != theirs.json()["turn_id"]
    assert "idempotency-replayed" not in theirs.headers
    assert (given.status_code, "idempotency-replayed" in given.headers) == (201, False)


async def test_a_key_is_free_again_after_24_hours() -> None:
    clock = SettableClock(NOON)
    service = HttpService()
    service.adapters.clock.override(providers.Object(clock))
    async with service.running(), service.client() as client:
        first = await client.post("/v1/ask", json=ASK, headers=KEY)
        clock.advance(timedelta(hours=23, minutes=59))
        assert (await client.post("/v1/ask", json=ASK, headers=KEY)).json() == first.json()
        clock.advance(timedelta(hours=-1))
        assert (await client.post("/v1/ask", json=ASK, headers=KEY)).json() == first.json(), "the clock was set back"
        clock.advance(timedelta(hours=1, minutes=1))
        later = await client.post("/v1/ask", json=ASK, headers=KEY)
    assert later.json()["turn_id"] != first.json()["turn_id"]
    assert "idempotency-replayed" not in later.headers


@pytest.mark.parametrize(
    ("key", "status"),
    [("k" * 200, 200), ("a key of words", 200), ("k" * 201, 422), ("", 422), (" ", 422), ("tab\there", 422)],
)
async def test_a_key_has_1_to_200_printable_characters(service: HttpService, key: str, status: int) -> None:
    async with service.client() as client:
        answer = await client.post("/v1/ask", json=ASK, headers={"Idempotency-Key": key})
        two = await client.post("/v1/ask", json=ASK, headers=[("Idempotency-Key", "a"), ("Idempotency-Key", "b")])
    assert answer.status_code == status
    assert two.status_code == 422
    if status == 422:
        assert answer.json()["errors"][0]["field"] == "Idempotency-Key"


async def test_nothing_is_kept_of_a_request_that_was_refused(service: HttpService) -> None:
    async with service.client() as client:
        refused = [
            await client.post("/v1/ask", json={"question": " "}, headers=KEY),
            await client.post("/v1/ask", json={**ASK, "collections": ["nowhere"]}, headers=KEY),
            await client.post("/v1/ask", json={**ASK, "conversation_id": UNKNOWN_ID}, headers=KEY),
        ]
        taken = await client.post("/v1/ask", json=ASK, headers=KEY)
    assert [answer.status_code for answer in refused] == [422, 404, 404]
    assert taken.status_code == 200
    assert "idempotency-replayed" not in taken.headers
    assert len(service.adapters.store().conversations) == 1


async def test_a_turn_that_failed_stays_the_turn_of_its_key() -> None:
    writer = ScriptedWriter("Pin ", error=PortUnavailable("model", retry_after_s=7))
    clock = SettableClock(NOON)
    service = HttpService(writer)
    service.adapters.clock.override(providers.Object(clock))
    async with service.running(), service.client() as client:
        await service.ingest_story()
        failed = await client.post("/v1/ask", json=ASK, headers=KEY)
        again = await client.post("/v1/ask", json=ASK, headers=KEY)
        clock.advance(timedelta(hours=1, seconds=1))  # its events are kept no longer; that it failed is
        later = await client.post("/v1/ask", json=ASK, headers=KEY)
        events = events_of((await client.get(f"/v1/turns/{failed.json()['turn_id']}/events")).text)
    assert failed.status_code == again.status_code == 503
    assert again.json() == failed.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert (later.status_code, later.json()["code"]) == (503, "turn_failed")
    assert later.json()["turn_id"] == failed.json()["turn_id"]
    assert [(name, json.loads(data)["code"]) for _, name, data in events] == [("error", "turn_failed")]


async def test_while_the_turn_runs_a_stream_attaches_from_the_first_event_and_json_waits() -> None:
    gate = asyncio.Event()
    writer = ScriptedWriter("Pin a dependency ", "with an exact version [1]. ", gate=gate)
    async with a_service(writer) as service, service.client() as client:
        first = Connection(service.app, "/v1/ask", ASK, accept="text/event-stream", headers=KEY)
        await first.until("event: text")
        second = Connection(service.app, "/v1/ask", ASK, accept="text/event-stream", headers=KEY)
        await second.until("event: text")
        waiting = asyncio.create_task(client.post("/v1/ask", json=ASK, headers=KEY))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        other_body = await client.post("/v1/ask", json={**ASK, "top_k": 3}, headers=KEY)
        gate.set()
        whole = await waiting
        await first.until("event: done")
        await second.until("event: done")
        for reader in (first, second):
            await reader.hang_up()
    assert other_body.status_code == 422
    assert first.text == second.text
    assert events_of(first.text)[-1][2].encode() == whole.content
    assert whole.headers["idempotency-replayed"] == "true"
    assert len(service.adapters.store().turns) == 1


async def test_feedback_under_a_key_is_given_once(service: HttpService) -> None:
    async with service.client() as client:
        turn_id = (await client.post("/v1/ask", json=ASK)).json()["turn_id"]
        path, body = f"/v1/turns/{turn_id}/feedback", {"rating": "down", "reasons": ["wrong"]}
        first = await client.post(path, json=body, headers=KEY)
        again = await client.post(path, json=body, headers=KEY)
        other = await client.post(path, json={"rating": "up"}, headers=KEY)
        replaced = await client.post(path, json={"rating": "up"})
        late = await client.post(path, json=body, headers=KEY)
    assert (first.status_code, again.status_code, other.status_code) == (201, 201, 422)
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert replaced.json()["rating"] == late.json()["rating"] == "up", "a replay does not bring the old one back"


PAGE = {"uri": "new.md", "content": "# New\n\nA new page.", "format": "markdown"}
INGESTIONS = "/v1/admin/ingestions"


async def test_an_ingestion_under_a_key_is_taken_once(service: HttpService) -> None:
    body = {"collection": "docs", "documents": [PAGE]}
    before = len(service.adapters.store().ingestions)
    async with service.client(ADMIN_KEY) as client:
        answers = await asyncio.gather(*(client.post(INGESTIONS, json=body, headers=KEY) for _ in range(20)))
        other = await client.post(INGESTIONS, json={**body, "prune": True}, headers=KEY)
    assert {(answer.status_code, answer.content, answer.headers["location"]) for answer in answers} == {
        (202, answers[0].content, answers[0].headers["location"])
    }
    assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert len(service.adapters.store().ingestions) == before + 1


async def test_an_upload_under_a_key_is_taken_once_whatever_stands_between_its_parts(service: HttpService) -> None:
    form = {"collection": "docs"}
    async with service.client(ADMIN_KEY) as client:
        first = await client.post(INGESTIONS, data=form, files={"files": ("a.md", b"# A\n\nOne.")}, headers=KEY)
        again = await client.post(INGESTIONS, data=form, files={"files": ("a.md", b"# A\n\nOne.")}, headers=KEY)
        other = await client.post(INGESTIONS, data=form, files={"files": ("a.md", b"# A\n\nTwo.")}, headers=KEY)
        named = await client.post(INGESTIONS, data=form, files={"files": ("b.md", b"# A\n\nOne.")}, headers=KEY)
    assert first.status_code == again.status_code == 202
    assert first.request.headers["content-type"] != again.request.headers["content-type"], "another boundary"
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert [answer.json()["code"] for answer in (other, named)] == ["idempotency_key_reused"] * 2


async def test_nothing_is_kept_of_an_ingestion_that_was_refused(service: HttpService) -> None:
    async with service.client(LOADER_KEY) as client:
        refused = [
            await client.post(INGESTIONS, json={"collection": "nowhere", "documents": [PAGE]}, headers=KEY),
            await client.post(INGESTIONS, json={"collection": "docs", "documents": [PAGE, PAGE]}, headers=KEY),
        ]
        taken = await client.post(INGESTIONS, json={"collection": "docs", "documents": [PAGE]}, headers=KEY)
    assert [answer.status_code for answer in refused] == [404, 422]
    assert taken.status_code == 202
    assert "idempotency-replayed" not in taken.headers


async def test_a_key_on_a_stranger_s_turn_is_not_kept(service: HttpService) -> None:
    async with service.client() as client, service.client(OTHER_KEY) as other:
        turn_id = (await client.post("/v1/ask", json=ASK)).json()["turn_id"]
        answer = await other.post(f"/v1/turns/{turn_id}/feedback", json={"rating": "up"}, headers=KEY)
    assert answer.status_code == 404
    assert not service.adapters.store().claims


async def test_a_key_goes_with_its_conversation(service: HttpService) -> None:
    async with service.client() as client:
        first: Any = (await client.post("/v1/ask", json=ASK, headers=KEY)).json()
        await client.delete(f"/v1/conversations/{first['conversation_id']}")
        second = await client.post("/v1/ask", json=ASK, headers=KEY)
    assert second.status_code == 200
    assert second.json()["turn_id"] != first["turn_id"]
