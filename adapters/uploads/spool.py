"""Bytes of many files after each other in one nameless file, within limits."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import SEEK_END
from typing import IO, Final

from domain.errors import PortUnavailable, UploadTooLarge
from domain.library.ports import UploadLimits

PORT: Final = "upload storage"
CHUNK: Final = 64 * 1024
_RATIO_FROM: Final = 1024 * 1024
"""Below this a high ratio is no danger, and a short page of repeated table rows may well have one."""

MB: Final = 1024 * 1024


@contextmanager
def translated() -> Iterator[None]:
    """Raise PortUnavailable for a full or broken disk."""
    try:
        yield
    except OSError as error:
        raise PortUnavailable(PORT, f"has no room for the upload ({error.strerror})") from error


class Inflation:
    """Counts what an archive of ``packed`` bytes grows to, and stops it at the limits."""

    def __init__(self, packed: int, limits: UploadLimits) -> None:
        self._packed = packed
        self._limits = limits
        self._inflated = 0

    def add(self, size: int) -> None:
        """Raises UploadTooLarge."""
        self._inflated += size
        if self._inflated > self._limits.inflated:
            raise UploadTooLarge(f"unpacked it has more than {self._limits.inflated // MB:,} MB")
        if self._inflated > max(_RATIO_FROM, self._packed * self._limits.inflation):
            raise UploadTooLarge(f"unpacked it is more than {self._limits.inflation} times its size")


class Sparing:
    """A file whose reader may not ask for much at once: what it is asked for comes from a stranger's archive."""

    MOST: Final = 4 * MB
    """The directory of a zip of 20,000 files takes some 3 MB; a tar's longest header is a page or two."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._end = file.seek(0, SEEK_END)
        file.seek(0)
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        """Raises UploadTooLarge."""
        left = max(0, self._end - self._file.tell())
        if (left if size < 0 else min(size, left)) > self.MOST:
            raise UploadTooLarge("the list of what is in the archive is longer than is taken")
        return self._file.read(size)
