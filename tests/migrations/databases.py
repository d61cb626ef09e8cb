"""Databases of their own, for tests that change the schema."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from alembic.config import Config
from sqlalchemy import Connection, make_url, text

from adapters.neon.engine import make_engine
from adapters.neon.migrate import scripts


@asynccontextmanager
async def a_database(postgres_url: str) -> AsyncIterator[str]:
    """The address of a database with nothing in it."""
    name = f"empty_{uuid.uuid4().hex}"
    engine = make_engine(postgres_url, pool_size=1).execution_options(isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.execute(text(f"CREATE DATABASE {name}"))
    yield make_url(postgres_url).set(database=name).render_as_string(hide_password=False)
    async with engine.connect() as connection:
        await connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    await engine.dispose()


def alembic_config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(scripts()))
    config.attributes["connection"] = connection
    return config
