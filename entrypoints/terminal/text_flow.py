"""Text that arrives in pieces, wrapped at word borders as it comes."""

import re
from collections.abc import Callable
from typing import Final

from rich.cells import cell_len

_RUN: Final = re.compile(r"\n|[^\S\n]+|\S+")
_BULLET: Final = re.compile(r"[-*+•]|\d{1,3}[.)]")

# C0 but for newline and tab, DEL, C1, and the marks that turn the reading direction around: a document must not be
# able to move a reader's cursor, recolour the terminal or show a text in another order than it is stored.
_UNPRINTABLE: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    """A text of a document or a service without what a terminal would obey."""
    return _UNPRINTABLE.sub("", text)


class TextFlow:
    """
    Passes text on to ``write`` word by word; a word waits for its end, a line that would pass ``width`` is broken.

    ``width`` None breaks nothing. Lines inside a code fence stay as they are; a list item's next lines stand under
    its first word.
    """

    def __init__(self, write: Callable[[str], None], *, width: int | None) -> None:
        self.line_widths: list[int] = []
        """Columns of each line that has ended."""
        self._write = write
        self._width = width
        self._gap = ""
        self._word = ""
        self._column = 0
        self._indent = 0
        self._begun = False
        self._fenced = False

    def feed(self, piece: str) -> None:
        for run in _RUN.findall(printable(piece).expandtabs(4)):
            if run == "\n":
                self._end_word()
                self._break("")
                self._indent, self._begun = 0, False
            elif run.isspace():
                self._end_word()
                self._gap += run
            else:
                self._word += run

    def finish(self) -> None:
        """Write the word that still waits, and end the line."""
        self._end_word()
        if self._column:
            self._break("")

    def _end_word(self) -> None:
        word, self._word = self._word, ""
        if not word:
            return
        if not self._begun:
            self._begin_line(word)
        elif self._passes(word):
            self._break(" " * self._indent)
        self._write(self._gap + word)
        self._column += cell_len(self._gap + word)
        self._gap = ""

    def _begin_line(self, word: str) -> None:
        self._begun = True
        if word.startswith(("```", "~~~")):
            self._fenced = not self._fenced
        self._indent = len(self._gap) + (len(word) + 1 if _BULLET.fullmatch(word) else 0)

    def _passes(self, word: str) -> bool:
        if self._width is None or self._fenced or self._column <= self._indent:
            return False
        return self._column + cell_len(self._gap + word) > self._width

    def _break(self, indent: str) -> None:
        self._write("\n" + indent)
        self.line_widths.append(self._column)
        self._column, self._gap = len(indent), ""
