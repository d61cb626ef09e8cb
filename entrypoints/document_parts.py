"""What preparing a document takes, by itself, so that a worker process imports nothing else of the service."""

from adapters.bm25.analyzer import SnowballAnalyzer
from adapters.bm25.encoder import Bm25SparseEncoder
from adapters.formats.by_format import FormatParser
from application.prepare_documents import Parts


def document_parts() -> Parts:
    return FormatParser(), Bm25SparseEncoder(SnowballAnalyzer())
