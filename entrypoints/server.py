"""Run the service: data directory, database, application, HTTP server; in this process, or in several."""

import asyncio
import errno
import gc
import hashlib
import logging
import socket
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from uuid import uuid4

import msgspec
import uvicorn

from adapters.embedded_postgres.keeper import Keeper
from adapters.embedded_postgres.server import EmbeddedPostgres
from application.ports import RetentionRules
from domain.access.model import Principal, Scope
from domain.library.ports import UploadLimits
from entrypoints.data_directory import DataDirectory
from entrypoints.lean_imports import LOOKED_FOR, without
from entrypoints.logs import configure_logs
from entrypoints.settings import Secret, Settings, SettingsError
from entrypoints.settings_shown import shown

if TYPE_CHECKING:
    from litestar import Litestar

    from adapters.neon.engine import Pools
    from entrypoints.containers import LiveAdapters

GRACE_S: Final = 25
"""Seconds between being told to stop and cutting what still runs: the turns' own 20, and a little."""

KEEP_ALIVE_S: Final = 75
"""
How long a connection may be silent between two requests. A proxy that keeps its connections for 60 s, as nginx and load
balancers do by default, must not find one closed in the moment of using it.
"""

SWITCH_S: Final = 0.0005
"""How long a thread that embeds or indexes may keep the event loop waiting each time; the default is 5 ms."""

GC_AFTER_OBJECTS: Final = 100_000
"""
New objects that set a collection off; the default, 700, means one at every other token of a busy service.

Questions leave next to nothing that only a collection frees, and one of 20,000 objects, with 150 turns running, held
the loop for 40 to 130 ms every 15 s, which a busy second's questions all waited for. So many are some 20 MB.
"""

_log = logging.getLogger("ibid.service")


@dataclass(frozen=True, slots=True)
class Service:
    """A service that is ready to be served: its application, its listening socket, its key."""

    app: "Litestar"
    listener: socket.socket
    url: str
    admin_key: Secret
    directory: DataDirectory


@dataclass(frozen=True, slots=True)
class Part:
    """
    What one process is of a service of ``of``.

    ``takes_over``: it sees to what earlier processes left, among them ``lost_holder``, in whose place it stands.
    """

    holder: str
    of: int = 1
    takes_over: bool = True
    lost_holder: str | None = None
    pools: "Pools | None" = None


@contextmanager
def prepared(settings: Settings) -> Iterator[Service]:
    """
    Take the data directory and the port, start or find the database, and build the application.

    Raises SettingsError, DataDirectoryInUse or OSError, each with one line for the operator.
    """
    with ExitStack() as stack:
        directory = stack.enter_context(DataDirectory(settings.data_dir))
        listener = stack.enter_context(listening(settings))
        admin_key = directory.admin_key(settings)
        configure_logs(settings.log, secrets=(*settings.secrets, admin_key.reveal()))
        database_url = stack.enter_context(database(settings, directory))
        app = application(settings, directory, database_url, admin_key)
        yield Service(app, listener, address_of(listener), admin_key, directory)


@contextmanager
def listening(settings: Settings) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((settings.host, settings.port))
            listener.listen(2_048)
        except OSError as error:
            where = f"{settings.host}:{settings.port}"
            why = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror})"
            raise SettingsError(f"{where} {why}; set IBID_HOST and IBID_PORT to another address") from error
        yield listener


