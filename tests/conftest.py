"""One PostgreSQL for the whole run, started when the first test asks for it."""

import asyncio
import gc
import logging
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.embedded_postgres.server import EmbeddedPostgres
from adapters.neon.engine import make_engine
from adapters.neon.migrate import migrate
from adapters.neon.tables import QUEUE_TABLES, metadata
from tests.pgbouncer import PROGRAM, pgbouncer


def pytest_collection_finish() -> None:
    """What collecting made stays until the end: nothing is found by walking it at every full collection of garbage."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def logs_put_back() -> Iterator[None]:
    """For who sets up the service's logs here: their handler would write to this test's stream after its end."""
    loggers = [logging.getLogger(), logging.getLogger("ibid")]
    levels = [logger.level for logger in loggers]
    handlers = loggers[0].handlers[:]
    names = ("_srcfile", "logThreads", "logProcesses", "logMultiprocessing")
    looked_for = {name: getattr(logging, name) for name in names}
    yield
    loggers[0].handlers[:] = handlers
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
    for name, value in looked_for.items():
        setattr(logging, name, value)


@pytest.fixture(scope="session")
def open_folder() -> Iterator[Path]:
    """A folder that other accounts may pass through: pytest's own are closed, and root's PostgreSQL is another."""
    folder = Path(tempfile.mkdtemp(prefix="ibid-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_url(open_folder: Path) -> Iterator[str]:
    # Without fsync: no test of a shared server asks what survives a power cut.
    server = EmbeddedPostgres(open_folder / "postgres", settings={"fsync": "off"})
    yield server.start()
    server.stop()


@pytest.fixture(scope="session")
def migrated_url(postgres_url: str) -> str:
    asyncio.run(migrate(postgres_url))
    return postgres_url


@pytest.fixture(scope="session")
async def shared_engine(migrated_url: str) -> AsyncIterator[AsyncEngine]:
    engine = make_engine(migrated_url)
    yield engine
    await engine.dispose()


@pytest.fixture(scope="session")
def pooled_url(migrated_url: str) -> Iterator[str]:
    """The same database through a real PgBouncer in transaction mode."""
    if PROGRAM is None:
        pytest.skip("pgbouncer is not installed: the stores go untried behind a pooler (apt-get install pgbouncer)")
    with pgbouncer(migrated_url) as url:
        yield url


@pytest.fixture(scope="session")
async def shared_pooled_engine(pooled_url: str) -> AsyncIterator[AsyncEngine]:
    engine = make_engine(pooled_url)
    yield engine
    await engine.dispose()


TABLES: Final = [*(table.name for table in metadata.sorted_tables), *QUEUE_TABLES]
# TRUNCATE makes every table's and index's file anew, which takes twenty times as long. Locked as it locks them, so that
# what a test left under way has ended; as a replica, so that neither a reference nor a trigger is looked at.
DELETES: Final = " ".join(f"DELETE FROM {name};" for name in TABLES)  # noqa: S608  names of our own
EMPTIED: Final = (
    f"DO $$ BEGIN LOCK TABLE {', '.join(TABLES)} IN ACCESS EXCLUSIVE MODE;"
    f" SET LOCAL session_replication_role = replica; {DELETES} END $$"
)


@pytest.fixture
async def engine(shared_engine: AsyncEngine) -> AsyncEngine:
    """An engine on a migrated database whose tables are empty."""
    async with shared_engine.begin() as connection:
        await connection.execute(text(EMPTIED))
    return shared_engine


@pytest.fixture
def pooled_engine(engine: AsyncEngine, shared_pooled_engine: AsyncEngine) -> AsyncEngine:
    """The same empty tables through PgBouncer. ``engine`` empties them."""
    return shared_pooled_engine
