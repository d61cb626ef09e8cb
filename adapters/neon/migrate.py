"""Bringing a database's schema to what this release needs."""

from enum import StrEnum
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.neon.engine import make_engine
from adapters.neon.errors import translated

REVISIONS: Final = (
    "0001",
    "0002",
    "0003",
    "0004",
    "0005",
    "0006",
    "0007",
    "0010",
    "0011",
    "0009",
    "0008",
    "0012",
    "0013",
    "0015",
    "0016",
    "0017",
)
"""
Every revision in alembic/versions, oldest first; a test compares. Known here, so that a start on a current database
costs one query and does not load Alembic (0.2 s).
"""

MIGRATION_TIMEOUT_S: Final = 1_800.0
"""For one statement: an index over a large table takes minutes."""

_LOCK: Final = text("SELECT pg_advisory_xact_lock(5281390417)")  # any number that nothing else in the database uses
_FIND_TABLE: Final = text("SELECT to_regclass('alembic_version') IS NOT NULL")
_REVISION: Final = text("SELECT version_num FROM alembic_version")


_SERVED_BY: Final = text("SELECT obj_description('alembic_version'::regclass, 'pg_class')")
_SAY_SERVED_BY: Final = "COMMENT ON TABLE alembic_version IS '{}'"
_SERVES: Final = "code of revision "
"""
What a migration leaves behind for code older than itself. Each revision only adds, so that the code of the one before
goes on while the new one is rolled out (a test holds it); what it makes needless is dropped by a later one.
"""


class SchemaState(StrEnum):
    EMPTY = "empty"
    BEHIND = "behind"
    CURRENT = "current"
    AHEAD = "ahead"
    """One revision newer than this release knows, which says that code of this one still runs on it."""
    UNKNOWN = "unknown"
    """A revision that this release does not know and that does not say so: a much newer release was here."""

    @property
    def served(self) -> bool:
        return self in (SchemaState.CURRENT, SchemaState.AHEAD)


async def schema_state(engine: AsyncEngine) -> SchemaState:
    """What the database holds, compared with what this release needs. Raises PortUnavailable or PortRefused."""
    with translated():
        async with engine.connect() as connection:
            return await connection.run_sync(_state)


async def migrate(url: str) -> None:
    """
    Upgrade to this release's schema, in one transaction.

    Any number of processes may call it at once: one migrates, the others wait and find it done. The lock is held by
    the transaction, so that it works through a transaction pooler too. A schema of a newer release is left alone.
    Raises PortUnavailable or PortRefused.
    """
    engine = make_engine(url, pool_size=1, command_timeout_s=MIGRATION_TIMEOUT_S)
    try:
        with translated():
            async with engine.connect() as connection:
                if not await connection.run_sync(_needs_upgrade):
                    return
            async with engine.begin() as connection:
                await connection.execute(_LOCK)
                if await connection.run_sync(_needs_upgrade):
                    await connection.run_sync(_upgrade)
    finally:
        await engine.dispose()


def _state(connection: Connection) -> SchemaState:
    if not connection.execute(_FIND_TABLE).scalar_one():
        return SchemaState.EMPTY
    revision = connection.execute(_REVISION).scalar_one_or_none()
    if revision is None:
        return SchemaState.EMPTY
    if revision == REVISIONS[-1]:
        return SchemaState.CURRENT
    if revision in REVISIONS:
        return SchemaState.BEHIND
    told = connection.execute(_SERVED_BY).scalar_one_or_none()
    return SchemaState.AHEAD if told == _SERVES + REVISIONS[-1] else SchemaState.UNKNOWN


def _needs_upgrade(connection: Connection) -> bool:
    return _state(connection) in (SchemaState.EMPTY, SchemaState.BEHIND)


def _upgrade(connection: Connection) -> None:
    from alembic.config import Config

    from alembic import command

    config = Config()
    config.set_main_option("script_location", str(scripts()).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    before = REVISIONS[-2] if len(REVISIONS) > 1 else REVISIONS[-1]
    connection.execute(text(_SAY_SERVED_BY.format(_SERVES + before)))


def scripts() -> Path:
    """The folder of the migrations: beside this module in a wheel, at the project's root in a checkout."""
    packaged = Path(__file__).parent / "migrations"
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "alembic"
