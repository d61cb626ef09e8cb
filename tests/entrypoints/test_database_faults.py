"""The database's rows of docs/faults.md: what a caller gets while PostgreSQL fails; nothing is acknowledged then."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from dependency_injector import providers
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from adapters.embedded_postgres.folders import SOCKET_NAME
from adapters.embedded_postgres.server import EmbeddedPostgres
from adapters.neon.engine import make_engine
from adapters.neon.migrate import migrate
from adapters.neon.unit_of_work import NeonUnitOfWork
from adapters.neon.work_queue import PgQueuerWorkQueue
from application.ports import AnswerWriter
from domain.errors import PortUnavailable
from tests.builders import a_conversation
from tests.entrypoints.http_service import ADMIN_KEY, QUESTION, HttpService, ScriptedWriter
from tests.fakes.tcp_faults import HTTP_ONLY, NOWHERE, Fault, FaultyProxy
from tests.leftovers import all_connections_back, no_task_left

SHORT_S = 0.8


@asynccontextmanager
async def a_service_on(
    url: str, *, pool_size: int = 5, story: bool = True, writer: AnswerWriter | None = None
) -> AsyncIterator[HttpService]:
    """The service with its stores in PostgreSQL at ``url``, and the rest in memory."""
    engine = make_engine(url, pool_size=pool_size, command_timeout_s=SHORT_S)
    units = providers.Factory(NeonUnitOfWork, engine)
    # What waits is in the database; without a story nothing does, and no connection is taken to look.
    waiting = {"queue": providers.Singleton(PgQueuerWorkQueue, url)} if story else {}
    service = HttpService(writer, unit_of_work=units, reading=units, background_unit_of_work=units, **waiting)
    try:
        async with no_task_left(), service.running():
            if story:
                await service.ingest_story()
            yield service
            await all_connections_back(engine)
    finally:
        await engine.dispose()


@pytest.fixture
async def line(migrated_url: str, engine: AsyncEngine) -> AsyncIterator[FaultyProxy]:
    """A proxy before the database, whose tables are empty."""
    sockets = make_url(migrated_url).query["host"]
    assert isinstance(sockets, str)
    async with FaultyProxy(Path(sockets) / SOCKET_NAME, seconds=4.0, bytes_per_s=200) as proxy:
        yield proxy


def through(line: FaultyProxy, host: str = "127.0.0.1", more: str = "") -> str:
    return f"postgresql://postgres@{host}:{line.port}/postgres?connect_timeout={SHORT_S}{more}"


async def ask(service: HttpService, **changes: Any) -> httpx.Response:
    async with service.client(ADMIN_KEY) as client:
        return await client.post("/v1/ask", json={"question": QUESTION, **changes})


async def turns(engine: AsyncEngine, status: str = "%") -> int:
    async with engine.connect() as connection:
        count = text("SELECT count(*) FROM turns WHERE status LIKE :status")
        return int((await connection.execute(count, {"status": status})).scalar_one())


def is_503(answer: httpx.Response) -> bool:
    told = answer.text.lower()
    quoted = [word for word in ("postgres@", "select", "insert", "asyncpg", "127.0.0.1") if word in told]
    return answer.status_code == 503 and int(answer.headers["retry-after"]) >= 1 and not quoted


async def test_nothing_is_acknowledged_while_the_network_to_the_database_fails(
    line: FaultyProxy, engine: AsyncEngine, caplog: pytest.LogCaptureFixture
) -> None:
    async with a_service_on(through(line)) as service:
        for fault in sorted(set(Fault) - HTTP_ONLY - {Fault.DNS, Fault.TLS}):
            before = await turns(engine, "answered")
            await line.play(fault)
            async with asyncio.timeout(8):
                answer = await ask(service)
            if fault is Fault.SLICER:
                assert answer.status_code == 200, fault
                before += 1
            else:
                assert is_503(answer), (fault, answer.text)
                assert "port failed" in caplog.messages, fault
            caplog.clear()
            await line.play(None)
            async with asyncio.timeout(8):
                assert (await ask(service)).status_code == 200, fault
            assert await turns(engine, "answered") == before + 1, fault
    await line.idle()


@pytest.mark.parametrize("fault", [Fault.DNS, Fault.TLS], ids=str)
async def test_an_address_that_is_wrong_is_said_without_being_shown(line: FaultyProxy, fault: Fault) -> None:
    url = through(line, NOWHERE) if fault is Fault.DNS else through(line, more="&sslmode=verify-full")
    wrong = make_engine(url)
    try:
        async with NeonUnitOfWork(wrong) as uow:
            with pytest.raises(PortUnavailable, match="did not answer") as refused:
                await uow.collections.all()
    finally:
        await wrong.dispose()
    assert NOWHERE not in f"{refused.value!r}{refused.value.__cause__!r}"


# Raised by a trigger: on the wire they are what PostgreSQL says when it happens by itself.
STATES = {
    "40001": "serialization failure",
    "40P01": "deadlock",
    "53100": "disk full",
    "53300": "too many connections",
    "55P03": "lock timeout",
    "25006": "read-only after a failover",
    "57P01": "shut down by an administrator",
}


@asynccontextmanager
async def failing(engine: AsyncEngine, state: str, when: str) -> AsyncIterator[None]:
    """While it lasts, ``when`` (INSERT or UPDATE) on turns ends with this SQLSTATE."""
    async with engine.begin() as connection:
        raised = f"RAISE EXCEPTION 'secret words of a row' USING ERRCODE = '{state}'"
        await connection.execute(
            text(f"CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN {raised}; END$$")
        )
        await connection.execute(
            text(f"CREATE TRIGGER broken BEFORE {when} ON turns FOR EACH ROW EXECUTE FUNCTION broken()")
        )
    try:
        yield
    finally:
        async with engine.begin() as connection:
            await connection.execute(text("DROP TRIGGER broken ON turns"))
            await connection.execute(text("DROP FUNCTION broken"))


@pytest.mark.parametrize("state", STATES, ids=STATES.get)
async def test_a_turn_that_cannot_be_begun_is_refused_whole(
    line: FaultyProxy, engine: AsyncEngine, state: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with a_service_on(through(line)) as service:
        async with failing(engine, state, "INSERT"):
            answer = await ask(service)
            assert is_503(answer)
            assert await turns(engine) == 0
        assert (await ask(service)).status_code == 200
    assert "secret words" not in answer.text + caplog.text
    assert "port failed" in caplog.messages


async def test_a_turn_whose_end_cannot_be_stored_is_not_called_done(
    line: FaultyProxy, engine: AsyncEngine, caplog: pytest.LogCaptureFixture
) -> None:
    async with a_service_on(through(line)) as service:
        async with failing(engine, "53100", "UPDATE"):
            answer = await ask(service)
            assert is_503(answer)
            assert "turn_id" in answer.json()
            assert "the end of a turn could not be stored" in caplog.messages
            assert await turns(engine, "answered") == 0
        assert (await ask(service)).status_code == 200


async def test_connections_that_the_server_ended_are_made_anew(line: FaultyProxy, engine: AsyncEngine) -> None:
    ours = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ours'"
    async with a_service_on(through(line, more="&application_name=ours")) as service:
        await asyncio.gather(*(ask(service) for _ in range(5)))
        async with engine.connect() as connection:
            await connection.execute(text(ours))
        await asyncio.sleep(0.05)  # the news of it crosses the proxy
        assert (await ask(service)).status_code == 200


@pytest.mark.long
async def test_a_server_that_restarts_loses_nothing_and_is_used_again(open_folder: Path) -> None:
    """In the middle of a transaction, in the middle of a question, and between two."""
    server = EmbeddedPostgres(open_folder / "restarting")
    url = server.start()
    try:
        await migrate(url)
        gate = asyncio.Event()
        writer = ScriptedWriter("Pin a dependency with an exact version in the requirements file [1].", gate=gate)
        async with a_service_on(url, writer=writer) as service:
            looking = make_engine(url, pool_size=1)
            async with NeonUnitOfWork(looking) as uow:
                await uow.conversations.add(a_conversation())
                asked = asyncio.create_task(ask(service))
                while await turns(looking_again := make_engine(url, pool_size=1), "running") != 1:
                    await looking_again.dispose()
                await looking_again.dispose()
                await asyncio.to_thread(server.stop)
                with pytest.raises(PortUnavailable):
                    await uow.commit()
            assert is_503(await ask(service))
            assert await asyncio.to_thread(server.start) == url
            gate.set()
            answer = await asked
            # On a new connection, or told that its end could not be stored.
            assert answer.status_code == 200 or (is_503(answer) and "turn_id" in answer.json()), answer.text
            async with asyncio.timeout(10):
                while (await ask(service)).status_code != 200:  # noqa: ASYNC110  nobody tells when it is back
                    await asyncio.sleep(0.1)
            assert await turns(looking, "answered") == 1 + (answer.status_code == 200)
            async with looking.connect() as connection:
                lost = text("SELECT count(*) FROM conversations WHERE title = 'How do doors work?'")
                assert (await connection.execute(lost)).scalar_one() == 0
            await looking.dispose()
    finally:
        server.stop()


async def test_a_connection_that_ends_in_the_middle_of_a_transaction_leaves_nothing(
    line: FaultyProxy, engine: AsyncEngine
) -> None:
    own = make_engine(through(line))
    try:
        async with NeonUnitOfWork(own) as uow:
            await uow.conversations.add(a_conversation())
            await line.play(Fault.REFUSED)
            with pytest.raises(PortUnavailable):
                await uow.commit()
        await line.play(None)
        async with engine.connect() as connection:
            assert (await connection.execute(text("SELECT count(*) FROM conversations"))).scalar_one() == 0
    finally:
        await own.dispose()


async def test_a_server_that_takes_no_more_connections_is_waited_for_and_then_used(
    line: FaultyProxy, engine: AsyncEngine
) -> None:
    """A role with one connection, which somebody else has: a real 53300, while connecting."""
    async with AsyncExitStack() as stack:
        async with engine.begin() as connection:
            await connection.execute(text("CREATE ROLE crowded LOGIN SUPERUSER CONNECTION LIMIT 1"))
            # The limit does not bind superusers; what the tests need of them they are granted instead.
            await connection.execute(text("ALTER ROLE crowded NOSUPERUSER"))
            await connection.execute(text("GRANT ALL ON ALL TABLES IN SCHEMA public TO crowded"))
        stack.push_async_callback(_drop_role, engine)
        url = through(line).replace("postgres@", "crowded@")
        async with a_service_on(url, pool_size=1, story=False) as service:
            taken = make_engine(url, pool_size=1)
            stack.push_async_callback(taken.dispose)
            # The service's own connection goes, and another takes its place before it comes back.
            held = await _connected_instead(taken, line)
            assert is_503(await ask(service))
            await held.close()
            await taken.dispose()
            answer = await ask(service)
            assert answer.status_code == 200, answer.text


async def _connected_instead(engine: AsyncEngine, line: FaultyProxy) -> AsyncConnection:
    """The role's one connection; what the service does beside, at its start, may be quicker the first times."""
    async with asyncio.timeout(10):
        while True:
            await line.play(Fault.REFUSED)
            await line.idle()
            await line.play(None)
            try:
                return await engine.connect()
            except DBAPIError:
                await asyncio.sleep(0.1)


