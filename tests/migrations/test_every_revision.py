"""Each revision by itself: up, down and up again with rows in every table, and the older code still served by it."""

import uuid
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Final

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.neon.engine import make_engine
from adapters.neon.migrate import REVISIONS, SchemaState, migrate, schema_state
from adapters.neon.tables import QUEUE_TABLES
from adapters.neon.unit_of_work import NeonUnitOfWork
from alembic import command
from tests.builders import ACME, a_conversation
from tests.migrations.databases import a_database, alembic_config

Rows = dict[str, list[dict[str, Any]]]

VALUES: Final[Mapping[str, Any]] = {
    "UUID": uuid.UUID(int=7), "TEXT": "x", "VARCHAR": "x", "BOOLEAN": True, "SMALLINT": 3, "INTEGER": 3, "BIGINT": 3,
    "REAL": 0.5, "BYTEA": b"x", "JSON": {}, "TIMESTAMP": datetime(2026, 11, 1, tzinfo=UTC), "ARRAY": ["x"],
}  # fmt: skip
"""One value for each type: with one row a table, every reference then finds what it refers to."""


@pytest.fixture
async def engine(postgres_url: str) -> AsyncIterator[AsyncEngine]:
    async with a_database(postgres_url) as url:
        engine = make_engine(url)
        yield engine
        await engine.dispose()


async def to(engine: AsyncEngine, revision: str, *, down: bool = False) -> None:
    def go(connection: Connection) -> None:
        (command.downgrade if down else command.upgrade)(alembic_config(connection), revision)

    async with engine.begin() as connection:
        await connection.run_sync(go)
    await engine.dispose()  # statements are prepared for tables that are others now


def columns_of(connection: Connection) -> dict[str, dict[str, Any]]:
    seen = inspect(connection)
    return {
        table: {column["name"]: column for column in seen.get_columns(table)}
        for table in seen.get_table_names()
        if table != "alembic_version" and ours(table, None)
    }


def ours(table: str, _: object) -> bool:
    """The queue's tables are its library's: they come and go whole, by its own statements."""
    return table not in QUEUE_TABLES


def fill(connection: Connection) -> None:
    """A row in every table that has none, in an order that satisfies every reference."""
    tables = sa.MetaData()
    tables.reflect(connection, only=ours)
    for table in tables.sorted_tables:
        if table.name == "alembic_version" or connection.execute(sa.select(table)).first() is not None:
            continue
        row = {column.name: VALUES[type(column.type).__name__.upper()] for column in table.columns}
        connection.execute(table.insert(), row)


def rows_of(connection: Connection) -> Rows:
    return {
        table: [dict(row) for row in connection.execute(text(f"SELECT * FROM {table}")).mappings()]  # noqa: S608
        for table in inspect(connection).get_table_names()
        if table != "alembic_version" and ours(table, None)
    }


async def on(engine: AsyncEngine, what: Any) -> Any:
    async with engine.begin() as connection:
        return await connection.run_sync(what)


def kept(before: Rows, after: Rows) -> bool:
    """Every row of before is in after, in the columns that both have."""
    return all(
        [{name: row[name] for name in old} for old, row in zip(rows, after[table], strict=True)] == rows
        for table, rows in before.items()
    )


async def test_every_revision_goes_up_down_and_up_again_without_loss(engine: AsyncEngine) -> None:
    await to(engine, REVISIONS[0])
    for revision, following in pairwise(REVISIONS):
        await on(engine, fill)
        before = await on(engine, rows_of)
        assert all(before.values()), "a row in every table"
        await to(engine, following)
        assert kept(before, await on(engine, rows_of)), following
        await to(engine, revision, down=True)
        assert await on(engine, rows_of) == before, following
        await to(engine, following)
        assert kept(before, await on(engine, rows_of)), following
    await on(engine, fill)
    assert all((await on(engine, rows_of)).values())
    await to(engine, "base", down=True)
    assert await on(engine, columns_of) == {}


async def test_every_revision_leaves_the_code_before_it_working(engine: AsyncEngine) -> None:
    """It takes nothing away and asks for nothing new: columns stay as they are, and new ones fill themselves."""
    await to(engine, REVISIONS[0])
    for following in REVISIONS[1:]:
        before = await on(engine, columns_of)
        await to(engine, following)
        after = await on(engine, columns_of)
        for table, columns in before.items():
            for name, column in columns.items():
                assert name in after[table], f"{following} takes {table}.{name} away"
                same = (str(column["type"]), column["nullable"]) == (
                    str(after[table][name]["type"]),
                    after[table][name]["nullable"],
                )
                assert same, f"{following} changes {table}.{name}"
            for name in set(after[table]) - set(columns):
                new = after[table][name]
                fills = new["nullable"] or new["default"] is not None or "identity" in new
                assert fills, f"{following} wants {table}.{name} of code that does not know it"


async def test_code_runs_on_the_schema_of_the_release_after_it(engine: AsyncEngine) -> None:
    """What ``migrate`` leaves behind, played forward: the next release's schema, and this release's code on it."""
    address = engine.url.render_as_string(hide_password=False)
    await migrate(address)
    told = f"COMMENT ON TABLE alembic_version IS 'code of revision {REVISIONS[-1]}'"
    async with engine.begin() as connection:
        await connection.execute(text("ALTER TABLE conversations ADD COLUMN colour text DEFAULT 'red'"))
        await connection.execute(text("UPDATE alembic_version SET version_num = 'of the next release'"))
        await connection.execute(text(told))
    assert await schema_state(engine) is SchemaState.AHEAD
    await migrate(address)  # leaves it alone
    conversation = a_conversation()
    async with NeonUnitOfWork(engine) as uow:
        await uow.conversations.add(conversation)
        await uow.commit()
    async with NeonUnitOfWork(engine) as uow:
        assert await uow.conversations.get(conversation.id, ACME) == conversation


async def test_the_release_after_the_next_is_refused(engine: AsyncEngine) -> None:
    await migrate(engine.url.render_as_string(hide_password=False))
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = 'of the release after the next'"))
        await connection.execute(text("COMMENT ON TABLE alembic_version IS 'code of revision of the next release'"))
    assert await schema_state(engine) is SchemaState.UNKNOWN


async def test_a_migrated_database_says_whose_code_it_serves(engine: AsyncEngine) -> None:
    await migrate(engine.url.render_as_string(hide_password=False))
    async with engine.connect() as connection:
        told = await connection.scalar(text("SELECT obj_description('alembic_version'::regclass, 'pg_class')"))
    assert told == f"code of revision {REVISIONS[-2]}"
