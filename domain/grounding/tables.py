"""Tables in a passage: which row stands under which head, and what a row's cells say."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from domain.grounding.overlap import Unit

ROW: Final = "|"
"""What a table row begins with, as parsing leaves it."""
_CELL_BORDER: Final = re.compile(r"(?<!\\)\|")
_BLANK_LINE: Final = re.compile(r"\n[ \t]*\n")
_LABEL_WORDS: Final = 4
_NO_LABEL: Final = re.compile(r"[\d`.,:;(\[{<]")
"""What the names of columns seldom have, and the rows of a table cut in two mostly do."""


def cells_of(row: str) -> list[str]:
    """The cells of a table row, trimmed; empty ones stay."""
    return [cell.strip() for cell in _CELL_BORDER.split(row.strip().removeprefix(ROW).removesuffix(ROW))]


@lru_cache(maxsize=512)  # asked by abstaining and by quoting
def heads_of(text: str, units: tuple[Unit, ...]) -> Sequence[int | None]:
    """
    Of each unit of a passage the place of the head that it is a row under; None for what is no such row.

    A table that the passage begins with may be the rest of one that was cut: its first row is a head only where all its
    cells are labels.
    """
    found: list[int | None] = []
    head: int | None = None
    end = 0
    for place, unit in enumerate(units):
        start = unit.span.start
        if text[start] != ROW:
            head = None
        elif head is None or _BLANK_LINE.search(text, end, start):
            head = place
            found.append(None)
            end = unit.span.end
            continue
        usable = head is not None and (head > 0 or _is_head(units[0].span.of(text)))
        found.append(head if usable else None)
        end = unit.span.end
    return tuple(found)


def _is_head(row: str) -> bool:
    return all(0 < len(cell.split()) <= _LABEL_WORDS and not _NO_LABEL.search(cell) for cell in cells_of(row))


def row_stems(text: str, units: tuple[Unit, ...]) -> Sequence[frozenset[str]]:
    """The stems of each unit, a row's with those of its head: what a cell says, its column is named for."""
    if ROW not in text:
        return [unit.stems for unit in units]
    heads = heads_of(text, units)
    return [
        unit.stems if head is None else unit.stems | units[head].stems for unit, head in zip(units, heads, strict=True)
    ]