def address_of(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextmanager
def database(settings: Settings, directory: DataDirectory) -> Iterator[str]:
    """The URL of a database whose schema is current: the operator's, or one started here."""
    if settings.database_url is not None:
        url = settings.database_url.reveal()
        asyncio.run(require_current_schema(url))
        yield url
        return
    from adapters.neon.migrate import migrate

    postgres = EmbeddedPostgres(directory.postgres)
    with ThreadPoolExecutor(1) as starting:
        began = starting.submit(postgres.start)
        _import_application()
        url = began.result()
    keeper = Keeper(postgres)
    keeper.start()
    try:
        asyncio.run(migrate(url))
        yield url
    finally:
        keeper.stop()
        postgres.stop()


async def require_current_schema(url: str) -> None:
    from adapters.neon.engine import make_engine
    from adapters.neon.migrate import SchemaState, schema_state

    engine = make_engine(url, pool_size=1)
    try:
        state = await schema_state(engine)
    finally:
        await engine.dispose()
    if state is SchemaState.UNKNOWN:
        raise SettingsError("the database's schema is of a newer release; run that release")
    if state is SchemaState.AHEAD:
        _log.warning("the database's schema is one release newer; this one still runs on it")
    if not state.served:
        raise SettingsError(f"the database's schema is {state.value}; run `ibid migrate` first")


def migrate_database(settings: Settings) -> None:
    """Bring the schema up to date: the operator's database, or the embedded one of the data directory."""
    from adapters.neon.migrate import migrate

    unpooled = settings.database_url_unpooled or settings.database_url
    if unpooled is not None:
        asyncio.run(migrate(unpooled.reveal()))
        return
    with DataDirectory(settings.data_dir) as directory:
        postgres = EmbeddedPostgres(directory.postgres)
        try:
            asyncio.run(migrate(postgres.start()))
        finally:
            postgres.stop()


def _import_application() -> None:
    """
    Import what takes a second while PostgreSQL takes its own.

    Nearly all of it stays: looking in between whether it is garbage would take a seventh of the time.
    """
    gc.disable()
    try:
        with without(*LOOKED_FOR):
            import entrypoints.asgi  # noqa: F401
    finally:
        gc.freeze()
        gc.enable()


def application(
    settings: Settings, directory: DataDirectory, database_url: str, admin_key: Secret, part: Part | None = None
) -> "Litestar":
    """``part``: what this process is of a service of several; None: it is all of it."""
    with without(*LOOKED_FOR):
        return _application(settings, directory, database_url, admin_key, part or Part(str(uuid4())))


def _application(
    settings: Settings, directory: DataDirectory, database_url: str, admin_key: Secret, part: Part
) -> "Litestar":
    from entrypoints.asgi import build_app
    from entrypoints.containers import opened
    from entrypoints.http.room import AT_WORK, AT_WORK_OUTSIDE, Room

    principal = Principal("default", "admin", frozenset({Scope.ADMIN}))
    first_keys = {hashlib.sha256(admin_key.reveal().encode()).digest(): principal}
    adapters = live_adapters(settings, directory, database_url, first_keys, part.pools)
    return build_app(
        adapters,
        holder=part.holder,
        # The index is this process's alone, so on the embedded database nobody else can be answering.
        only_process=settings.database_url is None,
        takes_over=part.takes_over,
        lost_holder=part.lost_holder,
        keep_vectors=settings.keep_vectors,
        max_running_turns=-(-settings.max_running_turns // part.of),
        retention_rules=RetentionRules(
            settings.keep_ingestions_days, settings.keep_turns_days, settings.keep_index_days
        ),
        rate_per_minute=settings.rate_per_minute,
        trusted_proxies=settings.trusted_proxies,
        opened=lambda: opened(adapters),
        allowed_origins=settings.allowed_origins,
        settings_shown=lambda: shown(settings),
        room=Room(at_work=AT_WORK_OUTSIDE if _waits_outside(settings) else AT_WORK),
    )


def live_adapters(
    settings: Settings,
    directory: DataDirectory,
    database_url: str,
    first_keys: Mapping[bytes, Principal] | None = None,
    pools: "Pools | None" = None,
) -> "LiveAdapters":
    """The adapters that the settings call for; none of them is open yet."""
    from adapters.neon.engine import Pools
    from entrypoints.containers import LiveAdapters

    return LiveAdapters(
        settings=settings,
        first_keys=first_keys or {},
        database_url=database_url,
        pools=pools or Pools(),
        direct_url=_direct_url(settings, database_url),
        index_folder=directory.index,
        models=settings.models,
        uploads_folder=directory.uploads,
        upload_limits=_upload_limits(settings),
        database_is="own" if settings.database_url is None else "shared",
    )


def _direct_url(settings: Settings, database_url: str) -> str:
    unpooled = settings.database_url_unpooled
    return database_url if settings.database_url is None or unpooled is None else unpooled.reveal()


def _upload_limits(settings: Settings) -> UploadLimits:
    mb = 1024 * 1024
    return UploadLimits(
        size=settings.max_upload_mb * mb, inflated=settings.max_inflated_mb * mb, inflation=settings.max_inflation
    )


def _waits_outside(settings: Settings) -> bool:
    """Whether a request waits for another machine most of its time."""
    outside = ("database_url", "models", "cohere_api_key", "qdrant_url")
    return any(getattr(settings, name, None) is not None for name in outside)


class Server(uvicorn.Server):
    """Tells when it accepts requests; and, told to stop, lets the turns end before it waits for their connections."""

    def __init__(
        self, config: uvicorn.Config, announce: Callable[[], None], drain: Callable[[], Awaitable[None]]
    ) -> None:
        super().__init__(config)
        self._announce = announce
        self._drain = drain

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.should_exit:
            self._announce()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Side by side: the base class closes the listening sockets, and waits for the streams that draining ends.
        draining = asyncio.ensure_future(self._drain())
        await super().shutdown(sockets)
        await draining


def server_config(app: "Litestar") -> uvicorn.Config:
    """How Ibid is served, whatever stands behind the application."""
    from entrypoints.bounded_connection import BoundedConnection

    return uvicorn.Config(
        app,
        loop="uvloop",
        http=BoundedConnection,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # else whoever sits on this machine could say who it is
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
    )


def server(app: "Litestar", announce: Callable[[], None]) -> Server:
    return Server(server_config(app), announce, app.state.drain)


def tune_the_interpreter() -> None:
    """
    What is loaded by now stays for good: the garbage collector need not look at it again with every question. And the
    threads that embed and index let go of the interpreter as soon as a question wants it.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_AFTER_OBJECTS, 20, 20)
    sys.setswitchinterval(SWITCH_S)


def run_server(settings: Settings, *, on_ready: Callable[[str], None] = lambda url: None) -> None:
    """Serve until told to stop. ``on_ready`` is called once, in a thread, with the address that takes requests."""
    if settings.workers > 1:
        from entrypoints.processes import run_processes

        run_processes(settings, on_ready=on_ready)
        return
    with prepared(settings) as service:

        def announce() -> None:
            tune_the_interpreter()
            announced(service.directory, service.url, on_ready)

        try:
            server(service.app, announce).run(sockets=[service.listener])
        finally:
            service.directory.withdraw()


def announced(directory: DataDirectory, url: str, on_ready: Callable[[str], None]) -> None:
    directory.announce(url)
    _log.info("ready", extra={"url": url, "data_dir": str(directory.path)})
    threading.Thread(target=on_ready, args=(url,), daemon=True).start()


@contextmanager
def serve_in_background(settings: Settings) -> Iterator[Service]:
    """Serve from a thread on a free port of this machine, for as long as the context lasts."""
    with prepared(msgspec.structs.replace(settings, host="127.0.0.1", port=0)) as service:
        ready = threading.Event()
        serving = server(service.app, ready.set)
        thread = threading.Thread(target=serving.run, kwargs={"sockets": [service.listener]}, daemon=True)
        thread.start()
        try:
            while not ready.wait(0.05):
                if not thread.is_alive():
                    raise SettingsError("the service did not start; the lines above say why")
            yield service
        finally:
            serving.should_exit = True
            thread.join(GRACE_S + 5)
