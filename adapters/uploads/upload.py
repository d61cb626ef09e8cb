"""Uploads on disk: files without a name, which the system takes back by itself when the service is killed."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Final, TypeAlias

from adapters.uploads.spool import MB, translated
from adapters.uploads.tar_archive import untar
from adapters.uploads.zip_archive import unzip
from domain.errors import OutOfRange, UploadTooLarge
from domain.library.ports import Upload, UploadedFile, UploadLimits, Uploads

_BUFFER: Final = 256 * 1024
"""Written out in pieces of this size, off the event loop."""


Unpack: TypeAlias = Callable[[IO[bytes], int, IO[bytes], UploadLimits], Iterator[UploadedFile]]


class SpooledUploads(Uploads):
    """``open_file`` makes the nameless files."""

    def __init__(self, open_file: Callable[[], IO[bytes]], limits: UploadLimits) -> None:
        self._open_file = open_file
        self._limits = limits

    @property
    def limits(self) -> UploadLimits:
        return self._limits

    def receive(self) -> AbstractAsyncContextManager[Upload]:
        return self._received()

    @asynccontextmanager
    async def _received(self) -> AsyncIterator[Upload]:
        with ExitStack() as stack:
            with translated():
                arrived, unpacked = stack.enter_context(self._open_file()), stack.enter_context(self._open_file())
            yield SpooledUpload(arrived, unpacked, self._limits)


def uploads_on_disk(folder: Path, limits: UploadLimits) -> SpooledUploads:
    """``folder`` must be there."""
    return SpooledUploads(lambda: TemporaryFile(dir=folder), limits)


def uploads_in_memory(limits: UploadLimits) -> SpooledUploads:
    return SpooledUploads(BytesIO, limits)


class SpooledUpload(Upload):
    def __init__(self, arrived: IO[bytes], unpacked: IO[bytes], limits: UploadLimits) -> None:
        self._arrived, self._unpacked, self._limits = arrived, unpacked, limits
        self._names: list[str] = []
        self._starts: list[int] = []
        self._size = 0
        self._buffer = bytearray()
        self._source = arrived

    async def begin(self, name: str) -> None:
        if len(self._names) >= self._limits.files:
            raise UploadTooLarge(f"it has more than {self._limits.files:,} files; pack them into an archive")
        self._names.append(name)
        self._starts.append(self._size)

    async def write(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self._size > self._limits.size:
            raise UploadTooLarge(f"it has more than {self._limits.size // MB:,} MB")
        self._buffer += chunk
        if len(self._buffer) >= _BUFFER:
            await self._flush()

    async def _flush(self) -> None:
        content, self._buffer = self._buffer, bytearray()
        with translated():
            await asyncio.to_thread(self._arrived.write, content)

    async def files(self) -> Sequence[UploadedFile]:
        await self._flush()
        if not self._names:
            raise OutOfRange("files", "must hold at least one file")
        packed = [_unpacker(name) for name in self._names]
        if not any(packed):
            ends = [*self._starts[1:], self._size]
            spans = zip(self._names, self._starts, ends, strict=True)
            return [UploadedFile(name, start, end - start) for name, start, end in spans]
        unpack = packed[0]
        if unpack is None or len(packed) > 1:
            raise OutOfRange("files", "must be files, or one archive and nothing besides")
        self._source = self._unpacked
        with translated():
            return await asyncio.to_thread(self._unpack, unpack)

    def _unpack(self, unpack: Unpack) -> list[UploadedFile]:
        self._arrived.seek(0)
        return list(unpack(self._arrived, self._size, self._unpacked, self._limits))

    async def read(self, files: Sequence[UploadedFile]) -> Sequence[bytes]:
        with translated():
            return await asyncio.to_thread(lambda: [self._read(file) for file in files])

    def _read(self, file: UploadedFile) -> bytes:
        self._source.seek(file.place)
        return self._source.read(file.size)


def _unpacker(name: str) -> Unpack | None:
    lowered = name.lower()
    if lowered.endswith(".zip"):
        return unzip
    return untar if lowered.endswith((".tar.gz", ".tgz")) else None
