"""From a folder on disk to documents: what goes in, under which uri, and what cannot."""

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from domain.errors import Refused
from domain.library.model import MAX_DOCUMENT_CHARS, Format, SourceDocument
from entrypoints.terminal.failures import CommandFailed

FORMATS: Final = {
    ".md": Format.MARKDOWN,
    ".markdown": Format.MARKDOWN,
    ".mdx": Format.MDX,
    ".html": Format.HTML,
    ".htm": Format.HTML,
    ".txt": Format.TEXT,
}
_NOT_DOCUMENTS: Final = frozenset({"node_modules", "bower_components", "site-packages", "__pycache__", "__tests__"})
_MAX_BYTES: Final = 4 * MAX_DOCUMENT_CHARS
"""UTF-8 takes four bytes to a character at most: a longer file need not be opened to be refused."""


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

    Hidden files and installed packages are left out, and what begins with ``_``, which Docusaurus takes for partials:
    pages include them, they are none. A file that is named itself goes in whatever its name.

    Raises UsageError for a path that is not there or a file that is no document, CommandFailed for an empty folder.
    """
    if not path.exists():
        raise click.UsageError(f"there is no file or folder {str(path)!r}")
    failed: list[FailedDocument] = []
    if path.is_dir():
        files = sorted((file.relative_to(path).as_posix(), file) for file in _walk(path, failed))
    elif path.suffix.lower() in FORMATS:
        files = [(path.name, path)]
    else:
        raise click.UsageError(f"{path.name!r} is none of {', '.join(FORMATS)}")
    documents: dict[str, SourceDocument] = {}
    for uri, file in files:
        try:
            source = SourceDocument.checked(uri, _text(file), FORMATS[file.suffix.lower()], at="document")
            if source.uri in documents:
                raise _Unreadable(f"another file has the uri {source.uri!r} too; rename one")
            documents[source.uri] = source
        except (_Unreadable, Refused) as error:
            failed.append(FailedDocument(_shown(uri), str(error)))
    if not documents and not failed:
        raise CommandFailed(f"there is no document below {str(path)!r}; looked for {', '.join(FORMATS)}")
    return ReadDocuments(list(documents.values()), sorted(failed, key=lambda one: one.uri))


class _Unreadable(Exception):
    pass


def _walk(root: Path, failed: list[FailedDocument]) -> Iterator[Path]:
    def unreadable(error: OSError) -> None:
        where = Path(error.filename).relative_to(root).as_posix()
        failed.append(FailedDocument(_shown(f"{where}/"), f"the folder cannot be read ({error.strerror})"))

    for folder, below, names in os.walk(root, onerror=unreadable):
        below[:] = [name for name in below if _goes_in(name)]
        for name in names:
            if _goes_in(name) and Path(name).suffix.lower() in FORMATS:
                yield Path(folder, name)


def _goes_in(name: str) -> bool:
    return not name.startswith((".", "_")) and name not in _NOT_DOCUMENTS


def _text(file: Path) -> str:
    """Raises _Unreadable, which says why and what to do."""
    try:
        found = file.stat()
        if not stat.S_ISREG(found.st_mode):
            raise _Unreadable("it is no regular file")
        if found.st_size > _MAX_BYTES:
            raise _Unreadable(f"it has {found.st_size:,} bytes; split it: {MAX_DOCUMENT_CHARS:,} characters are taken")
        content = file.read_bytes()
    except OSError as error:
        raise _Unreadable(f"it cannot be read ({error.strerror})") from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if content.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise _Unreadable("it is UTF-16; save it as UTF-8") from error
        byte = f"byte 0x{content[error.start]:02x} at {error.start:,}"
        raise _Unreadable(f"it is not UTF-8 ({byte}); save it as UTF-8") from error


def _shown(uri: str) -> str:
    """A uri as it can be printed: a file's name may be no UTF-8."""
    return os.fsencode(uri).decode(errors="replace")
