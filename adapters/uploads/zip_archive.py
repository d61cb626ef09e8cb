"""Looking through a .zip."""

import stat
import zlib
from collections.abc import Iterator
from typing import IO, Final, cast
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from adapters.uploads.spool import CHUNK, Inflation, Sparing
from domain.errors import ArchiveUnreadable, UploadTooLarge
from domain.library.files import too_large
from domain.library.model import MAX_FILE_BYTES
from domain.library.ports import UploadedFile, UploadLimits
from domain.library.sites import is_candidate

_ENCRYPTED: Final = 0x1
_BROKEN: Final = (BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError)
"""What the library raises for entries that lie about themselves: their checksum, length, place or method."""


def unzip(packed: IO[bytes], size: int, into: IO[bytes], limits: UploadLimits) -> Iterator[UploadedFile]:
    """
    The candidates for documents in a zip of ``size`` bytes, their content written to ``into`` one after the other.

    Raises UploadTooLarge or ArchiveUnreadable.
    """
    inflation = Inflation(size, limits)
    try:
        archive = ZipFile(cast(IO[bytes], Sparing(packed)))
    except _BROKEN as error:
        raise ArchiveUnreadable("it is damaged, or no zip") from error
    with archive:
        entries = archive.infolist()
        if len(entries) > limits.entries:
            raise UploadTooLarge(f"the archive has more than {limits.entries:,} entries")
        for entry in entries:
            # The library cuts a name at its first NUL; what was written is what is judged.
            name = entry.orig_filename
            if not entry.is_dir() and is_candidate(name):
                place = into.tell()
                problem = _problem(entry, inflation) or _inflate(archive, entry, into, inflation)
                yield UploadedFile(name, place, into.tell() - place, problem, packed=True)


def _problem(entry: ZipInfo, inflation: Inflation) -> str | None:
    """Raises UploadTooLarge."""
    mode = entry.external_attr >> 16
    if mode and not stat.S_ISREG(mode) and stat.S_IFMT(mode):
        return "it is a link or a device, not a file"
    if entry.flag_bits & _ENCRYPTED:
        return "it is encrypted; pack it without a password"
    if entry.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        return "it is packed by a method that is not read; use the usual one (deflate)"
    if entry.file_size > MAX_FILE_BYTES:
        inflation.add(entry.file_size)
        return too_large(entry.file_size)
    return None


def _inflate(archive: ZipFile, entry: ZipInfo, into: IO[bytes], inflation: Inflation) -> str | None:
    """Returns why the entry cannot be read. Raises UploadTooLarge."""
    try:
        with archive.open(entry) as content:
            while chunk := content.read(CHUNK):
                inflation.add(len(chunk))
                into.write(chunk)
    except _BROKEN:
        return "it is damaged in the archive"
    return None
