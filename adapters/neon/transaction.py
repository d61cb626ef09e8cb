"""One lazily opened transaction, shared by the stores of a unit of work."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias, TypeVar

import asyncpg
from sqlalchemy import CursorResult, Executable, Row
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.pool import PoolProxiedConnection

from adapters.neon.errors import translated
from adapters.neon.frequent import Found, Frequent
from adapters.neon.known_collections import KnownCollections
from adapters.neon.known_passages import KnownPassages
from adapters.neon.lent_connections import LentConnections
from adapters.neon.presumed_collections import PresumedCollections

AnyRow: TypeAlias = Row[*tuple[Any, ...]]
Rows: TypeAlias = CursorResult[*tuple[Any, ...]]
T = TypeVar("T")

ALONE: Final = "ibid_alone"
"""An engine's option: each statement is a transaction of its own, and the driver may keep it prepared."""
LENT: Final = "ibid_lent"
"""An engine's option: what lends its pool's connections, or None where each must go back after a transaction."""


class Transaction:
    """Begins with its first statement: one that runs none takes no connection and sends nothing."""

    def __init__(
        self,
        engine: AsyncEngine,
        known: KnownCollections | None = None,
        presumed: PresumedCollections | None = None,
        known_passages: KnownPassages | None = None,
    ) -> None:
        """
        ``known``: what nobody else changes; None: others do, and ``presumed`` is how they were when last read.
        ``known_passages``: of a transaction that only reads, and so sees nothing that is never committed.
        """
        self.known = known
        self.presumed = presumed
        self.known_passages = known_passages
        self._changes_known = False
        self._engine = engine
        self._connection: AsyncConnection | None = None
        self._turn = asyncio.Lock()  # a connection runs one statement at a time
        options = engine.get_execution_options()
        self._alone: bool = options.get(ALONE, False)
        self._lent: LentConnections | None = options.get(LENT)

    async def run(self, statement: Executable, parameters: Mapping[str, Any] | None = None) -> Rows:
        """Raises PortUnavailable or PortRefused."""
        async with self._turn:
            with translated():
                if self._connection is None:
                    self._connection = await self._connect()
                return await self._connection.execute(statement, parameters)

    async def fetch(self, frequent: Frequent, parameters: Mapping[str, Any]) -> Sequence[Any]:
        """
        The rows of a statement that every question runs, their columns by place and by name.

        Where each statement stands alone, the driver runs it, on a connection that goes from one to the next. Raises
        PortUnavailable or PortRefused.
        """
        if not self._alone or self._lent is None:
            rows = await self.run(frequent.statement, parameters)
            return rows.all() if rows.returns_rows else ()
        sql, values = frequent.for_driver(parameters)
        with translated():
            lent = await self._lent.take(self._raw_connection)
            try:
                found: Sequence[Any] = await lent.driver.fetch(sql, *values, record_class=Found)
            except asyncpg.PostgresError:
                self._lent.keep(lent)
                raise
            except BaseException:
                # Late, cancelled or lost: what the server still does with it is nothing for the next one to meet.
                self._lent.lose(lent)
                raise
            self._lent.keep(lent)
            return found

    async def _connect(self) -> AsyncConnection:
        if self._lent is None:
            return await _connected(self._engine.connect)
        async with self._lent.waiting():
            return await _connected(self._engine.connect)

    async def _raw_connection(self) -> PoolProxiedConnection:
        return await _connected(self._engine.raw_connection)

    def changes_collections(self) -> None:
        """To be told before a statement that does, or may."""
        if self.known is not None and not self._changes_known:
            self._changes_known = True
            self.known.change()

    async def commit(self) -> None:
        if self._connection is not None:
            with translated():
                await self._connection.commit()

    async def close(self) -> None:
        """Roll back what was not committed and give the connection back, also while being cancelled."""
        connection, self._connection = self._connection, None
        try:
            if connection is not None:
                with translated():
                    await asyncio.shield(asyncio.ensure_future(connection.close()))
        finally:
            if self.known is not None and self._changes_known:
                self._changes_known = False
                self.known.changed()


async def _connected(connect: Callable[[], Awaitable[T]]) -> T:
    try:
        return await connect()
    except (OSError, DBAPIError, asyncpg.PostgresError) as error:
        if not isinstance(error, OSError) and not _starting(error):
            raise
        # A compute that was asleep may refuse the connection that wakes it, or be starting still.
        return await connect()


def _starting(error: DBAPIError | asyncpg.PostgresError) -> bool:
    """57P03: cannot connect now. 08*: the connection broke while it was being made."""
    state = getattr(error.orig if isinstance(error, DBAPIError) else error, "sqlstate", None)
    return (state or "").startswith(("57P03", "08"))
