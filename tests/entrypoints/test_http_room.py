"""More than can be done in time is turned away at once, and what is turned away costs next to nothing."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from time import perf_counter
from typing import Any

import msgspec
import pytest
from dependency_injector import providers

from adapters.memory.embedder import HashingEmbedder
from adapters.memory.reranker import WordOverlapReranker
from application.arrival import arrived, serving, waited_s
from application.reranking import Reranking
from domain.errors import TooBusy
from domain.retrieval.model import Purpose, Vector
from entrypoints.http.room import SMALL_BODY_BYTES, Room
from tests.abuse.bare_client import JSON, Answer, as_scope, send
from tests.entrypoints.http_service import ADMIN_KEY, QUESTION, HttpService, ScriptedWriter, a_service

SEARCH = b'{"query": "pin"}'
AN_HOUR_AGO_MS = (perf_counter() - 3_600) * 1_000


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


async def test_a_request_has_arrived_with_the_last_of_its_body_before_it_queues() -> None:
    room = Room(at_work=1)
    await room.enter()
    message: dict[str, object] = {"type": "http.request", "body": b"{", "more_body": True}

    async def receive() -> Any:
        return message

    received = room.place({"headers": [(b"content-length", b"2")]}).receiving(receive)
    with serving(AN_HOUR_AGO_MS):
        await received()
        assert waited_s(perf_counter() * 1_000) >= 3_600
        message = {"type": "http.request", "body": b"}"}
        asyncio.get_running_loop().call_later(0.1, room.leave)
        await received()
        assert 0.09 < waited_s(perf_counter() * 1_000) < 3_600
    assert waited_s(perf_counter() * 1_000) == 0, "no request is being served any more"


async def test_what_a_slow_sender_takes_is_not_lost_to_its_reranking() -> None:
    service = HttpService(reranking=Reranking(WordOverlapReranker(), 60))
    told: list[Any] = []

    async def receive() -> Any:
        arrived(AN_HOUR_AGO_MS)  # as if the headers had come then
        return {"type": "http.request", "body": SEARCH, "more_body": False}

    async def keep(message: Any) -> None:
        told.append(message)

    length = (b"content-length", b"%d" % len(SEARCH))
    scope = as_scope("POST", "/v1/search", [JSON, length, (b"authorization", f"Bearer {ADMIN_KEY}".encode())])
    async with service.running():
        await service.ingest_story()
        await service.app(scope, receive, keep)  # type: ignore[arg-type]
    found = msgspec.json.decode(told[1]["body"])
    assert len(found["passages"]) > 1
    assert found["degraded"] == []
    assert waited_s(perf_counter() * 1_000) == 0, "what comes after it in the same task has not waited"


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


async def test_a_large_body_counts_once() -> None:
    page = {"uri": "a.md", "content": "A page. " * 40_000, "format": "markdown"}
    body = msgspec.json.encode({"collection": "docs", "documents": [page]})
    assert SMALL_BODY_BYTES < len(body) < 400_000
    async with a_service(room=Room(large_bodies_bytes=400_000)) as service:
        answer = await send(service.app, "POST", "/v1/admin/ingestions", key=ADMIN_KEY, headers=[JSON], body=body)
    assert answer.status == 202


class Arrivals:
    """Requests by a clock of our own: each waits in a task of its own until it has a place."""

    def __init__(self, **limits: int) -> None:
        self.now = 100.0
        self.room = Room(clock=lambda: self.now, **limits)  # type: ignore[arg-type]
        self.inside = 0
        self.refused = 0
        self.waiting: set[asyncio.Task[None]] = set()

    async def come(self, count: int = 1) -> None:
        for _ in range(count):
            task = asyncio.create_task(self._enter())
            self.waiting.add(task)
            task.add_done_callback(self.waiting.discard)
        await settled()

    async def go(self, count: int = 1) -> None:
        for _ in range(min(count, self.inside)):
            self.inside -= 1
            self.room.leave()
            await settled()

    async def _enter(self) -> None:
        try:
            await self.room.enter()
        except TooBusy:
            self.refused += 1
        else:
            self.inside += 1


async def settled() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


async def test_a_burst_waits_its_turn_and_is_served_to_the_last() -> None:
    crowd = Arrivals(at_work=4)
    await crowd.come(200)
    assert (crowd.inside, len(crowd.waiting), crowd.refused) == (4, 196, 0)
    for _ in range(50):
        crowd.now += 0.04
        await crowd.go(4)
    assert (len(crowd.waiting), crowd.refused, crowd.room.at_work) == (0, 0, 0)


async def test_no_more_wait_than_a_burst_has() -> None:
    crowd = Arrivals(at_work=2, in_a_burst=5)
    await crowd.come(6)
    assert (crowd.inside, len(crowd.waiting), crowd.refused) == (2, 3, 1)
    await crowd.go(2)
    await crowd.go(2)
    await crowd.go(1)
    await crowd.come()
    assert (crowd.inside, crowd.refused) == (1, 1), "there is a place, and it is given"


async def test_fifty_who_ask_again_as_soon_as_they_are_answered_are_all_served() -> None:
    crowd = Arrivals(at_work=4)
    await crowd.come(50)
    for _ in range(1_000):
        crowd.now += 0.01
        await crowd.go(2)
        await crowd.come(2)
    assert crowd.refused == 0


async def test_under_a_load_that_grows_who_finds_a_place_has_it_at_once_and_the_rest_are_turned_away() -> None:
    crowd = Arrivals(at_work=4)
    waited = []
    for _ in range(300):  # two come for each that goes
        crowd.now += 0.01
        await crowd.go(2)
        await crowd.come(4)
        waited.append(len(crowd.waiting))
        assert crowd.inside <= 4
    assert max(waited) < 50, "it is known for a load within a sixth of a second"
    assert max(waited[100:]) == 0
    assert 0.4 < crowd.refused / 1_200 < 0.6


async def test_when_a_load_is_over_a_burst_waits_again() -> None:
    crowd = Arrivals(at_work=4)
    for _ in range(100):
        crowd.now += 0.01
        await crowd.go(2)
        await crowd.come(4)
    for _ in range(110):  # a second and a tenth of what can be done
        crowd.now += 0.01
        await crowd.go(4)
        await crowd.come(1)
    refused = crowd.refused
    await crowd.come(50)
    assert crowd.refused == refused
    assert len(crowd.waiting) > 40


async def test_more_than_a_crowd_does_not_wait_for_long() -> None:
    crowd = Arrivals(at_work=4, waiting=10)
    await crowd.come(20)
    for _ in range(60):
        crowd.now += 0.01
        await crowd.go(1)
        await crowd.come(1)
    assert crowd.refused > 0, "sixteen have waited for half a second, none the less"


async def test_one_who_gives_up_takes_no_place() -> None:
    crowd = Arrivals(at_work=1)
    await crowd.come(3)
    given_up = [*crowd.waiting]
    crowd.room.leave()  # the next has its place, and gives up in the same moment
    for task in given_up:
        task.cancel()
    await settled()
    assert crowd.room.at_work == 0
    await crowd.come()
    assert crowd.inside == 2
