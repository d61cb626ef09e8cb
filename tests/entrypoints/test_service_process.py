"""The whole service in a process of its own, on PostgreSQL and Qdrant's engine, killed and started again."""

import asyncio
import contextlib
import json
import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from bench.service_process import ServiceProcess, running
from tests.story import PINNING, SNAPSHOTS

PACED = ("-m", "bench.paced_service")
QUESTION = {"question": "How do I pin a dependency with an exact version?"}


@pytest.fixture
def data_dir(open_folder: Path) -> Path:
    folder = Path(tempfile.mkdtemp(dir=open_folder))
    folder.chmod(0o755)
    return folder / "data"


def ingest(service: ServiceProcess, pages: dict[str, str], *, wait: bool = True) -> dict[str, Any]:
    documents = [{"uri": uri, "content": text, "format": "markdown"} for uri, text in pages.items()]
    with service.client() as client:
        accepted = client.post("/v1/admin/ingestions", json={"collection": "docs", "documents": documents})
        assert accepted.status_code == httpx.codes.ACCEPTED, accepted.text
        status_url = accepted.json()["status_url"]
    return ingested(service, status_url) if wait else {"status_url": status_url}


def ingested(service: ServiceProcess, status_url: str) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    with service.client() as client:
        while time.monotonic() < deadline:
            state: dict[str, Any] = client.get(status_url).json()
            if state["status"] not in ("queued", "running"):
                return state
            time.sleep(0.02)
    raise AssertionError("the ingestion did not end within a minute")


def events(lines: Iterator[str]) -> Iterator[tuple[str, Any]]:
    name = ""
    for line in lines:
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


def until(service: ServiceProcess, wanted: Callable[[list[str]], bool]) -> dict[str, Any]:
    """Ask as a stream and go away as soon as the names of the events so far are what is wanted."""
    seen: list[str] = []
    turn: dict[str, Any] = {}
    with (
        service.client() as client,
        client.stream("POST", "/v1/ask", json=QUESTION, headers={"Accept": "text/event-stream"}) as response,
    ):
        for name, data in events(response.iter_lines()):
            turn = data if name == "turn" else turn
            seen.append(name)
            if wanted(seen):
                break
    return turn


def kill(service: ServiceProcess) -> None:
    os.kill(service.pid, signal.SIGKILL)


def test_json_stream_and_what_is_read_back_are_one_turn_to_the_byte(data_dir: Path) -> None:
    with running(data_dir) as service, service.client() as client:
        ingest(service, {"pinning.md": PINNING, "snapshots.md": SNAPSHOTS})

        answered = client.post("/v1/ask", json=QUESTION)
        streamed = client.post("/v1/ask", json=QUESTION, headers={"Accept": "text/event-stream"})
        last = streamed.text.rstrip("\n").rpartition("\n")[2].removeprefix("data: ")
        turn_id = json.loads(last)["turn_id"]

        assert answered.json()["status"] == "answered"
        assert client.get(f"/v1/turns/{answered.json()['turn_id']}").content == answered.content
        assert client.get(f"/v1/turns/{turn_id}").text == last


@pytest.mark.long
def test_a_turn_that_kill_9_cut_off_is_interrupted_at_the_next_start(data_dir: Path) -> None:
    with contextlib.suppress(httpx.TransportError), running(data_dir, PACED) as service:
        ingest(service, {"pinning.md": PINNING})
        turn = until(service, lambda seen: seen.count("text") >= 3)
        kill(service)

    with running(data_dir) as service, service.client() as client:
        kept = client.get(f"/v1/turns/{turn['turn_id']}").json()
        again = client.post("/v1/ask", json={**QUESTION, "conversation_id": turn["conversation_id"]})

    assert kept["status"] == "interrupted"
    assert again.json()["status"] == "answered", "the conversation is not left busy"


