"""The lines of a PDF's pages, in reading order, with their place and size."""

import ctypes
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

import pypdfium2 as pdfium
import pypdfium2.raw as engine

_BREAK: Final = re.compile(r"\r\n|[\r\n]")
_HYPHEN_AT_END: Final = ("\x02", "\ufffe", "\u00ad")
"""What the engine writes where a word was hyphenated at the end of a line, and the soft hyphen itself."""
_GUTTER_SHARE: Final = 0.35
"""Of a page's lines that must lie on each side of a gutter for it to part two columns."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text: ``left`` to ``right`` and ``bottom`` in points from the page's lower left, ``size`` of type."""

    page: int
    text: str
    left: float
    right: float
    bottom: float
    size: float
    hyphenated: bool = False


def lines_of(page: pdfium.PdfPage, number: int) -> list[Line]:
    """The lines of one page; ``number`` counts from 1. Columns are read one after the other."""
    textpage = page.get_textpage()
    try:
        found = list(_found(textpage, number))
    finally:
        textpage.close()
    return _by_columns(found, page.get_width())


def _found(textpage: pdfium.PdfTextPage, number: int) -> Iterator[Line]:
    text = textpage.get_text_range()
    at = 0
    for end in (*_BREAK.finditer(text), None):
        stop = end.start() if end else len(text)
        raw = text[at:stop]
        shown = raw.strip()
        if shown and not shown.isspace():
            first = at + raw.index(shown[0])
            last = at + len(raw.rstrip()) - 1
            left, bottom, _, _ = textpage.get_charbox(first, loose=True)
            _, _, right, _ = textpage.get_charbox(last, loose=True)
            size = float(engine.FPDFText_GetFontSize(textpage, first)) * _scale(textpage, first)
            hyphenated = shown.endswith(_HYPHEN_AT_END)
            words = " ".join(shown.rstrip("".join(_HYPHEN_AT_END)).split())
            if words:
                yield Line(number, words, left, max(right, left), bottom, round(size, 1), hyphenated)
        at = end.end() if end else stop


def _scale(textpage: pdfium.PdfTextPage, index: int) -> float:
    """How much the text is stretched upwards where it stands; many producers write size 1 and scale it."""
    matrix = engine.FS_MATRIX()
    if not engine.FPDFText_GetMatrix(textpage, index, ctypes.byref(matrix)):
        return 1.0
    return float((matrix.c**2 + matrix.d**2) ** 0.5) or 1.0


def _by_columns(lines: Sequence[Line], width: float) -> list[Line]:
    """
    Lines as they are read: as the file has them, unless it leaps between two columns.

    A gutter is looked for in the middle third of the page; a line across it, such as a title, ends a band, and each
    band is read left column first.
    """
    gutter = _gutter(lines, width)
    if gutter is None:
        return list(lines)

    def side(line: Line) -> int:
        return 0 if line.right <= gutter else 2 if line.left >= gutter else 1

    ordered: list[Line] = []
    for across, group in groupby(sorted(lines, key=lambda line: -line.bottom), key=lambda line: side(line) == 1):
        band = list(group)
        ordered += band if across else sorted(band, key=lambda line: (side(line), -line.bottom, line.left))
    return ordered


def _gutter(lines: Sequence[Line], width: float) -> float | None:
    """Where two columns part, if the page has two: the place in its middle that the fewest lines cross."""
    if len(lines) < 8:
        return None
    candidates = sorted({line.left for line in lines if width / 3 < line.left < width * 2 / 3})
    best: tuple[int, float] | None = None
    for place in candidates:
        gutter = place - 0.5
        left = sum(line.right <= gutter for line in lines)
        right = sum(line.left >= gutter for line in lines)
        if min(left, right) >= _GUTTER_SHARE * len(lines) and (best is None or left + right > best[0]):
            best = (left + right, gutter)
    return best[1] if best else None
