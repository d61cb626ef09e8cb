"""From a staged document to all that will be stored and indexed of it: pure, and the heavy part of an ingestion."""

import hashlib
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple, Protocol, TypeAlias
from uuid import UUID

from application.ports import DocumentOutcome, Outcome, StagedDocument
from domain.errors import DocumentUnreadable, TooManyPassages
from domain.library.chunking import CHUNK_CHARS, in_context, passage_input
from domain.library.model import Document, DocumentVersion, Passage
from domain.library.ports import Activation, DocumentLimits, DocumentParser
from domain.library.versions import cut_again, described, make_version
from domain.retrieval.model import SparseVector
from domain.retrieval.ports import SparseEncoder


class Parts(NamedTuple):
    """What preparing takes besides the document."""

    parser: DocumentParser
    sparse_encoder: SparseEncoder
    most_passages: int = DocumentLimits().passages


PartsFactory: TypeAlias = Callable[[], Parts]


@dataclass(frozen=True, slots=True)
class Preparation:
    """One document to prepare, ``before`` as it is registered now; ``version`` is what its next version is called."""

    staged: StagedDocument
    before: Document
    version: str
    base_url: str | None
    language: str
    at: datetime
    chunk_chars: int = CHUNK_CHARS

    @property
    def ordinal(self) -> int:
        return self.staged.ordinal

    @property
    def document_id(self) -> UUID:
        return self.before.id


@dataclass(frozen=True, slots=True)
class Recutting:
    """A document as it is kept, to be indexed in another way; cut so long unless its version holds passages."""

    ordinal: int
    document: Document
    version: DocumentVersion
    chunk_chars: int
    language: str

    @property
    def document_id(self) -> UUID:
        return self.document.id


@dataclass(frozen=True, slots=True)
class PreparedDocument:
    """One document ready to be indexed and switched to; an embedded input, its hash, a sparse vector per passage."""

    ordinal: int
    outcome: Outcome
    activation: Activation
    inputs: tuple[str, ...]
    hashes: tuple[bytes, ...]
    sparse: Sequence[SparseVector]


@dataclass(frozen=True, slots=True)
class Unprepared:
    """One document that cannot be read or is too much, and why."""

    ordinal: int
    outcome: DocumentOutcome


class Preparer(Protocol):
    """Prepares documents where it keeps nobody waiting: off the event loop, in a thread or another process."""

    def expect(self) -> None:
        """Documents are about to come: what takes time to begin may begin now. Returns at once."""

    @abstractmethod
    async def prepare(self, preparations: Sequence[Preparation | Recutting]) -> Sequence[PreparedDocument | Unprepared]:
        """
        One result per preparation, in the order given; what one document holds changes nothing for the others.

        Raises PortUnavailable when the work was cut off, as when a document takes all memory: fewer at once may do.
        """


def prepare(preparation: Preparation | Recutting, parts: Parts) -> PreparedDocument | Unprepared:
    """
    Parse, cut, hash and analyse one document.

    One that is kept already is cut again into however many passages: a limit that is lower now must not cost it its
    place in an index that is rebuilt.
    """
    if isinstance(preparation, Recutting):
        return _recut(preparation, parts)
    staged, before, source = preparation.staged, preparation.before, preparation.staged.source
    try:
        parsed = parts.parser.parse(source)
        if not parsed.text.strip():
            raise DocumentUnreadable(source.uri, "there is no text in it")
        made = make_version(before.id, preparation.version, parsed, chunk_chars=preparation.chunk_chars)
        if len(made.passages) > parts.most_passages:
            raise TooManyPassages(source.uri, limit=parts.most_passages, actual=len(made.passages))
    except (DocumentUnreadable, TooManyPassages) as error:
        return Unprepared(staged.ordinal, DocumentOutcome(source.uri, Outcome.FAILED, error.reason))
    now = described(before, source, parsed, preparation.base_url)
    document = replace(now, version=preparation.version, updated_at=preparation.at)
    outcome = Outcome.ADDED if before.version is None else Outcome.UPDATED
    return _prepared(staged.ordinal, outcome, document, made, preparation.chunk_chars, preparation.language, parts)


def _recut(asked: Recutting, parts: Parts) -> PreparedDocument:
    version = asked.version if asked.version.passages else cut_again(asked.version, asked.chunk_chars)
    return _prepared(asked.ordinal, Outcome.UPDATED, asked.document, version, asked.chunk_chars, asked.language, parts)


def _prepared(
    ordinal: int,
    outcome: Outcome,
    document: Document,
    version: DocumentVersion,
    chunk_chars: int,
    language: str,
    parts: Parts,
) -> PreparedDocument:
    inputs = embedded_texts(document.title, version)
    hashes = tuple(hashlib.sha256(text.encode()).digest() for text in inputs)
    return PreparedDocument(
        ordinal=ordinal,
        outcome=outcome,
        activation=Activation(document, version, hashes, chunk_chars=chunk_chars),
        inputs=inputs,
        hashes=hashes,
        sparse=parts.sparse_encoder.encode_passages(indexed_texts(document.title, version), language=language),
    )


def embedded_texts(title: str, version: DocumentVersion) -> tuple[str, ...]:
    """What is embedded for each passage of a version of a document with this title."""
    return tuple(
        passage_input(title, version.sections[passage.section].heading_path, passage.text)
        for passage in version.passages
    )


def indexed_texts(title: str, version: DocumentVersion) -> list[str]:
    """What is analysed into terms for each passage."""
    return [_indexed(title, version, passage) for passage in version.passages]


def _indexed(title: str, version: DocumentVersion, passage: Passage) -> str:
    section = version.sections[passage.section]
    context = in_context(version.text, section, passage.start, passage.end)
    return passage_input(title, section.heading_path, context)