@pytest.mark.long
def test_an_acknowledged_ingestion_survives_kill_9_with_every_page_once(data_dir: Path) -> None:
    pages = {f"page-{number:03}.md": PINNING.replace("Pinning", f"Pinning {number}") for number in range(200)}
    with running(data_dir) as service:
        status_url = ingest(service, pages, wait=False)["status_url"]
        with service.client() as client:
            while sum(client.get(status_url).json()["counts"].values()) == len(pages):
                time.sleep(0.005)
        kill(service)

    with running(data_dir) as service, service.client() as client:
        state = ingested(service, status_url)
        found = client.post("/v1/search", json={"query": "exact version pinning 137", "limit": 50}).json()["passages"]
        listed = client.get("/v1/documents", params={"collection": "docs", "limit": 100}).json()

    assert state["status"] == "succeeded"
    assert state["counts"]["added"] == len(pages)
    assert len({document["uri"] for document in listed["items"]}) == 100
    assert listed["next_cursor"]
    assert len({passage["passage_id"] for passage in found}) == len(found)


@pytest.mark.long
def test_a_killed_service_leaves_no_process_behind_but_the_database(data_dir: Path) -> None:
    with running(data_dir) as service:
        ingest(service, {"pinning.md": PINNING})
        assert processes_of(data_dir) > {service.pid}
        kill(service)
    deadline = time.monotonic() + 20
    while processes_of(data_dir) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not processes_of(data_dir)

    with running(data_dir):
        pass  # takes over the database that was left running, and stops it


def processes_of(data_dir: Path) -> set[int]:
    """Those that were started with this data directory, PostgreSQL's apart."""
    found = set()
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if f"IBID_DATA_DIR={data_dir}".encode() in (entry / "environ").read_bytes().split(b"\0"):
                command = (entry / "cmdline").read_bytes()
                if command and b"postgres" not in command:
                    found.add(int(entry.name))
    return found


@pytest.mark.long
def test_an_upload_of_tens_of_megabytes_takes_no_such_memory(data_dir: Path) -> None:
    noise = bytes(range(256)) * 4_000
    with running(data_dir) as service, service.client() as client:
        ingest(service, {"pinning.md": PINNING})
        sent = [("files", (f"{number}.png", noise)) for number in range(50)]
        before = resident_mb(service, "VmRSS")
        Path(f"/proc/{service.pid}/clear_refs").write_text("5")  # the highest mark begins anew
        accepted = client.post("/v1/admin/ingestions", data={"collection": "docs"}, files=sent)
        state = ingested(service, accepted.json()["status_url"])
        grown = resident_mb(service, "VmHWM") - before

    assert state["counts"]["failed"] == 50
    assert grown < 50
    assert not list((data_dir / "uploads").iterdir())


