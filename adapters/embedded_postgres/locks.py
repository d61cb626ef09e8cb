"""Who uses a data directory, known by locks that the kernel drops when a process dies, however it dies."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def starting_or_stopping(data_dir: Path) -> Iterator[None]:
    """One process at a time starts or stops the server of a data directory; the others wait."""
    handle = _open(data_dir / "start.lock")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


class UserLock:
    """Held, shared, by every process that uses the server: the last one to let go stops it."""

    def __init__(self, data_dir: Path) -> None:
        self._handle = _open(data_dir / "users.lock")
        fcntl.flock(self._handle, fcntl.LOCK_SH)

    def release(self) -> bool:
        """Let go; True for the last user."""
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        else:
            return True
        finally:
            os.close(self._handle)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
