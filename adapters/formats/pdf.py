"""PDF files: their text page by page, headings where the file has them, page numbers kept."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, pairwise
from typing import Any, Final

import pypdfium2 as pdfium

from adapters.formats.binary import file_in
from adapters.formats.builder import DocumentBuilder
from adapters.formats.pdf_lines import Line, lines_of
from domain.errors import DocumentUnreadable
from domain.library.model import BlockKind, ParsedDocument, SourceDocument
from domain.library.ports import DocumentLimits, DocumentParser

_MOST_PAGES: Final = DocumentLimits().pages
_HEADING_GROWTH: Final = 1.12
"""How much larger than the body a line's type must be to be a heading: 11 points over 10 is emphasis, 12 is one."""
_HEADING_CHARS: Final = 150
_LEVELS: Final = 4
_PARAGRAPH_GAP: Final = 1.3
"""Of the usual distance between lines, from which on a new paragraph begins."""
_INDENT: Final = 0.6
"""Of the size of type; a line that begins so far to the right of the one above opens a paragraph."""
_FULL: Final = 0.7
"""Of the width of the text: a line that is shorter was ended on purpose, as those of code and of tables are."""
_SAME_SIZE: Final = 0.5
_FURNITURE_LINES: Final = 2
_FURNITURE_PAGES: Final = 4
_DIGITS: Final = re.compile(r"\d+|\b[ivxlc]+\b")
_LIST_ITEM: Final = re.compile(r"(?:[•‣◦▪●–∙·*-]|\(?\d{1,3}[.)]|\(?[a-z][.)])\s+\S")
_NUMBERED: Final = re.compile(r"(?:\d+(?:\.\d+)*\.?|[A-Z](?:\.\d+)+|[IVX]+\.)\s+")


class PdfParser(DocumentParser):
    """
    Reads what a PDF's text layer says.

    Lines that return at the head or foot of the pages are left out, columns read one after the other, words hyphenated
    at a line's end joined. Headings are those of the outline; without an outline, lines of larger type. A section ends
    with its page, so that a citation can name the page.
    """

    def __init__(self, most_pages: int = _MOST_PAGES) -> None:
        self._most_pages = most_pages

    def parse(self, source: SourceDocument) -> ParsedDocument:
        try:
            with pdfium.PdfDocument(file_in(source)) as file:
                return self._read(source, file)
        except pdfium.PdfiumError as error:
            reason = (
                "it is locked by a password" if "password" in str(error).lower() else "it is not a PDF that can be read"
            )
            raise DocumentUnreadable(source.uri, reason) from error

    def _read(self, source: SourceDocument, file: pdfium.PdfDocument) -> ParsedDocument:
        if len(file) > self._most_pages:
            why = f"it has {len(file):,} pages; split it: {self._most_pages:,} are taken"
            raise DocumentUnreadable(source.uri, why)
        pages = _without_furniture([_page_lines(file, number) for number in range(1, len(file) + 1)])
        if not any(pages):
            raise DocumentUnreadable(source.uri, "it holds no text, only pictures of pages; run it through OCR first")
        said = file.get_metadata_dict(skip_empty=True)
        headings = _outlined(file, pages) or _by_size(pages)
        builder = DocumentBuilder()
        for lines in pages:
            _write(builder, lines, headings)
        title = source.title or _title(said) or builder.first_title
        return builder.build(title, _metadata(said))


def _page_lines(file: pdfium.PdfDocument, number: int) -> list[Line]:
    page = file[number - 1]
    try:
        return lines_of(page, number)
    finally:
        page.close()


