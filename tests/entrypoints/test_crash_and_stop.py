"""The whole service in a process of its own, killed or told to stop while many streams are open (CR-2 and CR-4)."""

import asyncio
import os
import signal
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from bench.service_process import ServiceProcess, running
from tests.entrypoints.http_service import events_of
from tests.entrypoints.test_service_process import ingest
from tests.story import PINNING

LASTING = ("-m", "tests.lasting_service")
SHORT = "How do I pin a dependency with an exact version?"
LONG = "For how long do I pin a dependency with an exact version?"
SSE = {"Accept": "text/event-stream"}


@pytest.fixture
def data_dir(open_folder: Path) -> Path:
    folder = Path(tempfile.mkdtemp(dir=open_folder))
    folder.chmod(0o755)
    return folder / "data"


@dataclass
class Reader:
    """One question, and what its stream has said so far."""

    key: str
    question: str
    text: str = ""
    writing: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def events(self) -> list[tuple[str, str, str]]:
        return events_of(self.text[: self.text.rfind("\n\n") + 2])

    @property
    def turn_id(self) -> str:
        return self.events[0][0].partition(":")[0]

    async def read(self, client: httpx.AsyncClient) -> None:
        headers = {**SSE, "Idempotency-Key": self.key}
        with suppress(httpx.TransportError):
            while not await self._taken(client, headers):  # noqa: ASYNC110  nothing tells when there is room
                await asyncio.sleep(0.05)  # a crowd is asked to come back

    async def _taken(self, client: httpx.AsyncClient, headers: dict[str, str]) -> bool:
        async with client.stream("POST", "/v1/ask", json={"question": self.question}, headers=headers) as answer:
            if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
                return False
            async for piece in answer.aiter_text():
                self.text += piece
                if self.text.count("event: text") >= 2:
                    self.writing.set()
        return True


def a_client(service: ServiceProcess) -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=300, max_keepalive_connections=0)
    return httpx.AsyncClient(
        base_url=service.url, headers={"Authorization": f"Bearer {service.key}"}, timeout=60, limits=limits
    )


async def all_writing(readers: list[Reader], tasks: list[asyncio.Task[None]]) -> None:
    async with asyncio.timeout(30):
        await asyncio.gather(*(reader.writing.wait() for reader in readers))
    assert not any(task.done() for task in tasks)


async def kill_during(service: ServiceProcess, readers: list[Reader]) -> None:
    async with a_client(service) as client:
        tasks = [asyncio.create_task(reader.read(client)) for reader in readers]
        await all_writing(readers, tasks)
        os.kill(service.pid, signal.SIGKILL)
        await asyncio.gather(*tasks)


async def reconnect(service: ServiceProcess, reader: Reader) -> tuple[Any, httpx.Response, httpx.Response]:
    async with a_client(service) as client:
        turn = (await client.get(f"/v1/turns/{reader.turn_id}")).json()
        last = {"Last-Event-ID": reader.events[-1][0]}
        rest = await client.get(f"/v1/turns/{reader.turn_id}/events", headers=last)
        asked_again = await client.post(
            "/v1/ask", json={"question": reader.question}, headers={"Idempotency-Key": reader.key}
        )
    return turn, rest, asked_again


@pytest.mark.long
def test_kill_9_during_50_streams_gives_each_a_clear_end_at_the_next_start(data_dir: Path) -> None:
    readers = [Reader(f"key {number}", LONG) for number in range(50)]
    with suppress(httpx.TransportError), running(data_dir, LASTING) as service:
        ingest(service, {"pinning.md": PINNING})
        asyncio.run(kill_during(service, readers))
    assert all(reader.events[-1][1] in ("text", "claim") for reader in readers), "nothing said that it was the end"

    with running(data_dir) as service:
        for reader in readers:
            turn, rest, asked_again = asyncio.run(reconnect(service, reader))
            seen = int(reader.events[-1][0].rpartition(":")[2])
            [(event_id, name, data)] = events_of(rest.text)
            assert (event_id, name) == (f"{reader.turn_id}:{seen + 1}", "done")
            assert turn["status"] == "interrupted"
            assert rest.text.endswith(f"data: {data}\n\n")
            assert asked_again.json() == turn, "its key is still its own: one question, one turn"
            assert asked_again.headers["idempotency-replayed"] == "true"
        with service.client() as client:
            listed = client.get("/v1/conversations", params={"limit": 100}).json()["items"]
            assert len(listed) == 50
            again = client.post("/v1/ask", json={"question": SHORT, "conversation_id": listed[0]["id"]})
            assert again.json()["status"] == "answered", "the conversation is not left busy"


async def stop_during(service: ServiceProcess, readers: list[Reader]) -> float:
    async with a_client(service) as client:
        tasks = [asyncio.create_task(reader.read(client)) for reader in readers]
        await all_writing(readers, tasks)
        os.kill(service.pid, signal.SIGTERM)
        began = time.monotonic()
        await asyncio.sleep(0.5)
        async with a_client(service) as late:
            with pytest.raises(httpx.TransportError):
                await late.get("/health/live")
        await asyncio.gather(*tasks)
        return time.monotonic() - began


@pytest.mark.slow
def test_sigterm_lets_short_turns_of_100_streams_end_and_tells_the_others_before_it_leaves(data_dir: Path) -> None:
    readers = [Reader(f"key {number}", LONG if number % 2 else SHORT) for number in range(100)]
    with running(data_dir, LASTING) as service:
        ingest(service, {"pinning.md": PINNING})
        seconds = asyncio.run(stop_during(service, readers))
        code = service.process.wait(15)

    assert code == 0
    assert 19 <= seconds <= 24
    ends = [(reader.question, reader.events[-1][1], '"status":"interrupted"' in reader.text) for reader in readers]
    assert set(ends) == {(SHORT, "done", False), (LONG, "done", True)}

    with running(data_dir) as service, service.client() as client:
        for reader in readers:
            assert client.get(f"/v1/turns/{reader.turn_id}").text == reader.events[-1][2]
