"""
Serve from several processes: one that watches, and those that answer, on one listening socket.

Uvicorn's own supervisor takes an application by its import path, restarts what dies without a pause, and leaves its
processes behind when it is killed itself.
"""

import asyncio
import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from socket import socket
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from entrypoints.data_directory import DataDirectory
from entrypoints.logs import configure_logs
from entrypoints.server import (
    GRACE_S,
    Part,
    address_of,
    announced,
    application,
    listening,
    require_current_schema,
    server,
    tune_the_interpreter,
)
from entrypoints.settings import Secret, Settings, SettingsError

if TYPE_CHECKING:
    from adapters.neon.engine import Pools

FIRST_WAIT_S: Final = 0.5
LONGEST_WAIT_S: Final = 30.0
"""Before a process that died is started again: twice as long each time, from the start if it lived a minute."""
STEADY_S: Final = 60.0
KILLED_AFTER_S: Final = GRACE_S + 10

_log = logging.getLogger("ibid.service")


@dataclass(frozen=True, slots=True)
class _Common:
    """What every process is given; it goes to them by pickle."""

    settings: Settings
    listener: socket
    admin_key: Secret


@dataclass(slots=True)
class _Place:
    """One of the processes, and those that stood in its place before."""

    number: int
    process: BaseProcess | None = None
    ready: Connection | None = None
    holder: str | None = None
    began: float = 0.0
    failures: int = 0
    due: float = 0.0
    """When it is to be started again."""


def run_processes(settings: Settings, *, on_ready: Callable[[str], None]) -> None:
    """
    Serve until told to stop. ``on_ready`` is called once, in a thread, when every process takes requests.

    Raises SettingsError, DataDirectoryInUse or OSError, each with one line for the operator.
    """
    assert settings.database_url is not None  # noqa: S101  reading the settings saw to it
    with DataDirectory(settings.data_dir) as directory, listening(settings) as listener:
        admin_key = directory.admin_key(settings)
        configure_logs(settings.log, secrets=(*settings.secrets, admin_key.reveal()))
        pools = asyncio.run(_pools(settings.database_url.reveal(), settings.workers))
        url = address_of(listener)
        try:
            with _woken_by_signals() as told:
                watch = _Watch(_Common(settings, listener, admin_key), pools)
                watch.run(told, lambda: announced(directory, url, on_ready))
        finally:
            directory.withdraw()


async def _pools(url: str, processes: int) -> "Pools":
    from adapters.neon.engine import connection_limit, make_engine, pools_within

    await require_current_schema(url)
    engine = make_engine(url, pool_size=1)
    try:
        limit = await connection_limit(engine)
    finally:
        await engine.dispose()
    pools = pools_within(limit, processes)
    if pools is None:
        raise SettingsError(f"IBID_WORKERS={processes} is more than the database's {limit} connections are enough for")
    return pools


@contextmanager
def _woken_by_signals() -> Iterator[int]:
    """A file descriptor that can be read when the service is told to stop."""
    told, tell = os.pipe()
    os.set_blocking(tell, False)
    before = {}
    try:
        for one in (signal.SIGTERM, signal.SIGINT):
            before[one] = signal.signal(one, lambda *_: os.write(tell, b"."))
        yield told
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
        os.close(told)
        os.close(tell)


class _Watch:
    """Starts the processes, starts anew what dies, and ends them."""

    def __init__(self, common: _Common, pools: "Pools") -> None:
        self._common = common
        self._pools = pools
        self._places = [_Place(number) for number in range(common.settings.workers)]
        # Neither copies of this process, whose state no other could use, nor of a server process in between.
        self._context = multiprocessing.get_context("spawn")
        self._announced = False

    def run(self, told: int, announce: Callable[[], None]) -> None:
        """Until ``told`` can be read. Raises SettingsError when a process ends before all have been ready once."""
        try:
            while not self._told(told):
                self._look()
                if not self._announced and all(place.ready is None for place in self._places):
                    self._announced = True
                    announce()
        finally:
            self._end()

    def _told(self, told: int) -> bool:
        now = time.monotonic()
        for place in self._places:
            if place.process is None and place.due <= now:
                self._start(place)
        waiting: list[Any] = [told]
        waiting += [place.process.sentinel for place in self._places if place.process is not None]
        waiting += [place.ready for place in self._places if place.ready is not None]
        dues = [place.due - now for place in self._places if place.process is None]
        return told in wait(waiting, max(0.0, min(dues)) if dues else None)

    def _look(self) -> None:
        for place in self._places:
            if place.ready is not None and place.ready.poll():
                with suppress(EOFError):
                    place.ready.recv()
                    place.ready.close()
                    place.ready = None
            if place.process is not None and place.process.exitcode is not None:
                self._died(place, place.process.exitcode)

    def _start(self, place: _Place) -> None:
        lost, place.holder = place.holder, str(uuid4())
        first = place.number == 0 and not self._announced
        part = Part(place.holder, len(self._places), first or lost is not None, lost, self._pools)
        place.ready, ready = self._context.Pipe(duplex=False)
        place.process = self._context.Process(target=_serve, args=(self._common, part, ready), name="ibid")
        place.process.start()
        place.began = time.monotonic()
        ready.close()

    def _died(self, place: _Place, code: int) -> None:
        if not self._announced:
            raise SettingsError("a process of the service did not start; the lines above say why")
        now = time.monotonic()
        place.failures = 0 if now - place.began > STEADY_S else place.failures + 1
        wait_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** max(0, place.failures - 1))
        place.process, place.ready, place.due = None, None, now + wait_s
        _log.error("a process of the service died", extra={"exit_code": code, "started_again_in_s": wait_s})

    def _end(self) -> None:
        running = [place.process for place in self._places if place.process is not None]
        for process in running:
            process.terminate()
        until = time.monotonic() + KILLED_AFTER_S
        for process in running:
            process.join(max(0.0, until - time.monotonic()))
            if process.exitcode is None:
                _log.error("a process of the service did not end, and is killed")
                process.kill()
                process.join()


def _serve(common: _Common, part: Part, ready: Connection) -> None:
    """In a process of its own: answer until told to stop, or until the process that watches has gone."""
    for one in (signal.SIGTERM, signal.SIGINT):  # Ctrl-C reaches every process of the terminal
        signal.signal(one, lambda *_: sys.exit(0))
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    settings = common.settings
    configure_logs(settings.log, secrets=(*settings.secrets, common.admin_key.reveal()))
    assert settings.database_url is not None  # noqa: S101  else there would not be several processes
    directory = DataDirectory(settings.data_dir)  # the other process holds it
    app = application(settings, directory, settings.database_url.reveal(), common.admin_key, part)

    def announce() -> None:
        tune_the_interpreter()
        ready.send(None)
        ready.close()

    serving = server(app, announce)
    serving.run(sockets=[common.listener])
    sys.exit(0 if serving.started else 1)


def _leave_with_parent() -> None:
    """A watcher that was killed ends nobody: they notice, let running turns end, and go."""
    parent = multiprocessing.parent_process()
    assert parent is not None  # noqa: S101  this is a process that another one started
    wait([parent.sentinel])
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(KILLED_AFTER_S)
    os._exit(1)
