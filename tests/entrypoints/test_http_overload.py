"""More questions at once than are taken: turned away early, with nothing stored."""

import asyncio
import json

from entrypoints.asgi import build_app
from tests.entrypoints.http_service import ADMIN_KEY, QUESTION, Connection, HttpService, ScriptedWriter

ASK = {"question": QUESTION}
SSE = "text/event-stream"


class Crowded(HttpService):
    """A service that answers two questions at a time, none of which ends before the gate opens."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        super().__init__(ScriptedWriter("Pin a dependency [1]. ", gate=self.gate))
        self.app = build_app(self.adapters, holder="a test", only_process=True, max_running_turns=2)


async def test_overload_is_answered_with_503_and_when_to_come_back_and_leaves_nothing() -> None:
    service = Crowded()
    async with service.running(), service.client() as client:
        await service.ingest_story()
        readers = [
            Connection(service.app, "/v1/ask", ASK, accept=SSE, headers={"Idempotency-Key": f"key {number}"})
            for number in range(2)
        ]
        for reader in readers:
            await reader.until("event: text")
        refused = [
            await client.post("/v1/ask", json=ASK, headers=headers)
            for headers in ({}, {"Accept": SSE}, {"Idempotency-Key": "key 3"})
        ]
        replayed = asyncio.create_task(client.post("/v1/ask", json=ASK, headers={"Idempotency-Key": "key 0"}))
        assert len(service.adapters.store().turns) == 2
        assert len(service.adapters.store().conversations) == 2
        service.gate.set()
        for reader in readers:
            await reader.until("event: done")
            await reader.hang_up()
        assert (await replayed).headers["idempotency-replayed"] == "true", "a replay takes no place"
        again = await client.post("/v1/ask", json=ASK, headers={"Idempotency-Key": "key 3"})

    for answer in refused:
        assert (answer.status_code, answer.json()["code"]) == (503, "overloaded")
        assert int(answer.headers["retry-after"]) >= 1
        assert answer.headers["content-type"] == "application/problem+json"
    assert again.status_code == 200
    assert "idempotency-replayed" not in again.headers


async def test_an_end_user_s_fourth_question_at_once_is_refused_and_another_user_s_first_is_not() -> None:
    gate = asyncio.Event()
    service = HttpService(ScriptedWriter("Pin a dependency [1]. ", gate=gate))
    async with service.running():
        await service.ingest_story()
        readers = [
            Connection(service.app, "/v1/ask", ASK, key=ADMIN_KEY, accept=SSE, headers={"Ibid-User": user})
            for user in ("ann", "ann", "ann", "bob")
        ]
        for reader in readers:
            await reader.until("event: text")
        async with service.client(ADMIN_KEY, **{"Ibid-User": "ann"}) as ann:
            refused = await ann.post("/v1/ask", json=ASK)
            gate.set()
            for reader in readers:
                await reader.until("event: done")
                await reader.hang_up()
            taken = await ann.post("/v1/ask", json=ASK)
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_running")
    assert int(refused.headers["retry-after"]) >= 1
    assert taken.status_code == 200


async def test_a_turn_of_another_process_is_resumed_replayed_and_cancelled_here() -> None:
    gate = asyncio.Event()
    here = HttpService(ScriptedWriter("Pin a dependency ", "with an exact version [1]. ", gate=gate))
    here.app = build_app(here.adapters, holder="here", only_process=False)
    there = HttpService()
    there.adapters = here.adapters
    there.app = build_app(here.adapters, holder="there", only_process=False)
    async with here.running(), there.running(), there.client() as client:
        await here.ingest_story()
        headers = {"Idempotency-Key": "one"}
        asking = Connection(here.app, "/v1/ask", ASK, accept=SSE, headers=headers)
        await asking.until("exact version")
        turn_id = json.loads(asking.text.split("data: ")[1].split("\n")[0])["turn_id"]
        path = f"/v1/turns/{turn_id}"
        resumed = Connection(there.app, f"{path}/events", None, accept=SSE, headers={"Last-Event-ID": f"{turn_id}:2"})
        await resumed.until("exact version")
        replayed = asyncio.create_task(client.post("/v1/ask", json=ASK, headers=headers))
        cancelled = await client.post(f"{path}/cancel")
        for reader in (asking, resumed):
            await reader.until("event: done")
            await reader.hang_up()
        whole = await replayed
    assert cancelled.status_code == 202
    assert asking.text.endswith(resumed.text)
    assert resumed.text.startswith(f"id: {turn_id}:3\n")
    assert whole.json()["turn_id"] == turn_id
    assert whole.json()["status"] == "cancelled"
