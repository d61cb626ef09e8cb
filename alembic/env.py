"""Runs migrations on the connection that `migrate` hands over, or, by hand, on one of its own."""

import asyncio
import os

from sqlalchemy import Connection

from adapters.neon.engine import make_engine
from adapters.neon.tables import metadata
from alembic import context


def run_on(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=metadata, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()


async def run_by_hand() -> None:
    url = os.environ.get("DATABASE_URL_UNPOOLED") or os.environ.get("DATABASE_URL")
    if not url:
        raise SystemExit("set DATABASE_URL_UNPOOLED or DATABASE_URL to the database to migrate")
    engine = make_engine(url)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(run_on)
    finally:
        await engine.dispose()


handed_over = context.config.attributes.get("connection")
if handed_over is None:
    asyncio.run(run_by_hand())
else:
    run_on(handed_over)
