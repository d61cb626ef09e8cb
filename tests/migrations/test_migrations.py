import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.schema import CreateTable

from adapters.neon.engine import make_engine
from adapters.neon.migrate import REVISIONS, SchemaState, migrate, schema_state, scripts
from adapters.neon.tables import QUEUE_TABLES, metadata
from adapters.neon.unit_of_work import NeonUnitOfWork
from alembic import command
from tests.builders import ACME, a_conversation
from tests.migrations.databases import a_database, alembic_config

ROOT = Path(__file__).parents[2]


@pytest.fixture
async def empty_url(postgres_url: str) -> AsyncIterator[str]:
    async with a_database(postgres_url) as url:
        yield url


@pytest.fixture
async def empty_engine(empty_url: str) -> AsyncIterator[AsyncEngine]:
    engine = make_engine(empty_url)
    yield engine
    await engine.dispose()


async def downgrade(engine: AsyncEngine, revision: str) -> None:
    async with engine.begin() as connection:
        await connection.run_sync(lambda sync: command.downgrade(alembic_config(sync), revision))


async def tables(engine: AsyncEngine) -> set[str]:
    async with engine.connect() as connection:
        return set(await connection.run_sync(lambda sync: inspect(sync).get_table_names()))


def ours(name: str | None, kind: str, _: object) -> bool:
    """Whether something is ours to describe; the queue's tables are its library's."""
    return kind != "table" or name not in QUEUE_TABLES


async def test_the_tables_are_what_the_stores_take_them_for(empty_url: str, empty_engine: AsyncEngine) -> None:
    await migrate(empty_url)
    async with empty_engine.connect() as connection:
        options: dict[str, Any] = {"compare_type": True, "include_name": ours}
        differences = await connection.run_sync(
            lambda sync: compare_metadata(MigrationContext.configure(sync, opts=options), metadata)
        )
    assert differences == []


async def test_what_a_crash_may_empty_is_what_the_tables_say(empty_url: str, empty_engine: AsyncEngine) -> None:
    await migrate(empty_url)
    async with empty_engine.connect() as connection:
        unlogged = await connection.execute(
            text("SELECT relname FROM pg_class WHERE relkind = 'r' AND relpersistence = 'u'")
        )
        found = set(unlogged.scalars())
    assert found == {table.name for table in metadata.sorted_tables if "UNLOGGED" in str(CreateTable(table))}
    assert found == {"rate_windows", "turn_events"}


async def test_up_down_and_up_again_with_rows_in_the_tables(empty_url: str, empty_engine: AsyncEngine) -> None:
    conversation = a_conversation()
    for _ in range(2):
        await migrate(empty_url)
        async with NeonUnitOfWork(empty_engine) as uow:
            await uow.conversations.add(conversation)
            await uow.commit()
        await downgrade(empty_engine, "base")
        assert await tables(empty_engine) == {"alembic_version"}
        await empty_engine.dispose()
    await migrate(empty_url)
    assert await tables(empty_engine) == {"alembic_version", *metadata.tables, *QUEUE_TABLES}


async def test_migrating_a_current_database_keeps_its_rows(empty_url: str, empty_engine: AsyncEngine) -> None:
    conversation = a_conversation()
    await migrate(empty_url)
    async with NeonUnitOfWork(empty_engine) as uow:
        await uow.conversations.add(conversation)
        await uow.commit()
    await migrate(empty_url)
    async with NeonUnitOfWork(empty_engine) as uow:
        assert await uow.conversations.get(conversation.id, ACME) == conversation


async def test_of_several_that_migrate_at_once_all_succeed(empty_url: str, empty_engine: AsyncEngine) -> None:
    await asyncio.gather(*(migrate(empty_url) for _ in range(4)))
    assert await schema_state(empty_engine) is SchemaState.CURRENT


async def test_a_start_can_tell_in_what_state_the_schema_is(empty_url: str, empty_engine: AsyncEngine) -> None:
    assert await schema_state(empty_engine) is SchemaState.EMPTY
    await migrate(empty_url)
    assert await schema_state(empty_engine) is SchemaState.CURRENT
    async with empty_engine.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = 'from tomorrow'"))
    assert await schema_state(empty_engine) is SchemaState.UNKNOWN
    await migrate(empty_url)
    assert await schema_state(empty_engine) is SchemaState.UNKNOWN, "left as it is"
    await empty_engine.dispose()
    async with empty_engine.begin() as connection:
        await connection.execute(text("DELETE FROM alembic_version"))
    assert await schema_state(empty_engine) is SchemaState.EMPTY


async def test_a_migration_that_fails_changes_nothing(empty_url: str, empty_engine: AsyncEngine) -> None:
    async with empty_engine.begin() as connection:
        await connection.execute(text("CREATE TABLE turns (in_the_way integer)"))
    with pytest.raises(Exception, match="database"):
        await migrate(empty_url)
    assert await tables(empty_engine) == {"turns"}


def test_the_known_revisions_are_those_of_the_scripts() -> None:
    config = Config()
    config.set_main_option("script_location", str(scripts()))
    found = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    assert tuple(reversed(found)) == REVISIONS


def test_the_library_alembic_is_not_hidden_by_the_folder_of_that_name() -> None:
    shown = subprocess.run(
        [sys.executable, "-c", "import alembic; print(alembic.__file__)"],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(shown.stdout.strip()).parent != ROOT / "alembic"
    assert shown.stdout.strip().endswith("__init__.py")


async def test_alembic_by_hand_uses_the_same_scripts(empty_url: str, empty_engine: AsyncEngine) -> None:
    def upgrade() -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [sys.executable, "-m", "alembic", "upgrade", "head"],
            cwd=ROOT,
            env={"DATABASE_URL": empty_url, "PATH": "/usr/bin:/bin"},
            capture_output=True,
            check=False,
        )

    done = await asyncio.to_thread(upgrade)
    assert done.returncode == 0, done.stderr
    assert await schema_state(empty_engine) is SchemaState.CURRENT


def test_a_start_on_a_current_database_does_not_load_alembic() -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", "import sys, adapters.neon.migrate; print('alembic' in sys.modules)"],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert loaded.stdout.strip() == "False"
