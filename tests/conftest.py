"""One PostgreSQL for the whole run, started when the first test asks for it."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.embedded_postgres.server import EmbeddedPostgres
from adapters.neon.engine import make_engine
from adapters.neon.migrate import migrate
from adapters.neon.tables import QUEUE_TABLES, metadata
from tests.pgbouncer import PROGRAM, pgbouncer


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


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


@pytest.fixture
async def engine(shared_engine: AsyncEngine) -> AsyncEngine:
    """An engine on a migrated database whose tables are empty."""
    names = ", ".join([*(table.name for table in metadata.sorted_tables), *QUEUE_TABLES])
    async with shared_engine.begin() as connection:
        await connection.execute(text(f"TRUNCATE {names}"))
    return shared_engine


@pytest.fixture
def pooled_engine(engine: AsyncEngine, shared_pooled_engine: AsyncEngine) -> AsyncEngine:
    """The same empty tables through PgBouncer. ``engine`` empties them."""
    return shared_pooled_engine
