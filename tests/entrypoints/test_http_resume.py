"""Following a turn: from anywhere, by anybody who may, until its end (the SSE rows of the reliability notes)."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from dependency_injector import providers

from adapters.memory.clock import SettableClock
from application.events import TextWritten, TurnDone, TurnStarted
from application.ports import AnswerWriter
from application.turn_stream import TurnStream
from domain.conversation.model import Question, TurnStatus
from domain.grounding.model import Evidence
from entrypoints.http.sse import EventStream, encode_events
from tests.builders import NOON, a_turn
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

ASK = {"question": QUESTION}
STREAM = {"Accept": "text/event-stream"}
UNKNOWN_ID = "01890b2f-0000-7000-8000-000000000000"


async def test_a_stream_is_resumed_after_any_of_its_events(service: HttpService) -> None:
    async with service.client() as client:
        whole = (await client.post("/v1/ask", json=ASK, headers=STREAM)).text
        ids = [event_id for event_id, _, _ in events_of(whole)]
        path = f"/v1/turns/{ids[0].partition(':')[0]}/events"
        assert len(ids) > 4
        assert (await client.get(path)).text == whole
        for number, event_id in enumerate(ids[:-1], start=1):
            rest = await client.get(path, headers={"Last-Event-ID": event_id})
            assert rest.headers["content-type"].startswith("text/event-stream")
            assert events_of(rest.text) == events_of(whole)[number:]
        read_all = await client.get(path, headers={"Last-Event-ID": ids[-1]})
    assert (read_all.status_code, read_all.content) == (204, b""), "a browser stops connecting again"


async def test_a_turn_that_was_asked_for_as_json_can_be_followed_too(service: HttpService) -> None:
    async with service.client() as client:
        turn = await client.post("/v1/ask", json=ASK)
        events = events_of((await client.get(f"/v1/turns/{turn.json()['turn_id']}/events")).text)
    assert [name for _, name, _ in events][:3] == ["turn", "evidence", "text"]
    assert "".join(json.loads(data)["delta"] for _, name, data in events if name == "text") == turn.json()["answer"]
    assert events[-1][2].encode() == turn.content


@pytest.mark.parametrize("bad", [f"{UNKNOWN_ID}:1", "1", "nonsense", "{turn}:0", "{turn}:x", "{turn}:9999", "{turn}"])
async def test_an_event_id_of_anything_else_is_refused(service: HttpService, bad: str) -> None:
    async with service.client() as client:
        turn_id = (await client.post("/v1/ask", json=ASK)).json()["turn_id"]
        answer = await client.get(
            f"/v1/turns/{turn_id}/events", headers={"Last-Event-ID": bad.replace("{turn}", turn_id)}
        )
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_event_id")


async def test_an_unknown_turn_and_a_stranger_s_are_not_found(service: HttpService) -> None:
    async with service.client() as client:
        turn_id = (await client.post("/v1/ask", json=ASK)).json()["turn_id"]
        assert (await client.get(f"/v1/turns/{UNKNOWN_ID}/events")).json()["code"] == "turn_not_found"
    for key in (OTHER_KEY, ADMIN_KEY):
        async with service.client(key) as stranger:
            for one in (turn_id, UNKNOWN_ID):
                for answer in (
                    await stranger.get(f"/v1/turns/{one}/events", headers={"Last-Event-ID": f"{one}:1"}),
                    await stranger.post(f"/v1/turns/{one}/cancel"),
                ):
                    assert (answer.status_code, answer.json()["code"]) == (404, "turn_not_found")


async def test_a_running_turn_is_not_found_by_a_stranger_and_goes_on() -> None:
    gate = asyncio.Event()
    writer = ScriptedWriter("Pin a dependency ", "with an exact version [1]. ", gate=gate)
    async with a_service(writer) as service:
        asking = Connection(service.app, "/v1/ask", ASK, accept="text/event-stream")
        await asking.until("exact version")
        turn_id = json.loads(events_of(asking.text)[0][2])["turn_id"]
        for key in (OTHER_KEY, ADMIN_KEY):
            async with asyncio.timeout(30), service.client(key) as stranger:
                for answer in (
                    await stranger.get(f"/v1/turns/{turn_id}"),
                    await stranger.get(f"/v1/turns/{turn_id}/events"),
                    await stranger.get(f"/v1/turns/{turn_id}/events", headers={"Last-Event-ID": f"{turn_id}:1"}),
                    await stranger.post(f"/v1/turns/{turn_id}/cancel"),
                ):
                    assert (answer.status_code, answer.json()["code"]) == (404, "turn_not_found")
        gate.set()
        await asking.until("event: done")
        await asking.hang_up()
    assert json.loads(events_of(asking.text)[-1][2])["status"] == "answered"


async def test_two_readers_of_one_running_turn_see_the_same_and_a_third_the_rest() -> None:
    gate = asyncio.Event()
    writer = ScriptedWriter("Pin a dependency ", "with an exact version [1]. ", gate=gate)
    async with a_service(writer) as service:
        asking = Connection(service.app, "/v1/ask", ASK, accept="text/event-stream")
        await asking.until("exact version")
        turn_id = json.loads(events_of(asking.text)[0][2])["turn_id"]
        path = f"/v1/turns/{turn_id}/events"
        second = Connection(service.app, path, None, accept="text/event-stream")
        third = Connection(
            service.app, path, None, accept="text/event-stream", headers={"Last-Event-ID": f"{turn_id}:2"}
        )
        await second.until("exact version")
        await third.until("exact version")
        await asking.hang_up()
        gate.set()
        for reader in (second, third):
            await reader.until("event: done")
            await reader.hang_up()
    assert second.text.startswith(asking.text)
    assert events_of(third.text) == events_of(second.text)[2:]


async def test_after_an_hour_only_the_end_is_left() -> None:
    clock = SettableClock(NOON)
    service = HttpService()
    service.adapters.clock.override(providers.Object(clock))
    async with service.running(), service.client() as client:
        await service.ingest_story()
        turn = await client.post("/v1/ask", json=ASK)
        turn_id = turn.json()["turn_id"]
        clock.advance(timedelta(minutes=59))
        assert len(events_of((await client.get(f"/v1/turns/{turn_id}/events")).text)) > 1
        clock.advance(timedelta(minutes=1, seconds=1))
        end = await client.get(f"/v1/turns/{turn_id}/events")
        resumed = await client.get(f"/v1/turns/{turn_id}/events", headers={"Last-Event-ID": f"{turn_id}:57"})
    assert events_of(end.text) == [(f"{turn_id}:1", "done", turn.text)]
    assert events_of(resumed.text) == [(f"{turn_id}:58", "done", turn.text)]


async def test_a_running_turn_is_cancelled_and_every_reader_is_told() -> None:
    gate = asyncio.Event()
    async with a_service(ScriptedWriter("Pin a dependency [1]. ", gate=gate)) as service, service.client() as client:
        reader = Connection(service.app, "/v1/ask", ASK, accept="text/event-stream")
        await reader.until("event: text")
        turn_id = json.loads(events_of(reader.text)[0][2])["turn_id"]
        as_json = asyncio.create_task(
            client.post("/v1/ask", json={**ASK, "conversation_id": None, "top_k": 5}, headers={"Idempotency-Key": "j"})
        )
        while len(service.adapters.store().turns) < 2:  # noqa: ASYNC110  JSON mode says nothing before its end
            await asyncio.sleep(0.01)
        other_id = next(str(one) for one in service.adapters.store().turns if str(one) != turn_id)

        cancelled = await client.post(f"/v1/turns/{turn_id}/cancel")
        await reader.until("event: done")
        await reader.hang_up()
        ended = await client.get(f"/v1/turns/{turn_id}")
        again = await client.post(f"/v1/turns/{turn_id}/cancel")
        await client.post(f"/v1/turns/{other_id}/cancel")
        whole = await as_json

    assert (cancelled.status_code, cancelled.json()["status"]) == (202, "running")
    assert cancelled.headers["location"] == f"/v1/turns/{turn_id}"
    assert ended.json()["status"] == "cancelled"
    assert events_of(reader.text)[-1][2] == ended.text
    told = "".join(json.loads(data)["delta"] for _, name, data in events_of(reader.text) if name == "text")
    assert ended.json()["answer"] == told != "", "what was read stays to be read"
    assert ended.json()["claims"] == [json.loads(data) for _, name, data in events_of(reader.text) if name == "claim"]
    assert (again.status_code, again.content) == (200, ended.content)
    assert (whole.status_code, whole.json()["status"]) == (200, "cancelled")


async def test_cancelling_a_finished_turn_gives_that_turn(service: HttpService) -> None:
    async with service.client() as client:
        turn = await client.post("/v1/ask", json=ASK)
        answer = await client.post(f"/v1/turns/{turn.json()['turn_id']}/cancel")
    assert (answer.status_code, answer.content) == (200, turn.content)


async def test_a_reader_who_asked_for_it_ends_the_writer_s_own_call_within_a_moment() -> None:
    closed = asyncio.Event()

    class Calling(AnswerWriter):
        name = "calling"

        async def write(self, question: Question, evidence: Sequence[Evidence], *, language: str) -> AsyncIterator[str]:
            try:
                yield "Pin a dependency [1]. "
                await asyncio.Event().wait()
            finally:
                closed.set()

    async with a_service(Calling()) as service:
        body = {**ASK, "on_disconnect": "cancel"}
        reader = Connection(service.app, "/v1/ask", body, accept="text/event-stream")
        await reader.until("event: text")
        await reader.hang_up()
        await asyncio.wait_for(closed.wait(), 2)


async def test_a_stream_says_when_to_connect_again_and_its_events_stay_small(service: HttpService) -> None:
    async with service.client() as client:
        answer = await client.post("/v1/ask", json={**ASK, "top_k": 20}, headers=STREAM)
    assert answer.text.split("\n\n")[0].splitlines()[:3][1:] == ["event: turn", "retry: 2000"]
    assert answer.headers["x-accel-buffering"] == "no"
    assert "content-encoding" not in answer.headers
    assert max(len(frame) for frame in answer.text.split("\n\n")) < 256 * 1024


class Sender:
    """An ASGI ``send`` whose reader takes nothing until told to."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.reads = asyncio.Event()

    async def __call__(self, message: Any) -> None:
        if message["type"] == "http.response.body":
            await self.reads.wait()
            self.taken.append(message["body"])


