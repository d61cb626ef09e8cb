"""POST /v1/ask: one turn, told three ways, and what a reader's leaving does to it."""

import asyncio
import json
from typing import Any
from uuid import UUID, uuid4

import pytest

from application.events import TextWritten, TurnDone, TurnStarted
from application.turn_stream import TurnStream
from domain.conversation.model import Question, Turn, TurnStatus
from domain.errors import PortUnavailable
from entrypoints.http.sse import EventStream, encode_events
from tests.builders import ACME, NOON
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

SSE = {"Accept": "text/event-stream"}
TURN_FIELDS = [
    "turn_id", "conversation_id", "created_at", "status", "question", "standalone_question", "answer", "abstention",
    "claims", "verifier", "evidence", "references", "notices", "degraded", "model", "attempts", "usage", "timings_ms",
]  # fmt: skip


async def test_a_turn_has_every_field_of_the_contract_in_its_order(service: HttpService) -> None:
    async with service.client() as client:
        answer = await client.post("/v1/ask", json={"question": f"  {QUESTION} "})

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    turn = answer.json()
    assert list(turn) == TURN_FIELDS
    assert turn["status"] == "answered"
    assert turn["question"] == QUESTION
    assert turn["created_at"].endswith("Z")
    assert turn["abstention"] is None
    assert "[1]" in turn["answer"]
    assert list(turn["claims"][0]) == ["index", "start", "end", "verdict", "score", "verbatim", "citations"]
    assert list(turn["evidence"][0]) == ["n", "passage_id", "text", "start", "end", "score", "document", "section"]
    assert list(turn["evidence"][0]["document"]) == [
        "id", "version", "collection", "uri", "title", "url", "peer_reviewed", "metadata",
    ]  # fmt: skip
    assert list(turn["evidence"][0]["section"]) == ["heading_path", "anchor", "page", "url"]
    assert set(turn["timings_ms"]) == {"rewrite", "embed", "retrieve", "rerank", "first_text", "total"}


async def test_json_done_and_reading_back_are_the_same_bytes(service: HttpService) -> None:
    async with service.client() as client:
        as_json = await client.post("/v1/ask", json={"question": QUESTION})
        read_back = await client.get(f"/v1/turns/{as_json.json()['turn_id']}")
        streamed = await client.post("/v1/ask", json={"question": QUESTION}, headers=SSE)
        _, name, done = events_of(streamed.text)[-1]
        read_streamed = await client.get(f"/v1/turns/{json.loads(done)['turn_id']}")

    assert read_back.content == as_json.content
    assert name == "done"
    assert read_streamed.content == done.encode()


async def test_a_stream_tells_the_turn_in_order_and_numbers_its_events(service: HttpService) -> None:
    async with service.client() as client:
        answer = await client.post("/v1/ask", json={"question": QUESTION}, headers=SSE)

    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["x-accel-buffering"] == "no"
    assert "content-encoding" not in answer.headers
    events = events_of(answer.text)
    names = [name for _, name, _ in events]
    assert names[:2] == ["turn", "evidence"]
    assert names[-1] == "done"
    assert set(names[2:-1]) == {"text", "claim"}
    done = json.loads(events[-1][2])
    assert [event_id for event_id, _, _ in events] == [f"{done['turn_id']}:{n}" for n in range(1, len(events) + 1)]
    assert json.loads(events[0][2]) == {"turn_id": done["turn_id"], "conversation_id": done["conversation_id"]}
    assert json.loads(events[1][2]) == {"evidence": done["evidence"], "degraded": done["degraded"]}
    assert "".join(json.loads(data)["delta"] for _, name, data in events if name == "text") == done["answer"]
    assert [json.loads(data) for _, name, data in events if name == "claim"] == done["claims"]


async def test_what_the_documents_do_not_hold_is_an_abstention_with_status_200(service: HttpService) -> None:
    async with service.client() as client:
        answer = await client.post("/v1/ask", json={"question": "Which zebra won the regatta of Ulaanbaatar?"})

    assert answer.status_code == 200
    turn = answer.json()
    assert turn["status"] == "abstained"
    assert turn["answer"] == ""
    assert list(turn["abstention"]) == ["reason", "message", "closest"]


