import asyncio
import ssl
import time
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import bindparam, event, func, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.neon.engine import (
    CONNECTIONS_SHARE,
    Pools,
    make_engine,
    pools_within,
    read_url,
    statement_by_statement,
)
from adapters.neon.errors import translated
from adapters.neon.frequent import Found, Frequent
from adapters.neon.transaction import Transaction
from adapters.neon.unit_of_work import NeonUnitOfWork
from domain.access.readable import readable_collections
from domain.errors import PortRefused, PortUnavailable
from tests.builders import (
    NOON,
    a_collection,
    a_conversation,
    a_document,
    a_principal,
    a_turn,
    after,
    an_activation,
    answered,
)

SECRET = "hunter2-in-the-url"


async def connections(engine: AsyncEngine) -> int:
    async with engine.connect() as connection:
        count = await connection.execute(
            text("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'counted' AND pid <> pg_backend_pid()")
        )
        return int(count.scalar_one())


async def drop_all(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        await connection.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'counted'")
        )


@pytest.mark.parametrize(
    ("url", "host", "database"),
    [
        ("postgres://ann:pw@db.example.com/ibid", "db.example.com", "ibid"),
        ("postgresql://ann:pw@db.example.com:5433/ibid", "db.example.com", "ibid"),
        ("postgresql+asyncpg://ann:p%40w@db.example.com/ibid", "db.example.com", "ibid"),
    ],
)
def test_urls_are_read_as_libpq_writes_them(url: str, host: str, database: str) -> None:
    parsed, _ = read_url(url)
    assert (parsed.drivername, parsed.host, parsed.database) == ("postgresql+asyncpg", host, database)


def test_what_neon_hands_out_is_verified_and_pooled() -> None:
    url = "postgresql://ann:pw@ep-x-1-pooler.eu.aws.neon.tech/ibid?sslmode=require&channel_binding=require"
    parsed, arguments = read_url(url)
    assert dict(parsed.query) == {}
    assert isinstance(arguments["ssl"], ssl.SSLContext)
    assert arguments["ssl"].verify_mode is ssl.CERT_REQUIRED
    assert arguments["ssl"].check_hostname
    assert arguments["statement_cache_size"] == 0
    assert arguments["prepared_statement_name_func"]() == ""


def test_a_direct_connection_keeps_its_prepared_statements() -> None:
    _, arguments = read_url("postgresql://ann:pw@ep-x-1.eu.aws.neon.tech/ibid?sslmode=require")
    assert "statement_cache_size" not in arguments


@pytest.mark.parametrize(
    "url",
    [
        f"mysql://ann:{SECRET}@db.example.com/ibid",
        f"//ann:{SECRET}@db",
        f"postgresql://ann:{SECRET}@db.example.com:port/ibid",
        f"postgresql://ann:{SECRET}@db.example.com/ibid?sslcert=x",
        "",
    ],
)
def test_a_url_that_cannot_be_read_is_refused_without_quoting_it(url: str) -> None:
    with pytest.raises(PortRefused) as refused:
        read_url(url)
    assert SECRET not in str(refused.value)
    assert refused.value.__context__ is None or refused.value.__suppress_context__


@pytest.mark.parametrize(
    ("limit", "processes", "pools"),
    [
        (97, 2, Pools(16, 5)),
        (97, 4, Pools(13, 5)),
        (97, 8, Pools(6, 2)),
        (27, 2, Pools(6, 3)),
        (27, 4, Pools(2, 2)),
        (27, 5, None),
    ],
)
def test_processes_share_the_connections_that_the_database_gives(
    limit: int, processes: int, pools: Pools | None
) -> None:
    assert pools_within(limit, processes) == pools
    if pools is not None:
        assert processes * (pools.requests + pools.background + 1) <= limit * CONNECTIONS_SHARE


async def test_a_database_that_is_not_there_is_unavailable_and_its_address_is_not_told() -> None:
    engine = make_engine(f"postgresql://ann:{SECRET}@127.0.0.1:1/ibid")
    async with NeonUnitOfWork(engine) as uow:
        with pytest.raises(PortUnavailable) as unavailable:
            await uow.collections.all()
    assert SECRET not in repr(unavailable.value)
    assert "127.0.0.1" not in str(unavailable.value)
    assert unavailable.value.port == "database"
    await engine.dispose()


async def test_a_unit_that_is_not_used_connects_nowhere() -> None:
    engine = make_engine("postgresql://ann@127.0.0.1:1/ibid")
    async with NeonUnitOfWork(engine) as uow:
        await uow.commit()
    async with NeonUnitOfWork(engine):
        pass
    await engine.dispose()


