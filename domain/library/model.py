"""What is asked about: collections of documents, their versions, sections and passages."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Generic, NamedTuple, TypeVar
from uuid import UUID

from domain.errors import OutOfRange, TextTooLong
from domain.grounding.model import Verification
from domain.library.generations import Generation
from domain.quick_init import quick_init
from domain.text import clean_text, refuse_unstorable

T = TypeVar("T")

COLLECTION_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
WEB_ADDRESS: Final = re.compile(r"https?://[A-Za-z0-9._-]+(?::[0-9]{1,5})?(?:[/?#]\S*)?")
"""
Scheme, host name, port, and whatever follows; other alphabets' host names as DNS writes them (xn--...). No user and
password, which would be shown to every reader.
"""
MAX_URI_CHARS: Final = 1_000
MAX_TITLE_CHARS: Final = 500
MAX_DESCRIPTION_CHARS: Final = 2_000
MAX_INSTRUCTIONS_CHARS: Final = 4_000
LANGUAGE: Final = re.compile(r"[a-z]{2}")
MAX_DOCUMENT_CHARS: Final = 8_000_000
"""Eight times the 1 MB of the longest page in the Docusaurus trees that were looked at; a 5 MB page goes in."""
MAX_FILE_BYTES: Final = 4 * MAX_DOCUMENT_CHARS
"""UTF-8 takes four bytes to a character at most: a longer file need not be opened to be refused."""
_MAX_BASE64_CHARS: Final = (MAX_FILE_BYTES + 2) // 3 * 4
_BASE64: Final = re.compile(r"(?:[A-Za-z0-9+/]{4})*+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")


class Visibility(StrEnum):
    PRIVATE = "private"
    MEMBERS = "members"
    PUBLIC = "public"


class Format(StrEnum):
    MARKDOWN = "markdown"
    MDX = "mdx"
    HTML = "html"
    TEXT = "text"
    RST = "rst"
    NOTEBOOK = "notebook"
    PDF = "pdf"
    DOCX = "docx"

    @property
    def binary(self) -> bool:
        """Whether a document's content is the base64 of a file, and no text."""
        return self in (Format.PDF, Format.DOCX)


@dataclass(frozen=True, slots=True)
class Collection:
    """
    A body of documents asked about together, known by its name (a slug).

    ``language`` (ISO 639-1) decides how words are reduced to stems. ``instructions`` are the operator's to a model that
    writes answers, ``verification`` what happens to the claims of a question that does not say. ``trust`` runs from 0
    to 9. ``generation`` is how it is indexed, None before its first document.
    """

    name: str
    created_at: datetime
    title: str = ""
    description: str = ""
    visibility: Visibility = Visibility.PRIVATE
    language: str = "en"
    trust: int = 5
    instructions: str = ""
    verification: Verification = Verification.FLAG
    generation: Generation | None = None


def check_collection(collection: Collection) -> Collection:
    """
    A caller's collection, its title trimmed.

    Raises a Refused that names the field.
    """
    title = clean_text(collection.title, field="title", limit=MAX_TITLE_CHARS)
    _check_text("description", collection.description, MAX_DESCRIPTION_CHARS)
    _check_text("instructions", collection.instructions, MAX_INSTRUCTIONS_CHARS)
    if not LANGUAGE.fullmatch(collection.language):
        raise OutOfRange("language", "must be a code of two lower-case letters (ISO 639-1)")
    if not 0 <= collection.trust <= 9:
        raise OutOfRange("trust", "must be 0 to 9")
    return replace(collection, name=collection_name(collection.name, field="name"), title=title)


def _check_text(name: str, text: str, limit: int) -> None:
    if len(text) > limit:
        raise TextTooLong(name, limit=limit, actual=len(text))
    refuse_unstorable(text, field=name)


def collection_name(value: str, *, field: str = "collection") -> str:
    """A caller's collection name, checked: lower-case letters, digits and inner hyphens, at most 64."""
    if not COLLECTION_NAME.fullmatch(value):
        raise OutOfRange(field, "must be 1 to 64 lower-case letters, digits and inner hyphens")
    return value


def web_address(value: str, *, field: str) -> str:
    """An address that a reader may be sent to. Raises OutOfRange for what no browser would take for one."""
    if not WEB_ADDRESS.fullmatch(value):
        raise OutOfRange(field, "must be an address that begins with https:// or http://, and has no spaces")
    return value