async def test_two_questions_at_once_are_both_stored(service: HttpService) -> None:
    async with service.client() as client:
        first, second = await asyncio.gather(
            client.post("/v1/ask", json={"question": QUESTION}),
            client.post("/v1/ask", json={"question": "What is a snapshot?"}),
        )
        for answer in (first, second):
            assert (await client.get(f"/v1/turns/{answer.json()['turn_id']}")).content == answer.content
    assert first.json()["turn_id"] != second.json()["turn_id"]


async def test_a_second_question_waits_for_the_first_of_its_conversation() -> None:
    gate = asyncio.Event()
    async with a_service(ScriptedWriter("Pin it. ", gate=gate)) as service, service.client() as client:
        first = Connection(service.app, "/v1/ask", {"question": QUESTION}, accept="text/event-stream")
        await first.until("event: text")
        conversation_id = json.loads(events_of(first.text)[0][2])["conversation_id"]
        body = {"question": QUESTION, "conversation_id": conversation_id}

        busy = await client.post("/v1/ask", json=body, headers=SSE)
        gate.set()
        await first.until("event: done")
        free = await client.post("/v1/ask", json=body)
        turns = (await client.get(f"/v1/conversations/{conversation_id}/turns?limit=1")).json()
        rest = (
            await client.get(
                f"/v1/conversations/{conversation_id}/turns", params={"limit": 1, "cursor": turns["next_cursor"]}
            )
        ).json()
        await first.hang_up()

    assert (busy.status_code, busy.json()["code"]) == (409, "conversation_busy")
    assert busy.headers["content-type"] == "application/problem+json"
    assert free.status_code == 200
    assert turns["items"] == [free.json()]
    assert [turn["conversation_id"] for turn in rest["items"]] == [conversation_id]
    assert rest["next_cursor"] is None


async def test_a_reader_who_leaves_does_not_end_the_turn() -> None:
    gate = asyncio.Event()
    async with a_service(ScriptedWriter("Pin a dependency [1]. ", gate=gate)) as service, service.client() as client:
        reader = Connection(service.app, "/v1/ask", {"question": QUESTION}, accept="text/event-stream")
        await reader.until("event: text")
        await reader.hang_up()
        turn_id = json.loads(events_of(reader.text)[0][2])["turn_id"]
        running = (await client.get(f"/v1/turns/{turn_id}")).json()
        gate.set()
        ended = await _ended(client, turn_id)

    assert running["status"] == "running"
    assert ended["status"] == "answered"


@pytest.mark.parametrize("accept", ["text/event-stream", "application/json"])
async def test_a_reader_who_asked_for_it_takes_the_turn_along(accept: str) -> None:
    gate = asyncio.Event()
    async with a_service(ScriptedWriter("Pin a dependency [1]. ", gate=gate)) as service, service.client() as client:
        body = {"question": QUESTION, "on_disconnect": "cancel"}
        reader = Connection(service.app, "/v1/ask", body, accept=accept)
        store = service.adapters.store()
        async with asyncio.timeout(10):
            while not store.turns:  # noqa: ASYNC110  JSON mode says nothing to wait for before its end
                await asyncio.sleep(0.01)
        [turn_id] = store.turns
        await reader.hang_up()
        ended = await _ended(client, str(turn_id))

    assert ended["status"] == "cancelled"


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (PortUnavailable("model", retry_after_s=7.2), 503, "port_unavailable"),
        (ValueError("hush"), 500, "internal_error"),
    ],
)
async def test_a_failed_turn_is_a_problem_that_names_it(error: Exception, status: int, code: str) -> None:
    async with a_service(ScriptedWriter("Pin ", error=error)) as service, service.client() as client:
        as_json = await client.post("/v1/ask", json={"question": QUESTION})
        streamed = await client.post("/v1/ask", json={"question": QUESTION}, headers=SSE)
        stored = (await client.get(f"/v1/turns/{as_json.json()['turn_id']}")).json()

    assert (as_json.status_code, as_json.json()["code"]) == (status, code)
    assert as_json.headers.get("retry-after") == ("8" if status == 503 else None)
    assert stored["status"] == "failed"
    assert streamed.status_code == 200
    _, name, data = events_of(streamed.text)[-1]
    assert name == "error"
    problem = json.loads(data)
    assert UUID(problem.pop("turn_id")) != UUID(as_json.json()["turn_id"])
    assert problem == {field: value for field, value in as_json.json().items() if field != "turn_id"}
    assert "hush" not in as_json.text + streamed.text