def _without_furniture(pages: Sequence[list[Line]]) -> list[list[Line]]:
    """The pages without running heads, feet and page numbers: what stands at an edge of half of them, digits apart."""
    edges: Counter[str] = Counter()
    for lines in pages:
        edges.update({_DIGITS.sub("#", line.text) for line in _at_edges(lines)})
    wanted = max(_FURNITURE_PAGES, len(pages) // 3)
    repeated = {text for text, count in edges.items() if count >= wanted}
    return [
        [line for line in lines if not (_DIGITS.sub("#", line.text) in repeated and line in _at_edges(lines))]
        for lines in pages
    ]


def _at_edges(lines: Sequence[Line]) -> list[Line]:
    from_top = sorted(lines, key=lambda line: -line.bottom)
    return from_top[:_FURNITURE_LINES] + from_top[-_FURNITURE_LINES:]


def _outlined(file: pdfium.PdfDocument, pages: Sequence[Sequence[Line]]) -> dict[Line, int]:
    """The lines that the outline names, with their levels from 1; an entry that no line of its page repeats is none."""
    found: dict[Line, int] = {}
    for entry in file.get_toc(max_depth=_LEVELS):
        place = entry.get_dest()
        index = place.get_index() if place is not None else None
        if index is None or not 0 <= index < len(pages):
            continue
        wanted = _letters(entry.get_title())
        line = next((one for one in pages[index] if one not in found and _letters(one.text) == wanted), None)
        if line is not None:
            found[line] = entry.level + 1
    return found


def _by_size(pages: Sequence[Sequence[Line]]) -> dict[Line, int]:
    """Short lines of larger type than most of the text is set in; the larger, the higher."""
    sizes: Counter[float] = Counter()
    for lines in pages:
        for line in lines:
            sizes[line.size] += len(line.text)
    body = sizes.most_common(1)[0][0]
    large = [
        line
        for lines in pages
        for line in lines
        if line.size >= body * _HEADING_GROWTH
        and len(line.text) <= _HEADING_CHARS
        and re.search(r"[^\W\d_]", line.text)
    ]
    ranks = sorted({line.size for line in large}, reverse=True)
    return {line: min(ranks.index(line.size) + 1, _LEVELS) for line in large}


def _letters(text: str) -> str:
    return "".join(character for character in _NUMBERED.sub("", text, count=1).casefold() if character.isalnum())


def _write(builder: DocumentBuilder, lines: Sequence[Line], headings: Mapping[Line, int]) -> None:
    """One page: its headings and paragraphs in order."""
    if lines:
        builder.page(lines[0].page)
    for level, group in groupby(lines, key=headings.get):
        run = list(group)
        if level is None:
            for paragraph in _paragraphs(run):
                kind = BlockKind.LIST_ITEM if _LIST_ITEM.match(paragraph) else BlockKind.PARAGRAPH
                builder.block(paragraph, kind)
        else:
            words = _joined(run)  # a long heading runs over two lines
            builder.heading(words, words=words, level=level, anchor=None)


def _paragraphs(lines: Sequence[Line]) -> Iterator[str]:
    gaps = [above.bottom - below.bottom for above, below in pairwise(lines)]
    usual = _usual([gap for gap in gaps if gap > 0])
    paragraph: list[Line] = list(lines[:1])
    for (above, below), gap in zip(pairwise(lines), gaps, strict=True):
        if (gap > 0 and _ends_early(above, lines)) or _parts(above, below, gap, usual):
            yield _joined(paragraph)
            paragraph = []
        paragraph.append(below)
    if paragraph:
        yield _joined(paragraph)


def _parts(above: Line, below: Line, gap: float, usual: float) -> bool:
    """Whether a paragraph ends between two lines; one that goes on at the top of the next column does not end there."""
    if _LIST_ITEM.match(below.text) or abs(above.size - below.size) > _SAME_SIZE:
        return True
    if gap <= 0:
        return above.text.endswith((".", "!", "?", ":"))
    indented = below.left - above.left > _INDENT * below.size and above.text.endswith((".", "!", "?", ":"))
    return gap > _PARAGRAPH_GAP * usual or indented


def _ends_early(line: Line, lines: Sequence[Line]) -> bool:
    """Whether a line stops well before the others of its column do."""
    column = [one for one in lines if abs(one.left - line.left) <= 4 * line.size]
    left, right = min(one.left for one in column), max(one.right for one in column)
    return line.right < left + _FULL * (right - left)


def _usual(gaps: Sequence[float]) -> float:
    """The commonest distance between lines, to half a point."""
    counts = Counter(round(gap * 2) / 2 for gap in gaps)
    return counts.most_common(1)[0][0] if counts else 0.0


def _joined(lines: Sequence[Line]) -> str:
    text = ""
    for line in lines:
        if text and not text.endswith("\x00"):
            text += " "
        text = text.rstrip("\x00") + line.text + ("\x00" if line.hyphenated else "")
    return text.rstrip("\x00")


def _title(said: Mapping[str, str]) -> str | None:
    """The file's own title, unless it is the name of the file that it was made from."""
    title = " ".join(said.get("Title", "").split())
    return (
        None
        if not title or re.search(r"\.(?:docx?|odt|tex|dvi|indd|pdf)\Z|\AMicrosoft Word", title, re.IGNORECASE)
        else title
    )


def _metadata(said: Mapping[str, str]) -> dict[str, Any]:
    authors = [name.strip() for name in re.split(r";|,| and ", said.get("Author", "")) if name.strip()]
    return {"authors": authors} if authors else {}
