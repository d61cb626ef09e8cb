"""`ibid serve` with several processes on one port: what one of them does, holds in all of them."""

import asyncio
import contextlib
import itertools
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.entrypoints.http_service import events_of
from tests.fakes.openrouter import KEY, FakeOpenRouter, Play, said
from tests.fakes.qdrant import FakeQdrant
from tests.story import PINNING, SNAPSHOTS

ADMIN_KEY: Final = "ibid_the-admin-of-several-processes"
ADMIN: Final = {"Authorization": f"Bearer {ADMIN_KEY}"}
SSE: Final = {"Accept": "text/event-stream"}
WORDS: Final = [f"{word} " for word in ("Pin", "a", "dependency", "with", "an", "exact", "version", "[1].")]

_serial = itertools.count()


def question() -> dict[str, str]:
    """No two are alike: the same one again would be answered from memory."""
    return {"question": f"How do I pin dependency {next(_serial)} with an exact version?"}


def slow(seconds: float) -> Play:
    """A model that writes a word every 50 ms for so long."""
    return Play(said(*islice(cycle(WORDS), int(seconds / 0.05))), pause_s=0.05)


@dataclass
class Several:
    """A running service, and the fakes behind it."""

    process: asyncio.subprocess.Process
    url: str
    models: FakeOpenRouter
    log_file: Path

    @property
    def pids(self) -> list[int]:
        """Of the processes that answer, in the order of their start."""
        return [pid for pid in children(self.process.pid) if "spawn_main" in command(pid)]

    @contextmanager
    def only(self, pid: int) -> Iterator[None]:
        """All other processes stand still meanwhile, so that this one takes whatever connects."""
        others = [one for one in self.pids if one != pid]
        for one in others:
            os.kill(one, signal.SIGSTOP)
        try:
            yield
        finally:
            for one in others:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(one, signal.SIGCONT)

    @asynccontextmanager
    async def client(self, pid: int, **headers: str) -> AsyncIterator[httpx.AsyncClient]:
        """A client of one connection, which is to this process."""
        limits = httpx.Limits(max_connections=1, keepalive_expiry=4)
        async with httpx.AsyncClient(base_url=self.url, headers=ADMIN | headers, timeout=60, limits=limits) as client:
            with self.only(pid):
                (await client.get("/health/live")).raise_for_status()
            yield client

    async def ingest(self, pages: dict[str, str]) -> None:
        documents = [{"uri": uri, "content": page, "format": "markdown"} for uri, page in pages.items()]
        async with httpx.AsyncClient(base_url=self.url, headers=ADMIN, timeout=60) as client:
            body = {"collection": "docs", "documents": documents}
            accepted = (await client.post("/v1/admin/ingestions", json=body)).raise_for_status().json()
            async with asyncio.timeout(120):
                while (state := (await client.get(accepted["status_url"])).json())["status"] != "succeeded":
                    assert state["status"] in ("queued", "running"), state
                    await asyncio.sleep(0.05)


