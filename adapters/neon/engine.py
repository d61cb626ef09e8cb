"""Connections to PostgreSQL: how a URL is read, and how pooled connections are kept honest."""

import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import URL, event, make_url, text
from sqlalchemy.engine.interfaces import AdaptedConnection, DBAPIConnection
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from adapters.neon.errors import PORT
from adapters.neon.lent_connections import IDLE_SINCE, LentConnections
from adapters.neon.transaction import ALONE, LENT, Transaction
from domain.errors import PortRefused

POOL_SIZE: Final = 10
"""Two cores are busy with far fewer; Neon's smallest compute takes 97 connections in all (wire notes, read 2026-11)."""

MOST_POOL_SIZE: Final = 16
"""
Where the limit of the database is known. A statement keeps its connection until a busy loop looks at the answer: under
more users than two cores take, ten were too few, and some questions waited longer than POOL_WAIT_S. Two services of two
processes, the old one and the new one for a moment, still fit into Neon's smallest compute.
"""

POOL_WAIT_S: Final = 2.0
CONNECT_TIMEOUT_S: Final = 10.0
COMMAND_TIMEOUT_S: Final = 10.0
"""For a statement of a request; ingestion, which writes whole batches, is given a minute."""
BACKGROUND_TIMEOUT_S: Final = 60.0
BACKGROUND_POOL_SIZE: Final = 5
"""Three batches side by side, and what watches over them."""

CONNECTIONS_SHARE: Final = 0.8
"""Of the connections that the database gives, for the processes of one service: workers and people need some too."""

PING_AFTER_IDLE_S: Final = 20.0
RECYCLE_AFTER_S: Final = 240
"""Neon suspends an idle compute after 300 s and drops its connections without always saying so."""

_CONNECT_KEYS: Final = frozenset({"host", "port", "application_name", "connect_timeout", "pgbouncer"})
_TLS_KEYS: Final = frozenset({"sslmode", "sslrootcert", "ssl", "channel_binding"})


@dataclass(frozen=True, slots=True)
class Pools:
    """How many connections a process keeps at most; draining the queue takes one more while it lasts."""

    requests: int = POOL_SIZE
    background: int = BACKGROUND_POOL_SIZE


_LEAST: Final = Pools(2, 2)


