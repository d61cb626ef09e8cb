"""Rows of the library's tables, and the values they stand for."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

import msgspec

from adapters.neon.tables import documents, passages
from adapters.neon.transaction import AnyRow
from domain.library.model import Document, DocumentVersion, Passage, PassageInDocument, Section

SECTION: Final = msgspec.json.Decoder(Section)
SECTIONS: Final = msgspec.json.Decoder(tuple[Section, ...])
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


def document_of(row: tuple[Any, ...] | AnyRow) -> Document:
    """A document from its DOCUMENT_COLUMNS."""
    found, collection, uri, title, url, peer_reviewed, metadata, version, created_at, updated_at = row
    return Document(
        found, collection, uri, title, url, peer_reviewed, METADATA.decode(metadata), version, created_at, updated_at
    )


def active_version_of(row: AnyRow, held: Sequence[AnyRow]) -> tuple[Document, DocumentVersion]:
    """From DOCUMENT_COLUMNS with the version's text and sections, and the PASSAGE_COLUMNS of its passages, by place."""
    document = document_of(row[: len(DOCUMENT_COLUMNS)])
    found = [
        Passage(passage_id, SECTION.decode(section_json).ordinal, start, end, text)
        for passage_id, start, end, text, section_json, *_ in held
    ]
    sections = SECTIONS.decode(row.sections)
    return document, DocumentVersion(document.id, document.version or "", row.text, sections, tuple(found))


def passages_of(rows: Sequence[AnyRow]) -> Mapping[Any, PassageInDocument]:
    """Passages by id from PASSAGE_COLUMNS and DOCUMENT_COLUMNS; those of one document share it."""
    width = len(PASSAGE_COLUMNS)
    owners: dict[Any, Document] = {}
    found: dict[Any, PassageInDocument] = {}
    for row in rows:
        passage_id, start, end, text, section_json = row[:width]
        document_id = row[width]
        if document_id not in owners:
            owners[document_id] = document_of(row[width:])
        section = SECTION.decode(section_json)
        passage = Passage(passage_id, section.ordinal, start, end, text)
        found[passage_id] = PassageInDocument(passage, section, owners[document_id])
    return found
