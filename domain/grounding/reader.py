"""Reads an answer while it is written: the text that may be passed on, and its sentences as they end."""

import re
from typing import Final, NamedTuple

from domain.grounding.links import STARTS_LINK, LinkFilter, Sites
from domain.grounding.markers import STARTS_SPECIAL, MarkerFilter
from domain.grounding.model import WrittenSentence
from domain.sentences import ALWAYS_STOPS, WHOLE_LINE, SentenceScanner

_MAY_END: Final = frozenset(".!?…\n" + ALWAYS_STOPS)
_UNDERLINE: Final = re.compile(r"[ \t]*\n[ \t]*(?:=+|-+)[ \t]*(?:\n|\Z)")
_NEEDS_A_LOOK: Final = _MAY_END | STARTS_SPECIAL | STARTS_LINK


class Read(NamedTuple):
    """What one piece brought: text to pass on, and the sentences now complete, in order."""

    text: str
    sentences: tuple[WrittenSentence, ...] = ()


_NOTHING: Final = Read("")


class AnswerReader:
    """
    Takes an answer piece by piece and gives back checked text and whole sentences.

    ``evidence_count``: markers of numbers 1 to this are passed on, others never. ``sites`` says where links may go;
    without it everywhere. Sentence offsets are code points of ``text``, which equals the concatenated ``Read.text``.
    The outcome does not depend on where the pieces are cut.
    """

    def __init__(self, evidence_count: int, sites: Sites | None = None) -> None:
        self._links = None if sites is None else LinkFilter(sites)
        self._markers = MarkerFilter(evidence_count)
        self._scanner = SentenceScanner(whole_quotations=True)
        self._passed: list[str] = []
        self._pending = ""
        self._fresh: list[str] = []
        self._plain: list[str] = []
        self._waiting = True
        self._calm = False

    @property
    def text(self) -> str:
        """All the text passed on so far."""
        return "".join(self._passed) + "".join(self._plain)

    def takes_whole(self, piece: str) -> bool:
        """
        Whether the piece is a plain word inside a sentence, which passes as it is: then it has been taken.

        Most pieces are, and the answer is had for a tenth of what ``feed`` costs; a piece not taken goes to ``feed``.
        """
        if self._calm and piece and piece[-1] not in " \t" and _NEEDS_A_LOOK.isdisjoint(piece):
            self._plain.append(piece)
            return True
        return False

    def feed(self, piece: str) -> Read:
        self._settle()
        if self._links is not None:
            piece = self._links.feed(piece)
        return self._read(self._markers.feed(piece))

    def finish(self) -> Read:
        """The rest, once the answer has ended; feed nothing afterwards."""
        self._settle()
        rest = "" if self._links is None else self._markers.feed(self._links.finish())
        return self._read(rest + self._markers.finish(), final=True)

    def _settle(self) -> None:
        """Hand on what was taken whole, as one piece: it is known to hold nothing that anybody looks for."""
        if self._plain:
            taken = "".join(self._plain)
            self._plain.clear()
            self._markers.pass_by(taken)
            if self._links is not None:
                self._links.pass_by(taken)
            self._passed.append(taken)
            self._fresh.append(taken)

    def _read(self, text: str, *, final: bool = False) -> Read:
        read = self._checked(text, final)
        self._calm = not self._waiting and self._markers.calm and (self._links is None or self._links.calm)
        return read

    def _checked(self, text: str, final: bool) -> Read:
        if text:
            self._passed.append(text)
            self._fresh.append(text)
        # Most pieces are words inside a sentence: nothing can end there, so nothing is scanned.
        if not final and not self._waiting and _MAY_END.isdisjoint(text):
            return Read(text) if text else _NOTHING
        return Read(text, self._sentences(final))

    def _sentences(self, final: bool) -> tuple[WrittenSentence, ...]:
        pending = self._pending + "".join(self._fresh)
        self._fresh.clear()
        base = self._scanner.offset
        spans = self._scanner.advance(pending, final=final)
        self._waiting = not self._scanner.inside
        if not spans:
            self._pending = pending[self._scanner.offset - base :]
            return ()
        sentences = [
            WrittenSentence(
                start,
                end,
                pending[start - base : end - base],
                self._numbers(end),
                self._strays(end),
                self._is_underlined(pending, base, start, end),
            )
            for start, end in spans
        ]
        self._pending = pending[self._scanner.offset - base :]
        return tuple(sentences)

    def _is_underlined(self, pending: str, base: int, start: int, end: int) -> bool:
        """Whether a sentence is a line without a full stop over a row of ``=`` or ``-``: Markdown's other headings."""
        if _UNDERLINE.match(pending, end - base) is None or WHOLE_LINE.match(pending, start - base):
            return False
        line = pending[start - base : end - base]
        return "\n" not in line and line[-1] not in _MAY_END and self.text[:start][-1:] in ("", "\n")

    def _numbers(self, end: int) -> tuple[int, ...]:
        """The distinct evidence numbers of the markers before ``end`` that no earlier sentence has taken."""
        numbers: dict[int, None] = {}
        found = self._markers.found
        while found and found[0].at < end:
            numbers[found.pop(0).n] = None
        return tuple(numbers)

    def _strays(self, end: int) -> bool:
        """Whether a number that no evidence has was left out up to ``end``, and no earlier sentence has taken it."""
        strays = self._markers.strays
        found = bool(strays) and strays[0] <= end
        while strays and strays[0] <= end:
            strays.pop(0)
        return found
