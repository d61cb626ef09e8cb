"""The size of the database, by its own word."""

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.neon.transaction import Transaction
from domain.access.ports import Footprint
from domain.access.quotas import StorageLeft

_SIZE = select(func.pg_database_size(func.current_database()))


class DatabaseFootprint(Footprint):
    def __init__(self, engine: AsyncEngine, limit: int | None) -> None:
        self._engine = engine
        self._limit = limit

    async def storage(self) -> StorageLeft:
        statement = Transaction(self._engine)
        try:
            return StorageLeft("neon", (await statement.run(_SIZE)).scalar_one(), self._limit)
        finally:
            await statement.close()