async def test_a_turn_is_its_owners_alone(service: HttpService) -> None:
    async with service.client() as client, service.client(OTHER_KEY) as other, service.client(ADMIN_KEY) as admin:
        turn = (await client.post("/v1/ask", json={"question": QUESTION})).json()
        for stranger in (other, admin):
            assert (await stranger.get(f"/v1/turns/{turn['turn_id']}")).status_code == 404
            assert (await stranger.get(f"/v1/conversations/{turn['conversation_id']}/turns")).status_code == 404
            body = {"question": QUESTION, "conversation_id": turn["conversation_id"]}
            assert (await stranger.post("/v1/ask", json=body)).json()["code"] == "conversation_not_found"


async def test_verification_can_be_switched_off(service: HttpService) -> None:
    async with service.client() as client:
        turn = (await client.post("/v1/ask", json={"question": QUESTION, "verification": "off"})).json()

    assert turn["claims"] == []
    assert turn["verifier"] is None
    assert turn["references"]


async def test_silence_is_broken_by_comments_and_events_that_wait_leave_together() -> None:
    turn = Turn.begin(uuid4(), uuid4(), ACME, Question("why?"), NOON)
    stream = TurnStream(turn, encode_events)
    stream.emit(TurnStarted(turn.id, turn.conversation_id))
    for word in ("one ", "two ", "three "):
        stream.emit(TextWritten(word))
    response = EventStream(stream, silence_s=0.02)
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        await asyncio.Event().wait()

    answering = asyncio.create_task(response.to_asgi_response()({"type": "http"}, receive, send))  # type: ignore[arg-type]
    await asyncio.sleep(0.2)
    stream.emit(TurnDone(turn.ended(TurnStatus.CANCELLED)))
    await asyncio.wait_for(answering, 10)

    bodies = [message["body"] for message in sent if message["type"] == "http.response.body"]
    assert bodies[0].count(b"event: ") == 4
    assert len([body for body in bodies if body.startswith(b":")]) >= 2
    assert [name for _, name, _ in events_of(b"".join(bodies).decode())] == ["turn", "text", "text", "text", "done"]
    ends = [message["more_body"] for message in sent if message["type"] == "http.response.body"]
    assert ends == [True] * (len(ends) - 1) + [False], "the last event and the end of the response leave as one"


async def test_text_of_any_kind_comes_through_a_stream_unharmed() -> None:
    strange = 'a\nb\r\n\u2028 "quoted" \\ \U0001f600 data: x [1]. '
    async with a_service(ScriptedWriter(strange)) as service, service.client() as client:
        answer = await client.post("/v1/ask", json={"question": QUESTION, "verification": "off"}, headers=SSE)

    written = "".join(json.loads(data)["delta"] for _, name, data in events_of(answer.text) if name == "text")
    assert written.strip() == strange.strip()
    assert [len(block.splitlines()) for block in answer.text.split("\n\n")[:-1]][1:].count(3) == len(
        events_of(answer.text)
    ) - 1, "the first also says after how long to connect again"


async def _ended(client: Any, turn_id: str) -> Any:
    async with asyncio.timeout(10):
        while True:
            turn = (await client.get(f"/v1/turns/{turn_id}")).json()
            if turn["status"] != "running":
                return turn
            await asyncio.sleep(0.01)
