"""A process that works on ingestions beside the services that take them in; any number of them share the work."""

import asyncio
import logging
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from entrypoints.data_directory import DataDirectory
from entrypoints.logs import configure_logs
from entrypoints.server import live_adapters, require_current_schema
from entrypoints.settings import Settings, SettingsError

if TYPE_CHECKING:
    from entrypoints.containers import LiveAdapters

_log = logging.getLogger("ibid.service")


def run_worker(settings: Settings, *, on_ready: Callable[[], None] = lambda: None) -> None:
    """
    Work until told to stop. ``on_ready`` is called when it takes jobs.

    Raises SettingsError where there is nothing to share: an embedded database or index belongs to one process.
    """
    if settings.database_url is None or settings.qdrant_url is None:
        raise SettingsError(
            "a worker needs a database and an index that others can use too: set DATABASE_URL and QDRANT_URL; "
            "without them `ibid serve` does the work itself"
        )
    configure_logs(settings.log, secrets=settings.secrets)
    url = settings.database_url.reveal()
    asyncio.run(require_current_schema(url))
    adapters = live_adapters(settings, DataDirectory(settings.data_dir), url)
    asyncio.run(_work(adapters, keep_vectors=settings.keep_vectors, on_ready=on_ready))


async def _work(adapters: "LiveAdapters", *, keep_vectors: bool, on_ready: Callable[[], None]) -> None:
    from entrypoints.containers import UseCases, opened

    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for one in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(one, stop.set)
    use_cases = UseCases(adapters=adapters, keep_vectors=keep_vectors)
    work = use_cases.work_ingestions()
    async with opened(adapters):
        await use_cases.adopt_generations().execute()
        await work.resume(only_process=False)
        serving = asyncio.create_task(work.serve())
        on_ready()
        _log.info("working")
        await asyncio.wait([serving, asyncio.create_task(stop.wait())], return_when=asyncio.FIRST_COMPLETED)
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving
