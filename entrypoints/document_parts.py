"""What preparing a document takes, by itself, so that a worker process imports nothing else of the service."""

from functools import partial
from typing import Final

from adapters.bm25.analyzer import SnowballAnalyzer
from adapters.bm25.encoder import Bm25SparseEncoder
from adapters.formats.by_format import FormatParser
from application.prepare_documents import Parts, PartsFactory
from domain.library.ports import DocumentLimits

_LIMITS: Final = DocumentLimits()


def document_parts(limits: DocumentLimits = _LIMITS) -> Parts:
    return Parts(FormatParser(limits), Bm25SparseEncoder(SnowballAnalyzer()), limits.passages)


def parts_within(blocks: int, pages: int, passages: int) -> PartsFactory:
    """The same for documents of at most so many blocks, pages and passages."""
    return partial(document_parts, DocumentLimits(blocks, pages, passages))
