"""Plain text, kept exactly as it was sent."""

import re
from typing import Final

from domain.library.model import Block, BlockKind, ParsedDocument, Section, SourceDocument
from domain.library.ports import DocumentParser

_PARAGRAPH: Final = re.compile(r"\S[^\n]*(?:\n[^\S\n]*\S[^\n]*)*")


class PlainTextParser(DocumentParser):
    """One section without a heading; what blank lines separate are paragraphs."""

    def parse(self, source: SourceDocument) -> ParsedDocument:
        text = source.content
        blocks = tuple(
            Block(found.start(), found.start() + len(found[0].rstrip()), BlockKind.PARAGRAPH)
            for found in _PARAGRAPH.finditer(text)
        )
        path = (source.title,) if source.title else ()
        sections = (Section(0, path, 0, None, blocks[0].start, blocks[-1].end),) if blocks else ()
        return ParsedDocument(text, source.title, sections, blocks)