def children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def command(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    return ""


@asynccontextmanager
async def several(url: str, folder: Path, **more: str) -> AsyncIterator[Several]:
    """``ibid serve`` with two processes on a database, a Qdrant and a model's server. Ended with SIGTERM."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    async with AsyncExitStack() as stack:
        qdrant, models = await stack.enter_async_context(FakeQdrant()), FakeOpenRouter()
        await stack.enter_async_context(models)
        settings = {
            "DATABASE_URL": url,
            "QDRANT_URL": qdrant.url,
            "OPENROUTER_BASE_URL": models.url,
            "OPENROUTER_API_KEY": KEY,
            "IBID_MODELS": "fake/model",
            "IBID_PLAN": "paid",
            "IBID_ADMIN_KEY": ADMIN_KEY,
            "IBID_DATA_DIR": str(folder / "data"),
            "IBID_PORT": str(port),
            "IBID_WORKERS": "2",
        }
        log_file = folder / "log"
        log = stack.enter_context(log_file.open("wb"))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "entrypoints.cli", "serve"), env={**os.environ, **settings, **more}, stderr=log
        )
        try:
            async with asyncio.timeout(120):
                while not (folder / "data/server.json").exists():
                    assert process.returncode is None, log_file.read_text()
                    await asyncio.sleep(0.05)
            yield Several(process, f"http://127.0.0.1:{port}", models, log_file)
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            await asyncio.wait_for(process.wait(), 60)


async def stream(client: httpx.AsyncClient, method: str, path: str, **more: Any) -> str:
    headers = SSE | more.pop("headers", {})
    async with client.stream(method, path, headers=headers, **more) as answer:
        return "".join([part async for part in answer.aiter_text()])


async def begun(engine: AsyncEngine, count: int = 1) -> list[Any]:
    """The turns that run, once there are so many."""
    async with asyncio.timeout(60):
        while True:
            async with engine.connect() as connection:
                rows = await connection.execute(text("SELECT id, holder FROM turns WHERE status = 'running'"))
                found = list(rows)
            if len(found) >= count:
                return found
            await asyncio.sleep(0.05)


@pytest.mark.long
async def test_a_turn_of_one_process_is_followed_attached_to_and_cancelled_at_another(
    engine: AsyncEngine, migrated_url: str, tmp_path: Path
) -> None:
    async with several(migrated_url, tmp_path) as service:
        await service.ingest({"pinning.md": PINNING, "snapshots.md": SNAPSHOTS})
        service.models.script("fake/model", slow(3))
        one, other = service.pids
        keyed, once = {"Idempotency-Key": "once"}, question()
        async with service.client(one) as asking, service.client(other) as following, service.client(other) as second:
            asked = asyncio.create_task(stream(asking, "POST", "/v1/ask", json=once, headers=keyed))
            [(turn_id, _)] = await begun(engine)
            followed = asyncio.create_task(stream(following, "GET", f"/v1/turns/{turn_id}/events"))
            turn = (await second.get(f"/v1/turns/{turn_id}")).json()
            again = {**question(), "conversation_id": turn["conversation_id"]}
            busy = await second.post("/v1/ask", json=again)
            attached = await second.post("/v1/ask", json=once, headers=keyed)
            told = events_of(await asked)
            assert (busy.status_code, busy.json()["code"]) == (409, "conversation_busy")
            assert attached.headers["Idempotency-Replayed"] == "true"
            assert events_of(await followed) == told
            assert attached.json() == json.loads(told[-1][2])
            assert len([name for _, name, _ in told if name == "text"]) > 20
        async with service.client(other) as late:
            assert events_of(await stream(late, "GET", f"/v1/turns/{turn_id}/events")) == told, "kept for an hour"
            resumed = await stream(late, "GET", f"/v1/turns/{turn_id}/events", headers={"Last-Event-ID": told[4][0]})
            assert events_of(resumed) == told[5:]

        service.models.script("fake/model", slow(60))
        async with service.client(one) as asking, service.client(other) as ending:
            asked = asyncio.create_task(stream(asking, "POST", "/v1/ask", json=question()))
            [(turn_id, _)] = await begun(engine)
            assert (await ending.post(f"/v1/turns/{turn_id}/cancel")).status_code == httpx.codes.ACCEPTED
            [*_, (_, name, data)] = events_of(await asked)
            assert (name, json.loads(data)["status"]) == ("done", "cancelled")
        assert await running_turns_of_a_user(service, engine) == 3

    assert service.process.returncode == 0
    assert [path.name for path in (tmp_path / "data").iterdir() if path.name == "server.json"] == []


async def running_turns_of_a_user(service: Several, engine: AsyncEngine) -> int:
    """How many of eight questions that one user asks, two at one process and then the rest at the other, are begun."""
    one, other = service.pids
    headers = ADMIN | {"Ibid-User": "ann"}
    async with httpx.AsyncClient(base_url=service.url, headers=headers, timeout=60) as client:

        def asked(count: int) -> list[asyncio.Task[httpx.Response]]:
            return [asyncio.create_task(client.post("/v1/ask", json=question())) for _ in range(count)]

        with service.only(one):
            questions = asked(2)
            await begun(engine, 2)
        with service.only(other):
            questions += asked(6)
            async with asyncio.timeout(60):
                while sum(one.done() for one in questions) < 5:  # noqa: ASYNC110  it is counted
                    await asyncio.sleep(0.05)
            running = await begun(engine, 3)
        assert len({holder for _, holder in running}) == 2
        for turn_id, _ in running:
            await client.post(f"/v1/turns/{turn_id}/cancel")
        answers = await asyncio.gather(*questions)
    refused = [answer for answer in answers if answer.status_code == httpx.codes.TOO_MANY_REQUESTS]
    assert {answer.json()["code"] for answer in refused} == {"too_many_running"}
    return len(answers) - len(refused)


@pytest.mark.slow
async def test_a_process_that_dies_is_started_again_and_its_turns_are_ended(
    engine: AsyncEngine, migrated_url: str, tmp_path: Path
) -> None:
    async with several(migrated_url, tmp_path) as service:
        await service.ingest({"pinning.md": PINNING})
        service.models.script("fake/model", slow(15))
        doomed, other = service.pids
        async with service.client(doomed) as lost, service.client(other) as kept:
            cut = asyncio.create_task(stream(lost, "POST", "/v1/ask", json=question()))
            [(turn_id, _)] = await begun(engine)
            os.kill(doomed, signal.SIGKILL)
            with pytest.raises(httpx.TransportError):
                await cut
            assert (await kept.get("/health/ready")).status_code == httpx.codes.OK
            # Long before its lease runs out.
            async with asyncio.timeout(60):
                while (await kept.get(f"/v1/turns/{turn_id}")).json()["status"] != "interrupted":  # noqa: ASYNC110  of another process
                    await asyncio.sleep(0.2)
        assert len(service.pids) == 2
        assert doomed not in service.pids

        service.models.script("fake/model", slow(2))
        async with AsyncExitStack() as stack:
            clients = [
                await stack.enter_async_context(httpx.AsyncClient(base_url=service.url, headers=ADMIN, timeout=60))
                for _ in range(6)
            ]
            streams = [asyncio.create_task(stream(client, "POST", "/v1/ask", json=question())) for client in clients]
            await begun(engine, 6)
            service.process.send_signal(signal.SIGTERM)
            ends = [events_of(told)[-1] for told in await asyncio.gather(*streams)]
        assert {(name, json.loads(data)["status"]) for _, name, data in ends} == {("done", "answered")}
        assert await asyncio.wait_for(service.process.wait(), 30) == 0
    assert service.log_file.read_text().count("died") == 1


@pytest.mark.slow
async def test_a_killed_service_leaves_no_process_behind(
    engine: AsyncEngine, migrated_url: str, tmp_path: Path
) -> None:
    async with several(migrated_url, tmp_path) as service:
        await service.ingest({"pinning.md": PINNING})
        family = [service.process.pid, *service.pids, *(one for pid in service.pids for one in children(pid))]
        os.kill(service.process.pid, signal.SIGKILL)
        async with asyncio.timeout(60):
            # A zombie has no command any more: whoever reaps the orphans of this machine may take its time.
            while any(map(command, family)):  # noqa: ASYNC110  processes tell of nothing
                await asyncio.sleep(0.1)


@pytest.mark.long
async def test_of_fifty_questions_with_a_quota_for_ten_ten_are_written_by_the_model_and_all_are_answered(
    engine: AsyncEngine, migrated_url: str, tmp_path: Path
) -> None:
    async with several(migrated_url, tmp_path, IBID_PLAN="free", IBID_MODEL_CALLS_PER_DAY="10") as service:
        await service.ingest({"pinning.md": PINNING, "snapshots.md": SNAPSHOTS})
        one, other = service.pids

        async def ask(client: httpx.AsyncClient) -> dict[str, Any]:
            body = question()
            # A crowd on a busy machine is asked to come back; nothing was begun then.
            for _ in range(100):
                answer = await client.post("/v1/ask", json=body)
                if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                    break
                await asyncio.sleep(0.2)
            turn: dict[str, Any] = answer.raise_for_status().json()
            return turn

        async with AsyncExitStack() as stack:
            clients = [await stack.enter_async_context(service.client(pid)) for pid in [one, other] * 25]
            turns = await asyncio.gather(*map(ask, clients))

        assert len(service.models.calls) == 10
        assert not service.models.invalid
        assert [turn["status"] for turn in turns] == ["answered"] * 50
        extractive = [turn for turn in turns if "model_quota" in turn["degraded"]]
        assert len(extractive) == 40
        assert {turn["model"] for turn in extractive} == {"extractive"}
        assert {turn["model"] for turn in turns if turn not in extractive} == {"fake/model"}
        async with service.client(other) as reading:
            stored = [(await reading.get(f"/v1/turns/{turn['turn_id']}")).json() for turn in turns]
    assert stored == turns
    async with engine.connect() as connection:
        rows = await connection.execute(text("SELECT holder, count(*) FROM turns WHERE status = 'answered' GROUP BY 1"))
        counted = dict(list(rows))
    assert len(counted) == 2
    assert min(counted.values()) > 10


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"IBID_WORKERS": "40"}, "IBID_WORKERS=40 is more than the database's 27 connections are enough for"),
        ({"DATABASE_URL": ""}, "IBID_WORKERS must be 1 unless DATABASE_URL and QDRANT_URL are set"),
        ({"QDRANT_URL": ""}, "IBID_WORKERS must be 1 unless DATABASE_URL and QDRANT_URL are set"),
    ],
)
async def test_more_processes_than_can_be_are_refused_in_one_line(
    migrated_url: str, tmp_path: Path, given: dict[str, str], why: str
) -> None:
    settings = {
        "DATABASE_URL": migrated_url,
        "QDRANT_URL": "http://127.0.0.1:9",
        "IBID_ADMIN_KEY": ADMIN_KEY,
        "IBID_DATA_DIR": str(tmp_path),
        "IBID_PORT": "0",
        "IBID_WORKERS": "2",
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "entrypoints.cli", "serve"),
        env={**os.environ, **settings, **given},
        stderr=asyncio.subprocess.PIPE,
    )
    _, told = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 1
    assert told.decode().startswith(f"ibid: {why}"), told