async def _drop_role(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.execute(text("DROP OWNED BY crowded"))
        await connection.execute(text("DROP ROLE crowded"))


async def test_a_hundred_at_once_on_five_connections_end_and_none_hangs(line: FaultyProxy) -> None:
    async with a_service_on(through(line)) as service, asyncio.timeout(20):
        answers = await asyncio.gather(*(ask(service) for _ in range(100)))
    assert {answer.status_code for answer in answers} <= {200, 503}
    assert all(is_503(answer) for answer in answers if answer.status_code == 503)
    assert sum(answer.status_code == 200 for answer in answers) >= 5


async def test_who_finds_no_free_connection_is_told_so_after_two_seconds(
    line: FaultyProxy, engine: AsyncEngine
) -> None:
    async with a_service_on(through(line), pool_size=1) as service:
        async with engine.begin() as connection:
            # Every statement on turns now waits; the first request holds the one connection meanwhile.
            await connection.execute(text("LOCK TABLE turns IN ACCESS EXCLUSIVE MODE"))
            loop = asyncio.get_running_loop()
            began = loop.time()
            answers = await asyncio.gather(*(ask(service) for _ in range(8)))
            assert loop.time() - began < 6
        assert all(is_503(answer) for answer in answers)
        assert (await ask(service)).status_code == 200


async def test_a_slow_database_is_waited_for(line: FaultyProxy) -> None:
    async with a_service_on(through(line)) as service:
        line._seconds = 0.02
        await line.play(Fault.LATENCY)
        assert (await ask(service)).status_code == 200
