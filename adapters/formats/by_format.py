"""One parser for every format."""

from adapters.formats.html import HtmlParser
from adapters.formats.markdown import MarkdownParser
from adapters.formats.plain_text import PlainTextParser
from domain.library.model import Format, ParsedDocument, SourceDocument
from domain.library.ports import DocumentParser


class FormatParser(DocumentParser):
    """Gives a source to the parser of its format. Holds no state between calls: threads may share it."""

    def __init__(self) -> None:
        markdown = MarkdownParser()
        self._parsers: dict[Format, MarkdownParser | HtmlParser | PlainTextParser] = {
            Format.MARKDOWN: markdown,
            Format.MDX: markdown,
            Format.HTML: HtmlParser(),
            Format.TEXT: PlainTextParser(),
        }

    def parse(self, source: SourceDocument) -> ParsedDocument:
        return self._parsers[source.format].parse(source)
