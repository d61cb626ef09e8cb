"""
What runs in a worker process.

Each of them imports this module, and what it imports, unless the process that they are forked from has it already.
Nothing here needs the event loop: importing that took as long as preparing three pages.
"""

import gc
import os
import signal
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from adapters.worker_processes.results import send_fast
from application.prepare_documents import (
    Parts,
    PartsFactory,
    Preparation,
    PreparedDocument,
    Recutting,
    Unprepared,
    prepare,
)

GC_AFTER_OBJECTS: Final = 50_000
"""With the interpreter's own 700, looking for garbage took a fifth of a worker's time (measured)."""

_parts: Parts | None = None


def begin(make_parts: PartsFactory, service: int) -> None:
    global _parts
    # Ctrl-C reaches the whole group; the service says when its workers end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_leave_with, args=(service,), daemon=True).start()
    with suppress(OSError):
        os.nice(10)  # questions go first
    send_fast()
    _parts = make_parts()
    gc.freeze()  # it stays, as does what came with the fork, which looking at would copy
    gc.set_threshold(GC_AFTER_OBJECTS, 20, 20)


def _leave_with(service: int) -> None:
    """
    A killed service cannot end its workers: they notice that it has gone.

    It is the service that is watched, not the process they were forked from: that one ends only when they have.
    """
    with suppress(ProcessLookupError):
        while True:
            os.kill(service, 0)
            time.sleep(1)
    os._exit(0)


def nothing() -> None:
    """What takes time to start has started by then."""


def prepare_all(preparations: Sequence[Preparation | Recutting]) -> list[PreparedDocument | Unprepared]:
    assert _parts is not None  # noqa: S101  the initializer ran
    return [prepare(one, _parts) for one in preparations]
