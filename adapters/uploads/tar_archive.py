"""Looking through a .tar.gz."""

import tarfile
import zlib
from collections.abc import Iterator
from typing import IO, Final, cast

from adapters.uploads.spool import CHUNK, Inflation, Sparing
from domain.errors import ArchiveUnreadable, UploadTooLarge
from domain.library.files import too_large
from domain.library.model import MAX_FILE_BYTES
from domain.library.ports import UploadedFile, UploadLimits
from domain.library.sites import is_candidate

_GZIP: Final = 16 + zlib.MAX_WBITS


def untar(packed: IO[bytes], size: int, into: IO[bytes], limits: UploadLimits) -> Iterator[UploadedFile]:
    """
    The candidates for documents in a .tar.gz of ``size`` bytes, the whole tar written to ``into``.

    Raises UploadTooLarge or ArchiveUnreadable.
    """
    _gunzip(packed, size, into, Inflation(size, limits))
    end = into.tell()
    into.seek(0)
    try:
        with tarfile.open(fileobj=cast(IO[bytes], Sparing(into)), mode="r:") as archive:
            for count, entry in enumerate(archive):
                if count >= limits.entries:
                    raise UploadTooLarge(f"the archive has more than {limits.entries:,} entries")
                if not entry.isdir() and is_candidate(entry.name):
                    if entry.isreg() and entry.offset_data + entry.size > end:
                        raise ArchiveUnreadable("it ends in the middle of a file")
                    yield UploadedFile(entry.name, entry.offset_data, entry.size, _problem(entry), packed=True)
    except (tarfile.TarError, EOFError, ValueError, OverflowError) as error:
        raise ArchiveUnreadable("it is damaged, or no tar") from error


def _problem(entry: tarfile.TarInfo) -> str | None:
    if not entry.isreg() or entry.issparse():
        return "it is a link or a device, not a file"
    return too_large(entry.size) if entry.size > MAX_FILE_BYTES else None


def _gunzip(packed: IO[bytes], size: int, into: IO[bytes], inflation: Inflation) -> None:
    """All members of a gzip, each chunk bounded, so that a bomb is met with one in memory."""
    unread = size
    pending, decompressor = b"", zlib.decompressobj(_GZIP)
    try:
        while True:
            if not pending and unread:
                pending = packed.read(min(CHUNK, unread))
                unread -= len(pending)
            chunk = decompressor.decompress(pending, CHUNK)
            inflation.add(len(chunk))
            into.write(chunk)
            pending = decompressor.unused_data or decompressor.unconsumed_tail
            if decompressor.eof:
                if not pending and not unread:
                    return
                decompressor = zlib.decompressobj(_GZIP)
            elif not chunk and not pending and not unread:
                raise ArchiveUnreadable("it ends in the middle")
    except zlib.error as error:
        raise ArchiveUnreadable("it is damaged, or no gzip") from error
