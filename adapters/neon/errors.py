"""The one place where the driver's errors become the port's."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import asyncpg
from sqlalchemy.exc import DBAPIError, DisconnectionError, InterfaceError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from domain.errors import PortError, PortRefused, PortUnavailable

PORT: Final = "database"

_PASSING: Final = ("08", "25006", "40", "53", "55P03", "57", "58")
"""
SQLSTATEs, or their classes, that another attempt may not meet: connection, a read-only standby after failover,
serialization and deadlock, out of resources, lock timeout, shutdown and cancelled statements, I/O of the system.
Source: PostgreSQL 18, appendix A.
"""
_LOST: Final = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # what a connection that was ended under a statement says of the next one
    PoolTimeout,
    DisconnectionError,
)


@contextmanager
def translated() -> Iterator[None]:
    """
    Raise PortUnavailable or PortRefused in place of the driver's errors.

    The chain is cut on purpose: the driver's messages quote statements, values and addresses, and a log would show
    them. What an operator needs, the SQLSTATE, is in the message.
    """
    try:
        yield
    except DBAPIError as error:
        # asyncpg's own InterfaceError (a closed connection, for one) has no SQLSTATE.
        lost = error.connection_invalidated or isinstance(error, InterfaceError)
        raise _translation(getattr(error.orig, "sqlstate", None), lost=lost) from None
    except asyncpg.PostgresError as error:
        raise _translation(error.sqlstate, lost=False) from None
    except _LOST:
        raise PortUnavailable(PORT) from None


def _translation(state: str | None, *, lost: bool) -> PortError:
    if lost or (state or "").startswith(_PASSING):
        return PortUnavailable(PORT, f"did not answer (SQLSTATE {state or 'unknown'})")
    return PortRefused(PORT, f"refused a request (SQLSTATE {state or 'unknown'})")
