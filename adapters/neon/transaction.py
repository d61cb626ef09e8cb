"""One lazily opened transaction, shared by the stores of a unit of work."""

import asyncio
from collections.abc import Mapping
from typing import Any, TypeAlias

from sqlalchemy import CursorResult, Executable, Row
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from adapters.neon.errors import translated

AnyRow: TypeAlias = Row[*tuple[Any, ...]]
Rows: TypeAlias = CursorResult[*tuple[Any, ...]]


class Transaction:
    """Begins with its first statement: one that runs none takes no connection and sends nothing."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._connection: AsyncConnection | None = None
        self._turn = asyncio.Lock()  # a connection runs one statement at a time

    async def run(self, statement: Executable, parameters: Mapping[str, Any] | None = None) -> Rows:
        """Raises PortUnavailable or PortRefused."""
        async with self._turn:
            with translated():
                if self._connection is None:
                    self._connection = await self._connect()
                return await self._connection.execute(statement, parameters)

    async def _connect(self) -> AsyncConnection:
        try:
            return await self._engine.connect()
        except (OSError, DBAPIError) as error:
            if isinstance(error, DBAPIError) and not _starting(error):
                raise
            # A compute that was asleep may refuse the connection that wakes it, or be starting still.
            return await self._engine.connect()

    async def commit(self) -> None:
        if self._connection is not None:
            with translated():
                await self._connection.commit()

    async def close(self) -> None:
        """Roll back what was not committed and give the connection back, also while being cancelled."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with translated():
                await asyncio.shield(asyncio.ensure_future(connection.close()))


def _starting(error: DBAPIError) -> bool:
    """57P03: cannot connect now. 08*: the connection broke while it was being made."""
    return (getattr(error.orig, "sqlstate", None) or "").startswith(("57P03", "08"))
