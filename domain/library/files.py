"""Files as documents: which go in, under which uri, and what their bytes say. The same from a folder or an archive."""

import codecs
import re
from base64 import b64encode
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, Final
from unicodedata import category

from domain.errors import DocumentUnreadable
from domain.library.model import MAX_DOCUMENT_CHARS, MAX_URI_CHARS, Format, SourceDocument

FORMATS: Final = {
    ".md": Format.MARKDOWN,
    ".markdown": Format.MARKDOWN,
    ".mdx": Format.MDX,
    ".html": Format.HTML,
    ".htm": Format.HTML,
    ".txt": Format.TEXT,
    ".rst": Format.RST,
    ".ipynb": Format.NOTEBOOK,
    ".pdf": Format.PDF,
    ".docx": Format.DOCX,
}
WEB_TYPES: Final = {
    "text/html": Format.HTML,
    "application/xhtml+xml": Format.HTML,
    "text/markdown": Format.MARKDOWN,
    "text/x-markdown": Format.MARKDOWN,
    "text/plain": Format.TEXT,
    "text/x-rst": Format.RST,
    "text/prs.fallenstein.rst": Format.RST,
    "application/x-ipynb+json": Format.NOTEBOOK,
    "application/pdf": Format.PDF,
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": Format.DOCX,
}
"""What a web server's content types say of a page's format; others are not taken."""
_CHARSET: Final = re.compile(
    r"ascii|utf[-_]?(?:8|16|32).*|iso8859.*|cp\d+|koi8.*|gb.*|big5.*|euc.*|shift_jis.*|iso2022.*"
)
"""Names of Python's text codecs that pages are written in. Others decode no text of any page, or take for ever."""
_META_CHARSET: Final = re.compile(rb"""<meta[^>]{0,200}charset\s*=\s*["']?([A-Za-z0-9_.:-]{2,40})""", re.IGNORECASE)

_HTML_START: Final = re.compile(rb"\s*(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html[\s>])", re.IGNORECASE | re.DOTALL)

_NOT_DOCUMENTS: Final = frozenset({"node_modules", "bower_components", "site-packages", "__pycache__", "__tests__"})


def format_of(name: str) -> Format | None:
    """What a file's name says of its format; None for a file that is no document."""
    return FORMATS.get(PurePosixPath(name).suffix.lower())


def is_looked_at(name: str) -> bool:
    """Whether a file or folder of this one name is looked at: hidden ones and installed packages are not."""
    return not name.startswith(".") and name not in _NOT_DOCUMENTS


def goes_in(name: str) -> bool:
    """
    Whether a file or folder of this one name is, or may hold, documents of a plain folder or of Docusaurus.

    What begins with ``_`` does not, which Docusaurus takes for partials: pages include them, they are none.
    """
    return is_looked_at(name) and not name.startswith("_")


def uri_of(name: str) -> str:
    """
    The uri of a file by its path in a tree, with ``/`` whatever wrote it.

    Raises DocumentUnreadable for a path that is absolute, leads out of the tree, or cannot be a uri.
    """
    parts = name.replace("\\", "/").split("/")
    if parts[0] == "" or parts[0].endswith(":"):
        raise DocumentUnreadable(shown(name), "its path is absolute; paths must lie inside the tree")
    if ".." in parts:
        raise DocumentUnreadable(shown(name), "its path leads out of the tree")
    uri = "/".join(part for part in parts if part not in ("", "."))
    if len(uri) > MAX_URI_CHARS:
        raise DocumentUnreadable(shown(name), f"its path has {len(uri):,} characters; at most {MAX_URI_CHARS:,} go in")
    if shown(uri) != uri or not uri.strip():
        raise DocumentUnreadable(shown(name), "its name holds characters that no uri has; rename it")
    return uri


def shown(name: str) -> str:
    """A file's name as it can be stored: control characters and broken ones replaced, at most as long as a uri."""
    return "".join("�" if category(one) in ("Cc", "Cs") else one for one in name[:MAX_URI_CHARS])


def text_of(uri: str, content: bytes) -> str:
    """The text of a file. Raises DocumentUnreadable, which says why and what to do."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if content.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise DocumentUnreadable(uri, "it is UTF-16; save it as UTF-8") from error
        byte = f"byte 0x{content[error.start]:02x} at {error.start:,}"
        raise DocumentUnreadable(uri, f"it is not UTF-8 ({byte}); save it as UTF-8") from error


def document_of(uri: str, content: bytes, metadata: Mapping[str, Any] | None = None) -> SourceDocument:
    """
    A file as a document, with what is known of it besides.

    Raises DocumentUnreadable, or a Refused for a text that cannot be stored.
    """
    named = format_of(uri)
    if named is None:
        raise DocumentUnreadable(uri, f"files of this type are not read; {', '.join(FORMATS)} are")
    kind = _format_within(content, named)
    if kind.binary and not content:
        raise DocumentUnreadable(uri, "it is empty")
    text = b64encode(content).decode("ascii") if kind.binary else text_of(uri, content)
    return SourceDocument.checked(uri, text, kind, metadata=metadata, at="document")


def web_document(uri: str, content: bytes, content_type: str, charset: str | None) -> SourceDocument:
    """
    A page of the web as a document; ``content_type`` is one of WEB_TYPES.

    Raises DocumentUnreadable, or a Refused for a text that cannot be stored.
    """
    kind = WEB_TYPES[content_type]
    if kind is Format.TEXT:
        # Servers say text/plain of every text whose name they do not know.
        named = format_of(re.sub(r"[?#].*", "", uri)) or kind
        kind = kind if named.binary else named
    kind = _format_within(content, kind)
    if kind.binary:
        text = b64encode(content).decode("ascii")
    else:
        text = _decoded(content, charset, is_html=kind is Format.HTML)
    return SourceDocument.checked(uri, text, kind, url=uri, at="page")


def _decoded(content: bytes, charset: str | None, *, is_html: bool) -> str:
    """By its byte order mark, else as the server says, else as the page says, else UTF-8 where it is, else Latin."""
    if content.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-8-sig" if content.startswith(b"\xef") else "utf-16", "replace")
    said = _META_CHARSET.search(content[:2_048]) if is_html else None
    for name in (charset, said and said[1].decode("ascii"), "utf-8"):
        codec = _codec(name) if name else None
        if codec is None:
            continue
        try:
            return content.decode(codec)
        except UnicodeDecodeError:
            continue
    return content.decode("cp1252", "replace")


def _codec(name: str) -> str | None:
    try:
        found = codecs.lookup(name).name
    except (LookupError, ValueError):
        return None
    # To a browser Latin-1 is its superset (WHATWG Encoding, section 4.2).
    return ("cp1252" if found == "iso8859-1" else found) if _CHARSET.fullmatch(found) else None


def _format_within(content: bytes, named: Format) -> Format:
    """What a file is by its first bytes, where they tell; else what its name says."""
    start = content[:2_048]
    if start.lstrip()[:5] == b"%PDF-":
        return Format.PDF
    if start.startswith(b"PK\x03\x04") and b"word/" in content[-65_536:]:
        return Format.DOCX
    if named is Format.TEXT and _HTML_START.match(start):
        return Format.HTML
    return named


def too_large(size: int) -> str:
    """Why a file of more than MAX_FILE_BYTES is refused."""
    return f"it has {size:,} bytes; split it: {MAX_DOCUMENT_CHARS:,} characters are taken"
