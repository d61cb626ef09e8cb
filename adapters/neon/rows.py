"""Rows of the library's tables, and the values they stand for."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from sys import getsizeof
from typing import Any, Final

import msgspec

from adapters.neon.known_passages import KnownPassage
from adapters.neon.tables import documents, passages
from adapters.neon.transaction import AnyRow
from domain.access.readable import ReadableCollections
from domain.library.chunking import CHUNK_CHARS
from domain.library.model import Block, BlockKind, Document, DocumentVersion, Passage, PassageInDocument, Section

SECTION: Final = msgspec.json.Decoder(Section)
SECTIONS: Final = msgspec.json.Decoder(tuple[Section, ...])
BLOCKS: Final = msgspec.json.Decoder(list[tuple[int, int, str]])
_OF_ONE: Final = 1_000
"""Bytes, about, that a passage takes besides its text, headings and metadata."""
METADATA: Final = msgspec.json.Decoder(dict[str, Any])

DOCUMENT_COLUMNS: Final = (
    documents.c.id,
    documents.c.collection,
    documents.c.uri,
    documents.c.title,
    documents.c.url,
    documents.c.peer_reviewed,
    documents.c.metadata,
    documents.c.version,
    documents.c.created_at,
    documents.c.updated_at,
)
PASSAGE_COLUMNS: Final = (passages.c.id, passages.c.start, passages.c.end, passages.c.text, passages.c.section)


def uri_hash(uri: str) -> bytes:
    return sha256(uri.encode()).digest()


def as_json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def blocks_as_text(blocks: Sequence[Block] | None) -> str | None:
    """Where each begins and ends, and the first letters of what it is: a quarter of the room that names would take."""
    if blocks is None:
        return None
    return as_json([(block.start, block.end, block.kind.value[0]) for block in blocks])


_KINDS: Final = {kind.value[0]: kind for kind in BlockKind}


def _blocks_of(kept: str | None) -> tuple[Block, ...] | None:
    if kept is None:
        return None
    return tuple(Block(start, end, _KINDS[kind]) for start, end, kind in BLOCKS.decode(kept))


def document_of(row: tuple[Any, ...] | AnyRow) -> Document:
    """A document from its DOCUMENT_COLUMNS."""
    found, collection, uri, title, url, peer_reviewed, metadata, version, created_at, updated_at = row
    return Document(
        found, collection, uri, title, url, peer_reviewed, METADATA.decode(metadata), version, created_at, updated_at
    )


def active_version_of(row: AnyRow, held: Sequence[AnyRow]) -> tuple[Document, DocumentVersion]:
    """From DOCUMENT_COLUMNS, the version's text, sections and blocks, and its passages' PASSAGE_COLUMNS by place."""
    document = document_of(row[: len(DOCUMENT_COLUMNS)])
    found = [
        Passage(passage_id, SECTION.decode(section_json).ordinal, start, end, text)
        for passage_id, start, end, text, section_json, *_ in held
    ]
    sections = SECTIONS.decode(row.sections)
    blocks = _blocks_of(row.blocks)
    return document, DocumentVersion(document.id, document.version or "", row.text, sections, tuple(found), blocks)


def passages_of(rows: Sequence[AnyRow]) -> Mapping[Any, PassageInDocument]:
    """Passages by id from a key, PASSAGE_COLUMNS, DOCUMENT_COLUMNS and more; those of one document share it."""
    width = 1 + len(PASSAGE_COLUMNS)
    owners: dict[Any, Document] = {}
    found: dict[Any, PassageInDocument] = {}
    for row in rows:
        _, passage_id, start, end, text, section_json = row[:width]
        document_id = row[width]
        if document_id not in owners:
            owners[document_id] = document_of(row[width : width + len(DOCUMENT_COLUMNS)])
        section = SECTION.decode(section_json)
        passage = Passage(passage_id, section.ordinal, start, end, text)
        found[passage_id] = PassageInDocument(passage, section, owners[document_id])
    return found


def known_of(row: AnyRow, passage: PassageInDocument) -> KnownPassage:
    """
    From such a row, which ends with how long the version is cut, and the state of the library.

    What passages share of their document and section counts for each of them.
    """
    text, section_json, metadata = row[4], row[5], row[12]
    texts = getsizeof(text) + sum(map(getsizeof, row[8:11]))
    return KnownPassage(row[0], passage, row[-2], _OF_ONE + texts + 2 * len(section_json) + 8 * len(metadata))


def cuts_of(readable: ReadableCollections, cuts: Mapping[str, int] | None) -> list[tuple[str, int]]:
    """Each readable collection with how long it is cut."""
    return [(name, (cuts or {}).get(name, CHUNK_CHARS)) for name in readable]
