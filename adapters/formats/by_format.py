"""One parser for every format."""

from collections.abc import Callable
from typing import Final

from adapters.formats.html import HtmlParser
from adapters.formats.markdown import MarkdownParser, too_many_blocks
from adapters.formats.plain_text import PlainTextParser
from domain.errors import DocumentUnreadable
from domain.library.model import Format, ParsedDocument, SourceDocument
from domain.library.ports import DocumentLimits, DocumentParser

_LIMITS: Final = DocumentLimits()


class FormatParser(DocumentParser):
    """
    Gives a source to the parser of its format. Holds no state between calls: threads may share it.

    The rarer formats' libraries are imported with the first document of theirs: together they cost 40 MB.
    """

    def __init__(self, limits: DocumentLimits = _LIMITS) -> None:
        self._limits = limits
        markdown = MarkdownParser(limits)
        self._parsers: dict[Format, DocumentParser] = {
            Format.MARKDOWN: markdown,
            Format.MDX: markdown,
            Format.HTML: HtmlParser(),
            Format.TEXT: PlainTextParser(),
        }

    def parse(self, source: SourceDocument) -> ParsedDocument:
        if source.format not in self._parsers:
            self._parsers[source.format] = _RARER[source.format](self._limits)
        parsed = self._parsers[source.format].parse(source)
        if len(parsed.blocks) > self._limits.blocks:
            raise DocumentUnreadable(source.uri, too_many_blocks(self._limits.blocks))
        return parsed


def _rst(_: DocumentLimits) -> DocumentParser:
    from adapters.formats.restructured_text import RestructuredTextParser

    return RestructuredTextParser()


def _notebook(limits: DocumentLimits) -> DocumentParser:
    from adapters.formats.notebook import NotebookParser

    return NotebookParser(MarkdownParser(limits))


def _pdf(limits: DocumentLimits) -> DocumentParser:
    from adapters.formats.pdf import PdfParser

    return PdfParser(limits.pages)


def _docx(_: DocumentLimits) -> DocumentParser:
    from adapters.formats.docx import DocxParser

    return DocxParser()


_RARER: Final[dict[Format, Callable[[DocumentLimits], DocumentParser]]] = {
    Format.RST: _rst,
    Format.NOTEBOOK: _notebook,
    Format.PDF: _pdf,
    Format.DOCX: _docx,
}