@dataclass(frozen=True, slots=True)
class SourceDocument:
    """
    A document as its owner sent it. ``uri`` is its stable name in the collection; ``url`` where readers find it.

    ``content`` is its text, or the base64 of the file where the format is binary.
    """

    uri: str
    content: str
    format: Format
    title: str | None = None
    url: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @staticmethod
    def checked(
        uri: str,
        content: str,
        format: Format,  # noqa: A002  the wire's own word
        *,
        title: str | None = None,
        url: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        at: str = "documents[0]",
    ) -> "SourceDocument":
        """Build one from a caller's values; raises a Refused that names the field below ``at``."""
        clean_text(uri, field=f"{at}.uri", limit=MAX_URI_CHARS)
        if title is not None:
            title = clean_text(title, field=f"{at}.title", limit=MAX_TITLE_CHARS)
        if url is not None:
            url = clean_text(url, field=f"{at}.url", limit=2_000)
            web_address(url, field=f"{at}.url")
        _check_content(content, format, f"{at}.content")
        for text in _texts_in(metadata):
            refuse_unstorable(text, field=f"{at}.metadata")
        return SourceDocument(uri.strip(), content, format, title, url, metadata or {})


def _check_content(content: str, kind: Format, field: str) -> None:
    limit = _MAX_BASE64_CHARS if kind.binary else MAX_DOCUMENT_CHARS
    if len(content) > limit:
        raise TextTooLong(field, limit=limit, actual=len(content))
    if kind.binary and not _BASE64.fullmatch(content):
        raise OutOfRange(field, f"must be the base64 of the file when the format is {kind}")
    refuse_unstorable(content, field=field)


def _texts_in(value: object) -> Iterator[str]:
    """Every text in a JSON-like value, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _texts_in(key)
            yield from _texts_in(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts_in(inner)


class BlockKind(StrEnum):
    """What a block of text is; CODE and TABLE rows are never cut in the middle."""

    HEADING = "heading"
    PARAGRAPH = "paragraph"
    LIST_ITEM = "list_item"
    CODE = "code"
    TABLE = "table"


@quick_init
@dataclass(frozen=True, slots=True)
class Block:
    """A run of text that belongs together: code points [start, end) of the document's text."""

    start: int
    end: int
    kind: BlockKind


@quick_init
@dataclass(frozen=True, slots=True)
class Section:
    """
    A heading and what stands under it, up to the next heading of any level: code points [start, end).

    ``heading_path`` runs from the document's title down to this heading; text before the first heading is a section of
    its own with ``level`` 0. ``anchor`` is the id that the published page gives the heading, None where it gives none
    (the page's own title, text before the first heading). ``page`` counts from 1, for paged formats.
    """

    ordinal: int
    heading_path: tuple[str, ...]
    level: int
    anchor: str | None
    start: int
    end: int
    page: int | None = None


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """
    What a parser makes of a source: normalised text, and where its sections and blocks stand in it.

    Sections are in order, do not overlap and together cover every block; blocks are in order, do not overlap and lie
    each inside one section. ``text`` is what quotes are cut from, so it holds only what a reader of the page sees.
    ``metadata`` is what the source says of itself (front matter, meta tags).
    """

    text: str
    title: str | None
    sections: tuple[Section, ...]
    blocks: tuple[Block, ...]
    metadata: Mapping[str, Any] = field(default_factory=dict)


@quick_init
@dataclass(frozen=True, slots=True)
class Passage:
    """The unit of retrieval: a verbatim span [start, end) of one version, inside one section."""

    id: UUID
    section: int
    start: int
    end: int
    text: str


@quick_init
@dataclass(frozen=True, slots=True)
class Document:
    """One page, known by its collection and uri. ``version`` is the active one, None until the first is in."""

    id: UUID
    collection: str
    uri: str
    title: str
    url: str | None
    peer_reviewed: bool | None
    metadata: Mapping[str, Any]
    version: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class DocumentVersion:
    """
    The immutable content of a document; ``version`` is the SHA-256 (hex) of everything it was made from.

    ``passages`` are one way to cut it. ``blocks`` are where it may be cut; None of a version of a time before they were
    kept.
    """

    document_id: UUID
    version: str
    text: str
    sections: tuple[Section, ...]
    passages: tuple[Passage, ...]
    blocks: tuple[Block, ...] | None = None


@quick_init
@dataclass(frozen=True, slots=True)
class PassageInDocument:
    """A passage of an active version, read back with what a citation needs to name it."""

    passage: Passage
    section: Section
    document: Document


class SpanOfVersion(NamedTuple):
    """Code points [start, end) of the text of one version."""

    document_id: UUID
    version: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a listing, newest first; ``next_cursor`` is None on the last."""

    items: Sequence[T]
    next_cursor: str | None = None


UNTOLD: Final = ""
"""In place of a word for the state that a library is in: nobody has looked."""
