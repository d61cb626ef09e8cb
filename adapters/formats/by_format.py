"""One parser for every format."""

from collections.abc import Callable
from typing import Final

from adapters.formats.html import HtmlParser
from adapters.formats.markdown import MarkdownParser
from adapters.formats.plain_text import PlainTextParser
from domain.library.model import Format, ParsedDocument, SourceDocument
from domain.library.ports import DocumentParser


class FormatParser(DocumentParser):
    """
    Gives a source to the parser of its format. Holds no state between calls: threads may share it.

    The rarer formats' libraries are imported with the first document of theirs: together they cost 40 MB.
    """

    def __init__(self) -> None:
        markdown = MarkdownParser()
        self._parsers: dict[Format, DocumentParser] = {
            Format.MARKDOWN: markdown,
            Format.MDX: markdown,
            Format.HTML: HtmlParser(),
            Format.TEXT: PlainTextParser(),
        }

    def parse(self, source: SourceDocument) -> ParsedDocument:
        if source.format not in self._parsers:
            self._parsers[source.format] = _RARER[source.format]()
        return self._parsers[source.format].parse(source)


def _rst() -> DocumentParser:
    from adapters.formats.restructured_text import RestructuredTextParser

    return RestructuredTextParser()


def _notebook() -> DocumentParser:
    from adapters.formats.notebook import NotebookParser

    return NotebookParser(MarkdownParser())


def _pdf() -> DocumentParser:
    from adapters.formats.pdf import PdfParser

    return PdfParser()


def _docx() -> DocumentParser:
    from adapters.formats.docx import DocxParser

    return DocxParser()


_RARER: Final[dict[Format, Callable[[], DocumentParser]]] = {
    Format.RST: _rst,
    Format.NOTEBOOK: _notebook,
    Format.PDF: _pdf,
    Format.DOCX: _docx,
}
