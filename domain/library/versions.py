"""From a source to the next version of its document: pure, and the same for the same source."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any, Final
from uuid import UUID

from domain.library.chunking import CHUNK_CHARS, blocks_of_text, chunk, passage_id
from domain.library.model import Document, DocumentVersion, ParsedDocument, Passage, SourceDocument
from domain.library.review import peer_reviewed
from domain.library.sites import SitePlace
from domain.library.urls import document_url

PIPELINE: Final = "2"
"""Raised whenever parsing or chunking changes what it makes of the same source, so that pages are made again."""


def version_of(source: SourceDocument, base_url: str | None) -> str:
    """The SHA-256 (hex) of all that a version is made from; equal exactly when nothing would change."""
    made_from = [PIPELINE, base_url, source.uri, source.format, source.title, source.url, source.metadata]
    digest = hashlib.sha256(json.dumps(made_from, sort_keys=True, default=str).encode())
    digest.update(source.content.encode())
    return digest.hexdigest()


def make_version(
    document_id: UUID, version: str, parsed: ParsedDocument, *, chunk_chars: int = CHUNK_CHARS
) -> DocumentVersion:
    """Cut a parsed document into passages whose ids stay the same as long as section and text do."""
    passages = _cut(document_id, parsed, chunk_chars)
    return DocumentVersion(document_id, version, parsed.text, parsed.sections, passages, parsed.blocks)


def cut_again(version: DocumentVersion, chunk_chars: int) -> DocumentVersion:
    """
    The same version in passages of another length, from what is kept of it alone.

    A version of a time before blocks were kept is cut where its text has empty lines.
    """
    blocks = version.blocks
    if blocks is None:
        blocks = blocks_of_text(version.text, version.sections)
    parsed = ParsedDocument(version.text, None, version.sections, blocks)
    return replace(version, passages=_cut(version.document_id, parsed, chunk_chars))


def _cut(document_id: UUID, parsed: ParsedDocument, chunk_chars: int) -> tuple[Passage, ...]:
    seen: Counter[tuple[tuple[str, ...], str]] = Counter()
    passages = []
    for span in chunk(parsed, chunk_chars=chunk_chars):
        text = parsed.text[span.start : span.end]
        heading_path = parsed.sections[span.section].heading_path
        ordinal = seen[heading_path, text]
        seen[heading_path, text] += 1
        identity = passage_id(document_id, heading_path, text, ordinal)
        passages.append(Passage(identity, span.section, span.start, span.end, text))
    return tuple(passages)


def described(document: Document, source: SourceDocument, parsed: ParsedDocument, base_url: str | None) -> Document:
    """The document as this source and its own front matter describe it; the caller's word goes first."""
    metadata: Mapping[str, Any] = {**parsed.metadata, **source.metadata}
    return Document(
        id=document.id,
        collection=document.collection,
        uri=source.uri,
        title=source.title or parsed.title or PurePosixPath(source.uri).stem or source.uri,
        url=source.url or document_url(base_url, source.uri, metadata, SitePlace.of(source.metadata)),
        peer_reviewed=peer_reviewed(metadata),
        metadata=metadata,
        version=document.version,
        created_at=document.created_at,
        updated_at=document.updated_at,
    )


def filter_values(metadata: Mapping[str, Any]) -> dict[str, str]:
    """The part of a document's metadata that a search can filter by: single values, as text."""
    return {
        key: str(value).lower() if isinstance(value, bool) else str(value)
        for key, value in metadata.items()
        if isinstance(value, str | int | float | bool)
    }
