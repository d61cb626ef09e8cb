"""Work on a data directory that no service runs on: repairing the index."""

import asyncio
import shutil
from typing import TYPE_CHECKING

from application.repair_index import RepairReport
from entrypoints.data_directory import DataDirectory
from entrypoints.server import database, live_adapters
from entrypoints.settings import Settings

if TYPE_CHECKING:
    from entrypoints.containers import LiveAdapters


def repair(settings: Settings, *, rebuild: bool) -> RepairReport:
    """
    Make the index agree with the database, or make it anew.

    Raises SettingsError, DataDirectoryInUse, or a PortError.
    """
    with DataDirectory(settings.data_dir) as directory, database(settings, directory) as url:
        if rebuild:
            # An index that cannot be opened any more can be thrown away all the same: nothing in it is the only copy.
            shutil.rmtree(directory.index)
            directory.index.mkdir(mode=0o700)
        adapters = live_adapters(settings, directory, url)
        return asyncio.run(_repair(adapters, keep_vectors=settings.keep_vectors, rebuild=rebuild))


async def _repair(adapters: "LiveAdapters", *, keep_vectors: bool, rebuild: bool) -> RepairReport:
    from entrypoints.containers import UseCases, opened

    use_cases = UseCases(adapters=adapters, keep_vectors=keep_vectors)
    async with opened(adapters):
        report: RepairReport = await use_cases.repair_index().execute(rebuild=rebuild)
        return report
