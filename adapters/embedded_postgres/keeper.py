"""Starts the embedded PostgreSQL again when it dies under a running service."""

import logging
import os
import select
import threading
from typing import Final

from adapters.embedded_postgres.server import EmbeddedPostgres
from domain.errors import PortError

AGAIN_AFTER_S: Final = 5.0
"""After a start that failed, as when the disk is full."""

_log = logging.getLogger("ibid.database")


class Keeper:
    """
    Watches a started server from a thread that sleeps until it ends. Where the system cannot tell (it has no pidfd,
    as on macOS), nothing is watched, and a dead database is mended by the next start of the service.
    """

    def __init__(self, postgres: EmbeddedPostgres) -> None:
        self._postgres = postgres
        self._told, self._tell = os.pipe()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="postgres-keeper", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Before the server is stopped. Stop once."""
        self._stopping.set()
        os.write(self._tell, b"x")
        self._thread.join()
        os.close(self._tell)
        os.close(self._told)

    def _keep(self) -> None:
        while not self._stopping.is_set():
            self._await_end()
            if self._stopping.is_set():
                return
            _log.error("the embedded PostgreSQL has ended; it is started again")
            try:
                self._postgres.start()
            except PortError as error:
                _log.error("the embedded PostgreSQL could not be started again", exc_info=error)
                self._stopping.wait(AGAIN_AFTER_S)
            else:
                _log.warning("the embedded PostgreSQL runs again")

    def _await_end(self) -> None:
        """Return when the server has ended, or ``stop`` was called."""
        pid = self._postgres.pid
        if pid is None:
            return
        watched = [self._told]
        if hasattr(os, "pidfd_open"):
            try:
                watched.append(os.pidfd_open(pid))
            except ProcessLookupError:
                return
        try:
            select.select(watched, [], [])
        finally:
            for handle in watched[1:]:
                os.close(handle)
