"""More than can be done in time is turned away at once, and what is turned away costs next to nothing."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from dependency_injector import providers

from adapters.memory.embedder import HashingEmbedder
from domain.errors import TooBusy
from domain.retrieval.model import Purpose, Vector
from entrypoints.http.room import BURST_S, OVERLOADED_S, SMALL_BODY_BYTES, Room
from tests.abuse.bare_client import JSON, Answer, as_scope, send
from tests.entrypoints.http_service import ADMIN_KEY, QUESTION, HttpService, ScriptedWriter, a_service

SEARCH = b'{"query": "pin"}'


class GatedEmbedder(HashingEmbedder):
    """Answers when the gate is open: a part that takes long."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.gate.set()

    async def embed(self, texts: Sequence[str], *, purpose: Purpose) -> Sequence[Vector]:
        await self.gate.wait()
        return await super().embed(texts, purpose=purpose)


@pytest.fixture
async def gated() -> AsyncIterator[tuple[HttpService, GatedEmbedder]]:
    embedder = GatedEmbedder()
    service = HttpService(room=Room(at_work=3, in_a_burst=3))
    service.adapters.embedder.override(providers.Object(embedder))
    async with service.running():
        await service.ingest_story()
        embedder.gate.clear()
        yield service, embedder
        embedder.gate.set()


async def search(service: HttpService) -> Answer:
    return await send(service.app, "POST", "/v1/search", key=ADMIN_KEY, headers=[JSON], body=SEARCH)


async def test_one_more_than_there_is_room_for_is_turned_away_at_once(gated: tuple[HttpService, GatedEmbedder]) -> None:
    service, embedder = gated
    waiting = [asyncio.create_task(search(service)) for _ in range(3)]
    await asyncio.sleep(0.01)

    turned_away = await search(service)
    listed = await send(service.app, "GET", "/v1/documents", key=ADMIN_KEY)
    alive = await send(service.app, "GET", "/health/ready")
    embedder.gate.set()
    answered = await asyncio.gather(*waiting)

    assert (turned_away.status, turned_away.headers["retry-after"]) == (503, "1")
    assert turned_away.json()["code"] == listed.json()["code"] == "too_busy"
    assert alive.status == 200, "a probe is answered however busy the service is"
    assert {one.status for one in answered} == {200}
    assert (await search(service)).status == 200, "and there is room again"


async def test_a_turn_that_waits_for_its_model_gives_its_place_back() -> None:
    gate = asyncio.Event()
    room = Room(at_work=1, in_a_burst=1, turn_computes_s=0.01)
    async with a_service(ScriptedWriter("Pin it [1].", gate=gate), room=room) as service:
        body = b'{"question": "%b"}' % QUESTION.encode()
        asking = []
        for accept in ([], [(b"accept", b"text/event-stream")]):
            ask = send(service.app, "POST", "/v1/ask", key=ADMIN_KEY, headers=[JSON, *accept], body=body)
            asking.append(asyncio.create_task(ask))
            await asyncio.sleep(0.1)
        assert (await search(service)).status == 200
        gate.set()
        assert {one.status for one in await asyncio.gather(*asking)} == {200}
    assert room.at_work == 0


async def test_a_sender_that_is_slow_takes_no_place() -> None:
    async with a_service(room=Room(at_work=1, in_a_burst=1)) as service:
        waiting = [asyncio.create_task(send_slowly(service)) for _ in range(3)]
        await asyncio.sleep(0.05)
        assert (await search(service)).status == 200
        for one in waiting:
            one.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


async def send_slowly(service: HttpService) -> None:
    async def receive() -> Any:
        await asyncio.Event().wait()

    async def ignore(_: Any) -> None:
        pass

    headers = [JSON, (b"content-length", b"16"), (b"authorization", f"Bearer {ADMIN_KEY}".encode())]
    await service.app(as_scope("POST", "/v1/search", headers), receive, ignore)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("headers", "taken"),
    [([(b"content-length", b"600000")], 600_000), ([(b"transfer-encoding", b"chunked")], 1_000_000),
     ([(b"content-length", b"99999999999")], 1_000_000), ([(b"content-length", b"%d" % SMALL_BODY_BYTES)], 0),
     ([], 0)],
)  # fmt: skip
def test_large_bodies_have_room_for_so_many_bytes(headers: list[tuple[bytes, bytes]], taken: int) -> None:
    room = Room(large_bodies_bytes=1_500_000)
    first, second = room.place({"headers": headers}), room.place({"headers": [(b"content-length", b"1000000")]})
    first.hold_body(1_000_000)
    assert room.held_bytes == taken
    if taken > 500_000:
        with pytest.raises(TooBusy):
            second.hold_body(1_000_000)
    first.end()
    second.hold_body(1_000_000)
    second.end()
    assert room.held_bytes == 0


async def test_every_place_and_byte_is_given_back(service: HttpService) -> None:
    room = Room()
    async with a_service(room=room) as service:
        large = b'{"query": "pin", "colour": "' + b"x" * 200_000 + b'"}'
        for body in (SEARCH, b"{", large, b""):
            for key in (ADMIN_KEY, None):
                await send(service.app, "POST", "/v1/search", key=key, headers=[JSON], body=body)
        await send(service.app, "GET", "/nowhere")
        await send(service.app, "POST", "/v1/ask", key=ADMIN_KEY, headers=[JSON], body=b'{"question": "pin?"}')
    assert (room.at_work, room.held_bytes) == (0, 0)


def test_a_burst_is_let_in_and_a_lasting_load_is_not() -> None:
    clock = [100.0]
    room = Room(at_work=2, in_a_burst=5, clock=lambda: clock[0])
    for _ in range(5):
        room.enter()  # all at once
    with pytest.raises(TooBusy):
        room.enter()
    room.at_work = 2
    clock[0] += 1
    with pytest.raises(TooBusy):
        room.enter()  # one was turned away just now: what is too much is a load
    room.at_work = 1
    clock[0] += OVERLOADED_S + 1
    room.enter()
    room.enter()  # calm again: a little more is a burst
    clock[0] += BURST_S + 0.1
    with pytest.raises(TooBusy):
        room.enter()  # and has lasted too long by now
