"""What preparing a document takes, by itself, so that a worker process imports nothing else of the service."""

from typing import Final

from adapters.bm25.analyzer import SnowballAnalyzer
from adapters.bm25.encoder import Bm25SparseEncoder
from adapters.formats.by_format import FormatParser
from application.prepare_documents import Parts
from domain.library.ports import DocumentLimits

_LIMITS: Final = DocumentLimits()


def document_parts(limits: DocumentLimits = _LIMITS) -> Parts:
    """Of documents within ``limits``."""
    return Parts(FormatParser(limits), Bm25SparseEncoder(SnowballAnalyzer()), limits.passages)
