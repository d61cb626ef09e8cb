"""Take uploaded files in: when this returns, the request and the files' content are safe."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from application.ports import Arrival, DocumentOutcome, Outcome
from application.submit_ingestion import IngestionRequest, Storing, SubmitIngestion
from domain.errors import DocumentUnreadable, OutOfRange, Refused
from domain.library.files import document_of, shown, too_large, uri_of
from domain.library.model import MAX_FILE_BYTES
from domain.library.parts import MAX_ROUNDS, Parts
from domain.library.ports import Upload, UploadedFile, Uploads
from domain.library.sites import MAX_SETTINGS_BYTES, PLAIN, SiteTree, settings_to_read, site_tree, tree_path

_BATCH_BYTES: Final = 4 * 1024 * 1024
_BATCH_FILES: Final = 500
"""What is in memory at once on the way from disk to database, give or take the longest file."""


@dataclass(frozen=True, slots=True)
class SubmitUpload:
    """
    Look through the uploaded files, store them as the documents of an ingestion, and wake the worker.

    An archive is read as the tool of its site reads it (``site_tree``). A file that cannot be read is a failed document
    of the ingestion; the others go in. Raises what ``SubmitIngestion`` raises; UploadTooLarge, ArchiveUnreadable, or
    OutOfRange when there is no document in it, or its site's settings cannot be read.
    """

    submit: SubmitIngestion
    uploads: Uploads

    async def execute(self, request: IngestionRequest, upload: Upload) -> Storing:
        tree = await _Tree.of(upload)
        files = tree.documents()
        if not files:
            raise OutOfRange("files", "must hold at least one document; none is in the archive")
        uris = _Uris()
        async with self.submit.storing(request) as storing:
            for batch in () if storing.replayed else _batches(files):
                await storing.add(await _arrivals(batch, tree, uris))
        return storing


class _Tree:
    """The files of an upload as they belong together."""

    def __init__(self, upload: Upload, found: Sequence[UploadedFile], files: Mapping[str, UploadedFile]) -> None:
        """``files`` are those that make up a tree, by ``tree_path``: none where each was sent by itself."""
        self._upload = upload
        self._found = found
        self._files = files
        self.site = PLAIN
        self._parts = Parts(files.keys(), PLAIN)

    @staticmethod
    async def of(upload: Upload) -> "_Tree":
        """Raises OutOfRange for settings of a site that cannot be read."""
        found = await upload.files()
        packed = all(file.packed for file in found)
        tree = _Tree(upload, found, {tree_path(file.name): file for file in found} if packed else {})
        await tree._read_settings()
        return tree

    async def _read_settings(self) -> None:
        settings = await self._read(settings_to_read(self._files.keys()))
        self.site = site_tree(self._files.keys(), settings)
        self._parts = Parts(self._files.keys(), self.site)

    async def _read(self, names: Iterable[str]) -> Mapping[str, bytes]:
        """The contents of small files; of those that cannot be read, nothing."""
        files = {name: self._files[name] for name in names}
        wanted = {n: file for n, file in files.items() if file.problem is None and file.size <= MAX_SETTINGS_BYTES}
        return dict(zip(wanted, await self._upload.read(list(wanted.values())), strict=True))

    def documents(self) -> Sequence[UploadedFile]:
        if not self._files:
            return self._found
        return [file for file in self._found if self.site.is_document(tree_path(file.name))]

    async def contents(self, files: Sequence[UploadedFile]) -> Mapping[UploadedFile, bytes | DocumentUnreadable]:
        """What each of these documents holds, its parts in it, or why they cannot be put in."""
        read = dict(zip(files, await self._upload.read(files), strict=True))
        held: dict[str, bytes] = {}
        asked: set[str] = set()
        for _ in range(MAX_ROUNDS):
            missing = await asyncio.to_thread(self._missing, read, held) - asked
            if not missing:
                break
            asked |= missing
            held |= await self._read(missing)
        return await asyncio.to_thread(self._joined, read, held)

    def _missing(self, read: Mapping[UploadedFile, bytes], held: Mapping[str, bytes]) -> set[str]:
        wanted = (self._parts.missing(tree_path(file.name), content, held) for file, content in read.items())
        return set().union(*wanted)

    def _joined(
        self, read: Mapping[UploadedFile, bytes], held: Mapping[str, bytes]
    ) -> Mapping[UploadedFile, bytes | DocumentUnreadable]:
        joined: dict[UploadedFile, bytes | DocumentUnreadable] = {}
        for file, content in read.items():
            try:
                joined[file] = self._parts.joined(tree_path(file.name), content, held)
            except DocumentUnreadable as error:
                joined[file] = error
        return joined


class _Uris:
    """The uris of one request, each taken once."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def take(self, file: UploadedFile) -> str:
        """Raises DocumentUnreadable."""
        uri = uri_of(file.name)
        if uri in self._taken:
            raise DocumentUnreadable(uri, "another file of this request has the same path")
        self._taken.add(uri)
        return uri


def _batches(files: Sequence[UploadedFile]) -> Iterator[Sequence[UploadedFile]]:
    batch: list[UploadedFile] = []
    size = 0
    for file in files:
        if batch and (size + file.size > _BATCH_BYTES or len(batch) == _BATCH_FILES):
            yield batch
            batch, size = [], 0
        batch.append(file)
        size += file.size
    yield batch


async def _arrivals(batch: Sequence[UploadedFile], tree: _Tree, uris: _Uris) -> list[Arrival]:
    readable = [file for file in batch if _problem(file) is None]
    contents = await tree.contents(readable)
    return [_arrival(file, contents.get(file), tree.site, uris) for file in batch]


def _problem(file: UploadedFile) -> str | None:
    return file.problem or (too_large(file.size) if file.size > MAX_FILE_BYTES else None)


def _arrival(file: UploadedFile, content: bytes | DocumentUnreadable | None, tree: SiteTree, uris: _Uris) -> Arrival:
    try:
        uri = uris.take(file)
        if content is None:
            raise DocumentUnreadable(uri, _problem(file) or "it cannot be read")
        if isinstance(content, DocumentUnreadable):
            raise content
        return document_of(uri, content, tree.metadata(uri))
    except DocumentUnreadable as error:
        return DocumentOutcome(error.uri, Outcome.FAILED, error.reason)
    except Refused as error:
        return DocumentOutcome(shown(file.name), Outcome.FAILED, error.message)