def resident_mb(service: ServiceProcess, which: str) -> float:
    status = Path(f"/proc/{service.pid}/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith(f"{which}:")]
    return int(line.split()[1]) / 1_024


@pytest.mark.long
def test_a_stopped_service_ends_its_turns_and_leaves_with_0(data_dir: Path) -> None:
    with running(data_dir) as service:
        ingest(service, {"pinning.md": PINNING})
        began = time.monotonic()
    assert time.monotonic() - began < 10
    assert service.exit_code() == 0


@pytest.mark.long
def test_whoever_follows_an_ingestion_does_not_hold_up_a_stop(data_dir: Path) -> None:
    pages = {f"page-{number:04}.md": PINNING.replace("Pinning", f"Pinning {number}") for number in range(2_000)}
    with running(data_dir) as service, service.client() as client:
        status_url = ingest(service, pages, wait=False)["status_url"]
        with client.stream("GET", f"{status_url}/events") as followed:
            lines = followed.iter_lines()
            next(lines)
            began = time.monotonic()
            service.process.send_signal(signal.SIGTERM)
            rest = list(lines)
            service.process.wait(60)
    assert time.monotonic() - began < 15
    assert service.exit_code() == 0
    assert "event: done" not in rest


def test_no_line_of_the_log_holds_the_key_or_what_was_asked(data_dir: Path) -> None:
    with running(data_dir) as service, service.client() as client:
        ingest(service, {"pinning.md": PINNING})
        client.post("/v1/ask", json={"question": "canary-question-7421"})
        httpx.post(f"{service.url}/v1/ask", json=QUESTION, headers={"Authorization": "Bearer canary-wrong-key"})
        schema = client.get("/schema").text

    log = service.log()
    assert "route=/v1/ask" in log
    for secret in (service.key, "canary-question-7421", "canary-wrong-key"):
        assert secret not in log
        assert secret not in schema


@pytest.mark.long
def test_an_idle_service_sends_the_database_nothing(data_dir: Path) -> None:
    with running(data_dir) as service:
        ingest(service, {"pinning.md": PINNING})
        time.sleep(3)
        [socket] = [path for path in data_dir.rglob(".s.PGSQL.*") if path.is_socket()]
        connections, busy = asyncio.run(connections_of_ibid(socket.parent))

    assert connections, "its pool still holds the connections of the ingestion"
    assert busy == 0


@pytest.mark.long
def test_an_idle_service_writes_no_line_into_a_log_of_every_statement(data_dir: Path) -> None:
    with running(data_dir) as service:
        ingest(service, {"pinning.md": PINNING})
        [socket] = [path for path in data_dir.rglob(".s.PGSQL.*") if path.is_socket()]
        asyncio.run(log_every_statement(socket.parent))
        log = next(data_dir.rglob("postgresql.log"))
        ingest(service, {"snapshots.md": SNAPSHOTS})
        time.sleep(3)
        busy = log.read_text()
        time.sleep(4)
        idle = log.read_text()[len(busy) :]
        listening = asyncio.run(still_listening(socket.parent))

    assert "LISTEN" in busy, "the log does not show the statements of the ingestion"
    assert "statement:" not in idle
    assert "execute" not in idle
    assert listening == 0


@pytest.mark.slow
def test_two_minutes_of_idling_leave_no_line_in_a_log_of_every_statement(data_dir: Path) -> None:
    """From 60 s after the last request on, as the issue has it; nothing listens, and no connection is at work."""
    with running(data_dir) as service, service.client() as client:
        ingest(service, {"pinning.md": PINNING})
        [socket] = [path for path in data_dir.rglob(".s.PGSQL.*") if path.is_socket()]
        asyncio.run(log_every_statement(socket.parent))
        log = next(data_dir.rglob("postgresql.log"))
        ingest(service, {"snapshots.md": SNAPSHOTS})
        assert client.post("/v1/ask", json=QUESTION).json()["status"] == "answered"
        client.post("/v1/search", json={"query": "snapshots"}).raise_for_status()
        time.sleep(60)
        busy = log.read_text()
        time.sleep(120)
        idle = log.read_text()[len(busy) :]
        listening = asyncio.run(still_listening(socket.parent))
        assert client.post("/v1/ask", json=QUESTION).json()["status"] == "answered"
        awake = log.read_text()[len(busy) + len(idle) :]
    assert "LISTEN" in busy
    assert "statement" not in idle
    assert "execute" not in idle
    assert listening == 0
    assert "execute" in awake or "statement" in awake, "the log does not show what a question sends"


async def log_every_statement(socket_folder: Path) -> None:
    connection = await asyncpg.connect(user="postgres", host=str(socket_folder), database="postgres")
    try:
        await connection.execute("ALTER SYSTEM SET log_statement = 'all'")
        await connection.execute("SELECT pg_reload_conf()")
    finally:
        await connection.close()


async def still_listening(socket_folder: Path) -> int:
    """Connections of the service whose last statement was pgqueuer's or a LISTEN."""
    connection = await asyncpg.connect(user="postgres", host=str(socket_folder), database="postgres")
    try:
        return int(
            await connection.fetchval(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND (query ILIKE 'listen%' OR query ILIKE '%pgqueuer%')"
                " AND query NOT ILIKE '%INSERT INTO pgqueuer%'"
            )
        )
    finally:
        await connection.close()


async def connections_of_ibid(socket_folder: Path) -> tuple[int, int]:
    """How many there are, and how many of them were sent a statement in the last two seconds."""
    connection = await asyncpg.connect(user="postgres", host=str(socket_folder), database="postgres")
    try:
        row = await connection.fetchrow(
            "SELECT count(*), count(*) FILTER (WHERE query_start > now() - interval '2 s')"
            " FROM pg_stat_activity WHERE application_name = 'ibid'"
        )
        return int(row[0]), int(row[1])
    finally:
        await connection.close()
