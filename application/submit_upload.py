"""Take uploaded files in: when this returns, the request and the files' content are safe."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from application.ports import Arrival, DocumentOutcome, Outcome
from application.submit_ingestion import IngestionRequest, Storing, SubmitIngestion
from domain.errors import DocumentUnreadable, OutOfRange, Refused
from domain.library.files import document_of, shown, too_large, uri_of
from domain.library.model import MAX_FILE_BYTES
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
        tree, files = await _documents(upload)
        if not files:
            raise OutOfRange("files", "must hold at least one document; none is in the archive")
        uris = _Uris()
        async with self.submit.storing(request) as storing:
            for batch in () if storing.replayed else _batches(files):
                await storing.add(await _arrivals(batch, upload, tree, uris))
        return storing


async def _documents(upload: Upload) -> tuple[SiteTree, Sequence[UploadedFile]]:
    """Those of the files that are documents, and how they are read. Raises OutOfRange."""
    found = await upload.files()
    if not all(file.packed for file in found):
        return PLAIN, found
    files = {tree_path(file.name): file for file in found}
    wanted = {
        name: files[name]
        for name in settings_to_read(files.keys())
        if files[name].problem is None and files[name].size <= MAX_SETTINGS_BYTES
    }
    contents = await upload.read(list(wanted.values()))
    tree = site_tree(files.keys(), dict(zip(wanted, contents, strict=True)))
    return tree, [file for file in found if tree.is_document(tree_path(file.name))]


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


async def _arrivals(batch: Sequence[UploadedFile], upload: Upload, tree: SiteTree, uris: _Uris) -> list[Arrival]:
    readable = [file for file in batch if _problem(file) is None]
    contents = dict(zip(readable, await upload.read(readable), strict=True))
    return [_arrival(file, contents.get(file), tree, uris) for file in batch]


def _problem(file: UploadedFile) -> str | None:
    return file.problem or (too_large(file.size) if file.size > MAX_FILE_BYTES else None)


def _arrival(file: UploadedFile, content: bytes | None, tree: SiteTree, uris: _Uris) -> Arrival:
    try:
        uri = uris.take(file)
        if content is None:
            raise DocumentUnreadable(uri, _problem(file) or "it cannot be read")
        return document_of(uri, content, tree.metadata(uri))
    except DocumentUnreadable as error:
        return DocumentOutcome(error.uri, Outcome.FAILED, error.reason)
    except Refused as error:
        return DocumentOutcome(shown(file.name), Outcome.FAILED, error.message)