async def test_refused_statements_name_the_state_and_nothing_else(engine: AsyncEngine) -> None:
    conversation = a_conversation(title="a private title")
    async with NeonUnitOfWork(engine) as uow:
        await uow.conversations.add(conversation)
        with pytest.raises(PortRefused) as refused:
            await uow.conversations.add(conversation)
        assert "23505" in str(refused.value)
        assert "private" not in repr(refused.value)
        assert "INSERT" not in str(refused.value)
        assert refused.value.__suppress_context__


async def test_connections_that_the_server_dropped_are_not_met(engine: AsyncEngine, migrated_url: str) -> None:
    dropped = make_engine(f"{migrated_url}&application_name=counted")

    async def use() -> None:
        async with NeonUnitOfWork(dropped) as uow:
            await uow.collections.all()
            await asyncio.sleep(0.05)

    await asyncio.gather(*(use() for _ in range(4)))
    assert await connections(engine) == 4
    await drop_all(engine)
    await asyncio.sleep(0.2)
    await asyncio.gather(*(use() for _ in range(4)))
    await dropped.dispose()


async def test_a_connection_lost_in_a_transaction_is_unavailable_and_the_next_unit_works(
    engine: AsyncEngine, migrated_url: str
) -> None:
    dropped = make_engine(f"{migrated_url}&application_name=counted", pool_size=1)
    conversation = a_conversation()
    async with NeonUnitOfWork(dropped) as uow:
        await uow.conversations.add(conversation)
        await drop_all(engine)
        with pytest.raises(PortUnavailable):
            await uow.conversations.get(conversation.id, conversation.owner)
    async with NeonUnitOfWork(dropped) as uow:
        assert list(await uow.collections.all()) == []
    await dropped.dispose()


async def test_a_full_pool_is_unavailable_after_a_short_wait(migrated_url: str) -> None:
    small = make_engine(migrated_url, pool_size=1)
    async with NeonUnitOfWork(small) as holder:
        await holder.collections.all()
        began = time.monotonic()
        async with NeonUnitOfWork(small) as waiting:
            with pytest.raises(PortUnavailable):
                await waiting.collections.all()
        assert 1.5 < time.monotonic() - began < 6
    async with NeonUnitOfWork(small) as uow:
        await uow.collections.all()
    await small.dispose()


async def test_a_cancelled_unit_gives_its_connection_back(migrated_url: str) -> None:
    small = make_engine(migrated_url, pool_size=1)

    async def hang() -> None:
        async with NeonUnitOfWork(small) as uow:
            await uow.conversations.add(a_conversation())
            await asyncio.sleep(60)

    task = asyncio.create_task(hang())
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with NeonUnitOfWork(small) as uow:
        await uow.collections.all()
    await small.dispose()


async def test_the_stores_work_without_named_statements(engine: AsyncEngine, migrated_url: str) -> None:
    # As behind a transaction pooler; application_name is the only setting that such a pooler passes on.
    target, arguments = read_url("postgresql://postgres@db-pooler.example/postgres")
    assert target.host == "db-pooler.example"
    pooled = make_engine(migrated_url)

    @event.listens_for(pooled.sync_engine, "do_connect")
    def unnamed(_dialect: object, _record: object, _args: object, connect: dict[str, object]) -> None:
        connect |= {key: value for key, value in arguments.items() if "statement" in key}

    turn = a_turn(UUID(int=7))
    async with NeonUnitOfWork(pooled) as uow:
        await uow.conversations.add(a_conversation(UUID(int=7)))
        await uow.turns.begin(turn, holder="one", lease_until=after(60))
        await uow.turns.finish(answered(turn))
        await uow.commit()
    async with pooled.connect() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM pg_prepared_statements"))).scalar_one() == 0
    await pooled.dispose()


async def test_the_driver_finds_what_sqlalchemy_finds(engine: AsyncEngine) -> None:
    document = a_document()
    piece = an_activation(document, "Pin it.", "Or do not.")
    async with NeonUnitOfWork(engine) as uow:
        await uow.collections.add(a_collection())
        await uow.documents.register("docs", [document.uri], ids=[document.id], at=NOON)
        await uow.documents.activate([piece])
        await uow.commit()
    wanted, readable = [one.id for one in piece.version.passages], readable_collections(a_principal(), [a_collection()])
    async with NeonUnitOfWork(statement_by_statement(engine)) as alone, NeonUnitOfWork(engine) as together:
        assert await alone.collections.all() == await together.collections.all() != []
        found = await alone.documents.passages(wanted, readable)
        assert found == await together.documents.passages(wanted, readable)
        assert set(found) == set(wanted)


