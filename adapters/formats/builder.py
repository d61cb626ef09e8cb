"""Puts a document together, block by block, so that offsets are right by construction."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from domain.library.model import Block, BlockKind, ParsedDocument, Section

_GAP: Final = "\n\n"


@dataclass(slots=True)
class _OpenSection:
    words: str
    level: int
    anchor: str | None
    page: int | None = None
    start: int = -1
    end: int = -1


class DocumentBuilder:
    """Collects blocks in reading order; one blank line goes between them."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._length = 0
        self._blocks: list[Block] = []
        self._sections: list[_OpenSection] = [_OpenSection("", 0, None)]
        self.first_title: str | None = None
        self._page: int | None = None

    def page(self, number: int) -> None:
        """Begin a page, counted from 1: the open section goes on there as a section of its own, with the same path."""
        self._page = number
        last = self._sections[-1]
        if last.start < 0:
            last.page = number
        else:
            self._sections.append(_OpenSection(last.words, last.level, last.anchor, number))

    def heading(self, text: str, *, words: str, level: int, anchor: str | None) -> None:
        """Begin a section; ``words`` is the heading as a heading path shows it."""
        if level == 1 and self.first_title is None and words:
            self.first_title = words
        self._sections.append(_OpenSection(words, level, anchor, self._page))
        self.block(text, BlockKind.HEADING)

    def block(self, text: str, kind: BlockKind, *, indent: str = "") -> None:
        """Add a block; blank text adds none. ``indent`` goes before it and is no part of it."""
        if not text or text.isspace():
            return
        before = (_GAP if self._blocks else "") + indent
        start = self._length + len(before)
        self._length = start + len(text)
        self._pieces += (before, text)
        self._blocks.append(Block(start, self._length, kind))
        section = self._sections[-1]
        if section.start < 0:
            section.start = start
        section.end = self._length

    def build(self, title: str | None, metadata: Mapping[str, Any]) -> ParsedDocument:
        """Close the document. A section in which nothing is shown is left out, its heading stays in the paths."""
        sections: list[Section] = []
        path: list[_OpenSection] = []
        for section in self._sections:
            if section.level:
                while path and path[-1].level >= section.level:
                    path.pop()
                path.append(section)
            if section.start >= 0:
                words = _heading_path(title, path)
                sections.append(
                    Section(
                        len(sections), words, section.level, section.anchor, section.start, section.end, section.page
                    )
                )
        return ParsedDocument("".join(self._pieces), title, tuple(sections), tuple(self._blocks), metadata)


def _heading_path(title: str | None, path: list[_OpenSection]) -> tuple[str, ...]:
    words = tuple(section.words for section in path if section.words)
    return words if not title or words[:1] == (title,) else (title, *words)