async def never() -> Any:
    await asyncio.Event().wait()


async def test_a_slow_reader_holds_nothing_up_and_gets_everything_in_the_end() -> None:
    stream, turn = a_stream()
    slow = Sender()
    answering = asyncio.create_task(answer(stream, slow))
    await asyncio.sleep(0)
    for number in range(1_000):
        stream.emit(TextWritten(f"word {number} "))
    stream.emit(TurnDone(turn.ended(TurnStatus.CANCELLED)))
    slow.reads.set()
    await asyncio.wait_for(answering, 10)
    events = events_of(b"".join(slow.taken).decode())
    assert [event_id for event_id, _, _ in events] == [f"{turn.id}:{n}" for n in range(1, 1_003)]
    assert len(slow.taken) < 10, "what waited left together"


async def test_a_reader_who_takes_nothing_is_left_alone_after_a_while() -> None:
    stream, _ = a_stream()
    stuck = Sender()
    await asyncio.wait_for(answer(stream, stuck, stuck_s=0.05), 10)
    stream.emit(TextWritten("more"))
    assert not stuck.taken
    assert not stream.followed


def a_stream() -> tuple[TurnStream, Any]:
    turn = a_turn(uuid4())
    stream = TurnStream(turn, encode_events)
    stream.emit(TurnStarted(turn.id, turn.conversation_id))
    return stream, turn


async def answer(stream: TurnStream, send: Any, **settings: float) -> None:
    response = EventStream(stream, **settings).to_asgi_response()  # type: ignore[arg-type]
    await response.send_body(send, never)