async def test_a_statement_that_was_cancelled_leaves_nothing_to_the_next(migrated_url: str) -> None:
    engine = make_engine(migrated_url, pool_size=1)
    transaction = Transaction(statement_by_statement(engine))
    slow = Frequent(select(func.pg_sleep(bindparam("seconds")).label("slept"), bindparam("said").label("said")))
    running = asyncio.create_task(transaction.fetch(slow, {"seconds": 30.0, "said": "late"}))
    await asyncio.sleep(0.2)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    async with asyncio.timeout(10):
        [row] = await transaction.fetch(slow, {"seconds": 0.0, "said": "in time"})
    assert isinstance(row, Found)
    assert row.said == row[1] == "in time"
    with pytest.raises(AttributeError):
        _ = row.unknown
    await engine.dispose()


async def test_through_a_pooler_nothing_is_left_to_the_drivers_prepared_statements(pooled_engine: AsyncEngine) -> None:
    transaction = Transaction(statement_by_statement(pooled_engine))
    [row] = await transaction.fetch(Frequent(select(bindparam("said").label("said"))), {"said": "by SQLAlchemy"})
    assert not isinstance(row, Found)
    await transaction.close()


async def test_a_finished_turn_names_the_versions_that_it_shows(engine: AsyncEngine) -> None:
    conversation = a_conversation()
    turn = a_turn(conversation.id)
    ended = answered(turn)
    async with NeonUnitOfWork(engine) as uow:
        await uow.conversations.add(conversation)
        await uow.turns.begin(turn, holder="one", lease_until=after(60))
        await uow.turns.finish(ended)
        await uow.turns.finish(ended)
        await uow.commit()
    transaction = Transaction(engine)
    rows = await transaction.run(
        text("SELECT document_id, version FROM turn_versions WHERE turn_id = :id"), {"id": turn.id}
    )
    shown = {(piece.document.id, piece.document.version) for piece in ended.evidence}
    assert {(row.document_id, row.version) for row in rows} == shown
    await transaction.close()


async def test_a_forgotten_document_leaves_no_text_behind(engine: AsyncEngine) -> None:
    document = a_document(
        title="telltale title", metadata={"author": "telltale author"}, url="https://telltale.example"
    )
    async with NeonUnitOfWork(engine) as uow:
        await uow.collections.add(a_collection())
        await uow.documents.register("docs", [document.uri], ids=[document.id], at=NOON)
        await uow.documents.activate([an_activation(document, "telltale text")])
        await uow.documents.forget(document.id, at=after(1))
        await uow.commit()
    transaction = Transaction(engine)
    for table in ("documents", "document_versions", "passages"):
        rows = await transaction.run(text(f"SELECT count(*) FROM {table} AS t WHERE t::text LIKE '%telltale%'"))  # noqa: S608
        assert rows.scalar_one() == 0
    await transaction.close()


async def test_while_a_collection_is_held_nobody_registers_a_document_in_it(engine: AsyncEngine) -> None:
    async with NeonUnitOfWork(engine) as uow:
        await uow.collections.add(a_collection("docs"))
        await uow.commit()

    async def register() -> None:
        async with NeonUnitOfWork(engine) as uow:
            await uow.documents.register("docs", ["a.md"], ids=[a_document().id], at=NOON)
            await uow.commit()

    async with NeonUnitOfWork(engine) as holder:
        await holder.collections.hold("docs")
        waiting = asyncio.create_task(register())
        await blocked(engine)
        assert not await holder.documents.any_in("docs")
        await holder.documents.remove_all("docs")
        await holder.collections.remove("docs")
        await holder.commit()
    # It came too late for the row that its document hangs on; the worker's next try finds no collection.
    with pytest.raises(PortRefused):
        await waiting
    await register()
    async with NeonUnitOfWork(engine) as uow:
        assert not await uow.documents.any_in("docs")


async def blocked(engine: AsyncEngine) -> None:
    """Return when some statement waits for a lock."""
    waiting = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    async with asyncio.timeout(10), engine.connect() as connection:
        while not (await connection.execute(waiting)).scalar_one():
            await connection.rollback()
            await asyncio.sleep(0.005)


@pytest.mark.parametrize(
    "error", [asyncpg.InterfaceError("closed"), asyncpg.InternalClientError("cannot switch to state 11"), OSError()]
)
def test_a_connection_that_is_no_use_any_more_is_a_database_that_is_away(error: Exception) -> None:
    with pytest.raises(PortUnavailable), translated():
        raise error
