"""Paragraphs and the lists that they stand in."""

from dataclasses import dataclass
from typing import Final

from adapters.formats.builder import DocumentBuilder
from domain.library.model import BlockKind

MAX_INDENT: Final = 120
"""Spaces; lists that nest deeper stand below one another, as else the text would grow by the square of the depth."""


@dataclass(slots=True)
class _List:
    """A list being read: its next number (None for bullets) and how far its items are indented."""

    number: int | None
    indent: str
    hanging: str = ""
    marker: str = ""


class Paragraphs:
    """Writes paragraphs; the first of a list item with the item's marker, later ones indented below it."""

    def __init__(self, builder: DocumentBuilder) -> None:
        self._builder = builder
        self._lists: list[_List] = []

    def open_list(self, number: int | None) -> None:
        """Begin a list inside the item being read; ``number`` is its first, None for bullets."""
        self._lists.append(_List(number, self._lists[-1].hanging if self._lists else ""))

    def close_list(self) -> None:
        if self._lists:
            self._lists.pop()

    def item(self) -> None:
        """Begin an item of the innermost list."""
        if not self._lists:
            self.open_list(None)
        inner = self._lists[-1]
        if inner.number is None:
            inner.marker = "- "
        else:
            inner.marker = f"{inner.number}. "
            inner.number += 1
        inner.hanging = (inner.indent + " " * len(inner.marker))[:MAX_INDENT]

    @property
    def begins_item(self) -> bool:
        """Whether the next paragraph is the first of its list item."""
        return bool(self._lists and self._lists[-1].marker)

    def write(self, text: str) -> None:
        if not text or not self._lists:
            self._builder.block(text, BlockKind.PARAGRAPH)
            return
        inner = self._lists[-1]
        marker, inner.marker = inner.marker, ""
        kind, indent = (BlockKind.LIST_ITEM, inner.indent) if marker else (BlockKind.PARAGRAPH, inner.hanging)
        self._builder.block(marker + text.replace("\n", "\n" + inner.hanging), kind, indent=indent)
