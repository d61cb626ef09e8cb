"""Optimizing apart from the service."""

import sys
from asyncio.subprocess import DEVNULL, Process, create_subprocess_exec
from pathlib import Path
from typing import Final

from domain.errors import PortUnavailable

_PROGRAM: Final = Path(__file__).with_name("optimizer_program.py")


class Optimizer:
    """
    Runs the engine's ``optimize`` in a process of its own, one at a time, on a shard that nobody else has open.

    In this process it would keep the GIL from beginning to end, 2 s at 10,000 passages and 39 s at 100,000, and the
    service would answer nothing meanwhile.
    """

    def __init__(self) -> None:
        self._process: Process | None = None
        self._stopped = False

    async def run(self, folder: Path) -> None:
        """Wait until the shard in ``folder`` is optimized; raises PortUnavailable when it is not, or ``stop`` came."""
        if self._stopped:
            raise PortUnavailable("passage index", "is closing")
        # -P: the program's folder must not be searched for modules.
        self._process = process = await create_subprocess_exec(
            sys.executable, "-P", str(_PROGRAM), str(folder), stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL
        )
        try:
            if await process.wait() != 0:
                raise PortUnavailable("passage index", "its search structures were not built")
        finally:
            self._process = None
            if process.returncode is None:
                process.kill()
                await process.wait()

    def stop(self) -> None:
        """End what runs and start nothing more."""
        self._stopped = True
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
