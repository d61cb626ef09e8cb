"""From a folder on disk to documents: what goes in, under which uri, and what cannot."""

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import click

from domain.errors import DocumentUnreadable, Refused
from domain.library.files import FORMATS, document_of, is_looked_at, too_large
from domain.library.model import MAX_FILE_BYTES, SourceDocument
from domain.library.parts import MAX_ROUNDS, Parts
from domain.library.sites import (
    MAX_SETTINGS_BYTES,
    PLAIN,
    SiteTree,
    is_candidate,
    settings_to_read,
    site_tree,
    tree_path,
)
from entrypoints.terminal.failures import CommandFailed


@dataclass(frozen=True, slots=True)
class FailedDocument:
    uri: str
    reason: str


@dataclass(frozen=True, slots=True)
class ReadDocuments:
    """In the order of their uris; a file that cannot be read is among ``failed`` and stops no other."""

    documents: Sequence[SourceDocument]
    failed: Sequence[FailedDocument]


def read_documents(path: Path) -> ReadDocuments:
    """
    The documents below a folder, or the one in a file; a uri is the path below the folder, with ``/``.

    The folder is read as the tool of its site reads it (``site_tree``). A file that is named itself goes in whatever
    its name.

    Raises UsageError for a path that is not there or a file that is no document, CommandFailed for a folder without
    documents, or with settings of a site that cannot be read.
    """
    if not path.exists():
        raise click.UsageError(f"there is no file or folder {str(path)!r}")
    failed: list[FailedDocument] = []
    tree, found = PLAIN, dict[str, Path]()
    if path.is_dir():
        tree, found = _read_tree(path, failed)
        files = sorted((name, file) for name, file in found.items() if tree.is_document(tree_path(name)))
    elif path.suffix.lower() in FORMATS:
        files = [(path.name, path)]
    else:
        raise click.UsageError(f"{path.name!r} is none of {', '.join(FORMATS)}")
    documents: dict[str, SourceDocument] = {}
    parts = Parts(found.keys(), tree)
    for uri, file in files:
        try:
            source = document_of(uri, _with_parts(uri, file, parts, found), tree.metadata(uri))
            if source.uri in documents:
                raise _Unreadable(f"another file has the uri {source.uri!r} too; rename one")
            documents[source.uri] = source
        except DocumentUnreadable as error:
            failed.append(FailedDocument(_shown(uri), error.reason))
        except (_Unreadable, Refused) as error:
            failed.append(FailedDocument(_shown(uri), str(error)))
    if not documents and not failed:
        raise CommandFailed(f"there is no document below {str(path)!r}; looked for {', '.join(FORMATS)}")
    return ReadDocuments(list(documents.values()), sorted(failed, key=lambda one: one.uri))


class _Unreadable(Exception):
    pass


def _read_tree(root: Path, failed: list[FailedDocument]) -> tuple[SiteTree, dict[str, Path]]:
    """How the folder is read, and the candidates for documents in it by their names. Raises CommandFailed."""
    files = {file.relative_to(root).as_posix(): file for file in _walk(root, failed)}
    settings = {}
    for name in settings_to_read(files.keys()):
        try:
            content = _content(files[name])
        except _Unreadable as error:
            raise CommandFailed(f"{name}: {error}") from error
        if len(content) <= MAX_SETTINGS_BYTES:
            settings[name] = content
    try:
        return site_tree(files.keys(), settings), files
    except Refused as error:
        raise CommandFailed(f"the files below {str(root)!r} {error.message}") from error


def _walk(root: Path, failed: list[FailedDocument]) -> Iterator[Path]:
    def unreadable(error: OSError) -> None:
        where = Path(error.filename).relative_to(root).as_posix()
        failed.append(FailedDocument(_shown(f"{where}/"), f"the folder cannot be read ({error.strerror})"))

    for folder, below, names in os.walk(root, onerror=unreadable):
        below[:] = [name for name in below if is_looked_at(name)]
        for name in names:
            file = Path(folder, name)
            if is_candidate(file.relative_to(root).as_posix()):
                yield file


def _with_parts(name: str, file: Path, parts: Parts, files: Mapping[str, Path]) -> bytes:
    """A file's content, with what it includes of ``files``. Raises _Unreadable, or DocumentUnreadable."""
    content = _content(file)
    held: dict[str, bytes] = {}
    asked: set[str] = set()
    for _ in range(MAX_ROUNDS):
        missing = parts.missing(name, content, held) - asked
        asked |= missing
        for part in missing:
            with suppress(_Unreadable):
                read = _content(files[part])
                if len(read) <= MAX_SETTINGS_BYTES:
                    held[part] = read
    return parts.joined(name, content, held)


def _content(file: Path) -> bytes:
    """Raises _Unreadable, which says why and what to do."""
    try:
        found = file.stat()
        if not stat.S_ISREG(found.st_mode):
            raise _Unreadable("it is no regular file")
        if found.st_size > MAX_FILE_BYTES:
            raise _Unreadable(too_large(found.st_size))
        return file.read_bytes()
    except OSError as error:
        raise _Unreadable(f"it cannot be read ({error.strerror})") from error


def _shown(uri: str) -> str:
    """A uri as it can be printed: a file's name may be no UTF-8."""
    return os.fsencode(uri).decode(errors="replace")