def pools_within(limit: int, processes: int) -> Pools | None:
    """The pools of each of so many processes on a database that gives ``limit`` connections; None: too many."""
    each = int(limit * CONNECTIONS_SHARE) // processes - 1
    if each < _LEAST.requests + _LEAST.background:
        return None
    background = max(_LEAST.background, min(BACKGROUND_POOL_SIZE, each // 3))
    return Pools(min(MOST_POOL_SIZE, each - background), background)


async def connection_limit(engine: AsyncEngine) -> int:
    """How many connections the database gives to others than its administrators. Raises PortError."""
    transaction = Transaction(engine)
    try:
        return int((await transaction.run(_LIMIT)).scalar_one())
    finally:
        await transaction.close()


_LIMIT: Final = text(
    "SELECT sum(setting::int * CASE name WHEN 'max_connections' THEN 1 ELSE -1 END) FROM pg_settings "
    "WHERE name IN ('max_connections', 'superuser_reserved_connections', 'reserved_connections')"
)


def make_engine(url: str, *, pool_size: int = POOL_SIZE, command_timeout_s: float = COMMAND_TIMEOUT_S) -> AsyncEngine:
    """
    An engine for a PostgreSQL URL as libpq and Neon write it; nothing connects yet.

    Raises PortRefused for a URL that cannot be read; its message holds no part of the URL.
    """
    target, arguments = read_url(url)
    # A connection is always the same one of the server's, so that statements stay prepared on it.
    lent = None if "prepared_statement_name_func" in arguments else LentConnections()
    arguments["command_timeout"] = command_timeout_s
    engine = create_async_engine(
        target,
        connect_args=arguments,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=POOL_WAIT_S,
        pool_recycle=RECYCLE_AFTER_S,
        pool_use_lifo=True,
        hide_parameters=True,
        skip_autocommit_rollback=True,  # where each statement is its own transaction, there is nothing to roll back
        json_deserializer=str,  # msgspec knows the shapes
        execution_options={LENT: lent},
    )
    _keep_honest(engine)
    if lent is not None:
        _know_types(engine)
        event.listen(engine.sync_engine, "engine_disposed", lambda _: lent.close())
    return engine


def statement_by_statement(engine: AsyncEngine) -> AsyncEngine:
    """The same pool for units that only read: each statement is its own transaction, without BEGIN and ROLLBACK."""
    alone = {ALONE: engine.get_execution_options().get(LENT) is not None}
    return engine.execution_options(isolation_level="AUTOCOMMIT", **alone)


def read_url(url: str) -> tuple[URL, dict[str, Any]]:
    """The URL for SQLAlchemy's asyncpg dialect, and what asyncpg is told besides."""
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
    except Exception:  # noqa: BLE001, RUF100  any reader's error quotes the URL, and with it the password
        raise PortRefused(PORT, "the database URL cannot be read") from None
    if backend not in ("postgresql", "postgres"):
        raise PortRefused(PORT, "the database URL must begin with postgresql://")
    query = {key: value if isinstance(value, str) else value[0] for key, value in parsed.query.items()}
    unknown = sorted(set(query) - _CONNECT_KEYS - _TLS_KEYS)
    if unknown:
        raise PortRefused(PORT, f"the database URL has parameters that are not known: {', '.join(unknown)}")
    host = query.get("host") or parsed.host or "localhost"
    arguments: dict[str, Any] = {
        "timeout": float(query.get("connect_timeout", CONNECT_TIMEOUT_S)),
        "server_settings": {"application_name": query.get("application_name", "ibid")},
        **_tls(query, host),
        **_statements(query, host, parsed.port),
    }
    kept: dict[str, str | Sequence[str]] = {key: query[key] for key in ("host", "port") if key in query}
    return parsed.set(drivername="postgresql+asyncpg", query=kept), arguments


def _tls(query: dict[str, str], host: str) -> dict[str, Any]:
    """
    What asyncpg is told of TLS.

    libpq takes ``sslmode=require`` for "encrypted, by anybody". Neon writes that, and has certificates of a public
    authority, so there it means "verified". ``channel_binding`` is libpq's: asyncpg has no form of it.
    """
    mode = query.get("sslmode") or query.get("ssl")
    if mode is None:
        return {}
    if mode == "verify-full" or (mode in ("require", "verify-ca") and host.endswith(".neon.tech")):
        roots = query.get("sslrootcert", "system")
        return {"ssl": ssl.create_default_context(cafile=None if roots == "system" else roots)}
    return {"ssl": mode}


def _statements(query: dict[str, str], host: str, port: int | None) -> dict[str, Any]:
    """
    Prepared statements belong to a server connection, which a transaction pooler changes between transactions.

    Unnamed ones live inside one transaction, which every statement of ours runs in. PgBouncer's own port is 6432; a
    pooler elsewhere is told by ``pgbouncer=true``, as others write it too.
    """
    pooled = "-pooler." in host or port == 6432 or query.get("pgbouncer") == "true"
    if not pooled:
        return {}
    return {
        "statement_cache_size": 0,
        "prepared_statement_cache_size": 0,
        "prepared_statement_name_func": lambda: "",
    }


_LISTS: Final = ("uuid", "bytea", "integer", "bigint", "real", "boolean", "timestamptz", "json")
_EMPTY_LISTS: Final = "SELECT " + ", ".join(f"CAST(ARRAY[] AS {kind}[])" for kind in _LISTS)


def _know_types(engine: AsyncEngine) -> None:
    """
    Let the driver look up, once for each connection, the types of lists that statements take.

    It does so for every statement that brings one that it has not met, with three round trips and 5 ms of the
    server's CPU: seven times for a connection that ingests. Around a pooler the look would have no transaction.
    """

    @event.listens_for(engine.sync_engine, "connect")
    def look(connection: AdaptedConnection, _: ConnectionPoolEntry) -> None:
        connection.run_async(lambda driver: driver.fetchrow(_EMPTY_LISTS))


def _keep_honest(engine: AsyncEngine) -> None:
    """
    Notice dead connections before a statement meets them.

    A ping before every use (SQLAlchemy's pre-ping) would cost each request a round trip. A connection that the server
    closed says so by itself; one that has idled for a while may have died in silence, so only that is asked.
    """
    dialect = engine.sync_engine.dialect

    @event.listens_for(engine.sync_engine, "checkin")
    def remember(_: DBAPIConnection | None, entry: ConnectionPoolEntry) -> None:
        entry.info[IDLE_SINCE] = time.monotonic()

    @event.listens_for(engine.sync_engine, "checkout")
    def examine(connection: DBAPIConnection, entry: ConnectionPoolEntry, _: PoolProxiedConnection) -> None:
        driver: Any = entry.driver_connection
        idle_s = time.monotonic() - entry.info.get(IDLE_SINCE, time.monotonic())
        if driver.is_closed():
            # What closed one has closed them all, as a rule: none of the others is tried.
            raise InvalidatePoolError
        if idle_s > PING_AFTER_IDLE_S:
            try:
                dialect.do_ping(connection)
            except Exception as error:
                raise InvalidatePoolError from error
