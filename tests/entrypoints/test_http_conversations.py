"""Conversations over HTTP: made, listed, read, renamed, deleted, and nobody else's."""

import asyncio
import json
from typing import Any

import pytest

from tests.entrypoints.http_service import (
    ADMIN_KEY,
    OTHER_KEY,
    QUESTION,
    Connection,
    HttpService,
    ScriptedWriter,
    a_service,
    events_of,
)

PATH = "/v1/conversations"
UNKNOWN = f"{PATH}/01890b2f-0000-7000-8000-000000000000"


async def test_a_conversation_is_made_read_changed_and_deleted(service: HttpService) -> None:
    async with service.client() as client:
        made = await client.post(PATH, json={"title": "  Pinning  ", "collections": ["docs"]})
        assert made.status_code == 201
        at = made.headers["location"]
        assert list(made.json()) == ["id", "title", "collections", "created_at"]
        assert at == f"{PATH}/{made.json()['id']}"
        assert (made.json()["title"], made.json()["collections"]) == ("Pinning", ["docs"])
        assert made.json()["created_at"].endswith("Z")
        assert (await client.get(at)).json() == made.json()

        changed = await client.patch(at, json={"title": "Exact versions"})
        assert changed.status_code == 200
        assert changed.json() == {**made.json(), "title": "Exact versions"}
        assert (await client.patch(at, json={"collections": []})).json()["collections"] == []
        assert (await client.patch(at, json={})).json()["title"] == "Exact versions"

        gone = await client.delete(at)
        assert (gone.status_code, gone.content) == (204, b"")
        for answer in (await client.get(at), await client.delete(at), await client.patch(at, json={"title": "x"})):
            assert (answer.status_code, answer.json()["code"]) == (404, "conversation_not_found")


async def test_conversations_are_listed_newest_first_by_pages(service: HttpService) -> None:
    async with service.client() as client, service.client(OTHER_KEY) as other:
        titles = [f"Number {number}" for number in range(5)]
        for title in titles:
            await client.post(PATH, json={"title": title})
        await other.post(PATH, json={"title": "Not yours"})
        first = (await client.get(PATH, params={"limit": 3})).json()
        rest = (await client.get(PATH, params={"limit": 3, "cursor": first["next_cursor"]})).json()
        bad = await client.get(PATH, params={"cursor": "nonsense"})
    assert [one["title"] for one in first["items"] + rest["items"]] == titles[::-1]
    assert rest["next_cursor"] is None
    assert (bad.status_code, bad.json()["code"]) == (400, "bad_cursor")


async def test_the_first_question_names_a_conversation_that_has_no_title(service: HttpService) -> None:
    async with service.client() as client:
        made = (await client.post(PATH, json={})).json()
        assert made["title"] == ""
        turn = (await client.post("/v1/ask", json={"question": QUESTION, "conversation_id": made["id"]})).json()
        await client.post("/v1/ask", json={"question": "What is a snapshot?", "conversation_id": made["id"]})
        named = (await client.get(f"{PATH}/{made['id']}")).json()
        by_asking = (await client.post("/v1/ask", json={"question": QUESTION})).json()["conversation_id"]
        assert (await client.get(f"{PATH}/{by_asking}")).json()["title"] == QUESTION
    assert turn["conversation_id"] == made["id"]
    assert named["title"] == QUESTION


async def test_a_conversation_asks_its_own_collections(service: HttpService) -> None:
    async with service.client(ADMIN_KEY) as admin:
        made = (await admin.post(PATH, json={"collections": ["payroll"]})).json()
        turn = (await admin.post("/v1/ask", json={"question": QUESTION, "conversation_id": made["id"]})).json()
        shown = turn["evidence"] or turn["abstention"]["closest"]
    assert {piece["document"]["collection"] for piece in shown} == {"payroll"}


async def test_another_owner_s_conversation_answers_as_a_missing_one(service: HttpService) -> None:
    async with service.client() as client:
        at = (await client.post(PATH, json={"title": "Mine"})).headers["location"]
    for key in (OTHER_KEY, ADMIN_KEY):
        async with service.client(key) as stranger:
            for path in (at, UNKNOWN):
                answers = [
                    await stranger.get(path),
                    await stranger.patch(path, json={"title": "Yours"}),
                    await stranger.delete(path),
                    await stranger.get(f"{path}/turns"),
                ]
                assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {
                    (404, "conversation_not_found")
                }
    async with service.client() as client:
        assert (await client.get(at)).json()["title"] == "Mine"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"title": "  "}, 422, "blank"),
        ({"title": "x" * 201}, 422, "too_long"),
        ({"title": "a\x00b"}, 422, "forbidden_character"),
        ({"title": 7}, 400, "bad_request"),
        ({"collections": ["payroll"]}, 404, "collection_not_found"),
        ({"collections": ["docs"] * 101}, 422, "out_of_range"),
        ({"collections": "docs"}, 400, "bad_request"),
        ({"colour": "red"}, 422, "out_of_range"),
    ],
)
async def test_what_a_conversation_cannot_be_is_refused_alike_by_making_and_changing(
    service: HttpService, body: dict[str, Any], status: int, code: str
) -> None:
    async with service.client() as client:
        at = (await client.post(PATH, json={"title": "Kept"})).headers["location"]
        for answer in (await client.post(PATH, json=body), await client.patch(at, json=body)):
            assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
        assert (await client.get(at)).json()["title"] == "Kept"
        assert len((await client.get(PATH)).json()["items"]) == 1
        assert (await client.patch(at, json={"title": None})).status_code == 400


async def test_deleting_a_conversation_ends_and_removes_its_turns() -> None:
    gate = asyncio.Event()
    async with a_service(ScriptedWriter("Pin it. ", gate=gate)) as service, service.client() as client:
        reader = Connection(service.app, "/v1/ask", {"question": QUESTION}, accept="text/event-stream")
        await reader.until("event: text")
        started = json.loads(events_of(reader.text)[0][2])
        assert (await client.get(f"/v1/turns/{started['turn_id']}")).json()["status"] == "running"

        assert (await client.delete(f"{PATH}/{started['conversation_id']}")).status_code == 204
        await reader.until("event: done")
        await reader.hang_up()

        for path in ("", "/events", "/feedback"):
            assert (await client.get(f"/v1/turns/{started['turn_id']}{path}")).status_code == 404
        assert (await client.post(f"/v1/turns/{started['turn_id']}/cancel")).status_code == 404
    assert json.loads(events_of(reader.text)[-1][2])["status"] == "cancelled"
    assert not service.adapters.store().turns
