"""Where the sentences of a passage or of an answer begin and end."""

import re
from typing import Final

from domain.sentence_ends import ends_sentence, opens_sentence, plainly_ends
from domain.text import Span

# Quantifiers are possessive where two of them could share a run of white space: every pattern stays linear.
_PREFIX: Final = re.compile(
    r"[ \t]*+(?:>[ \t]*+)*+(?:(?:[-*+•‣◦]|\d{1,3}[.)])(?:[ \t]++|(?=\n)))?+(?:\[[ xX]\][ \t]++)?+"
)
_UNDECIDED: Final = re.compile(
    _PREFIX.pattern + r"(?:[-+*_=|:>•‣◦][-+*_=|: \t]*+|#{1,6}|\d{1,3}[.)]?|`{1,2}|~{1,2}|\[.?\]?)?\Z"
)
_BLOCK_START: Final = re.compile(
    r"[ \t]*+(?:\n|#{1,6}[ \t]|(?:[-*+•‣◦]|\d{1,3}[.)])[ \t]|`{3}|~{3}|\||>|[-+*_=|:][-+*_=|: \t]++(?:\n|\Z))"
)
_RULE: Final = re.compile(r"[-+*_=|:][-+*_=|: \t]++(?=\n|\Z)")
_FENCE: Final = re.compile(r"`{3}|~{3}")
_FENCE_CLOSE: Final = {mark: re.compile(rf"\n[ \t]*+{re.escape(mark)}[^\n]*") for mark in ("```", "~~~")}
WHOLE_LINE: Final = re.compile(r"#{1,6}[ \t]|\|")
"""A heading or a row of a table: it ends with its line, whatever follows."""
ALWAYS_STOPS: Final = "。！？｡।॥؟۔።។"
"""Chinese and Japanese stops, the danda of Hindi and Bengali, those of Arabic, Urdu, Ethiopic and Khmer."""
_MAY_STOP: Final = re.compile(rf"[\n.!?…{ALWAYS_STOPS}]")
_STOP: Final = re.compile(rf"\n|[.!?…]+|[{ALWAYS_STOPS}]+")
_BLANK: Final = r"[ \u00a0\u202f]"
_CLOSERS: Final = re.compile(rf"(?:[\"'”“’»›)\]】』」）*_`]|{_BLANK}»(?![^\W_])|«(?!\w))*+(?:\[\d{{1,3}}\])*+")
"""A French quotation has blanks inside its marks: « … ». A German one opens with the mark that closes it: »…«."""
_MARKERS: Final = re.compile(r"(?:[ \t]*+\[\d{1,3}\])*")
_PARTIAL_MARKER: Final = re.compile(r"[ \t\u00a0\u202f]*+(?:\[\d{0,3})?\Z")
_SPACE: Final = re.compile(r"\s*+")
_GAP: Final = re.compile(r"[ \t]*+")
_FOLLOWING: Final = re.compile(r"[\"'“‘«(*_\[]*+([^\W\d_]++|.|\n)?", re.DOTALL)
_WORD_CHARS: Final = 24
"""Letters of the following word that are waited for: longer than any word that a decision looks up."""
_NOT_HERE: Final = -1
_QUOTATION_MARK: Final = re.compile(
    rf"(?P<opens>(?<!\S)»(?=\w))|(?P<closes>(?<=\S)«(?!\w))|[“”»„「」『』]|«(?!\s)|(?<!\S)«{_BLANK}"
)
_CLOSED_BY: Final = {"»": "«", "“": "”", "«": "»", "„": "“”", "「": "」", "『": "』"}
_LONGEST_QUOTATION: Final = 600
"""Characters after its opening mark beyond which a quotation was left open by mistake."""


def sentence_spans(text: str) -> list[Span]:
    """
    The spans of a text's sentences, in order, trimmed of white space.

    A blank line always ends a sentence, a single newline inside a paragraph does not. A heading line, a table row and
    a whole code fence are one unit each. A list item begins a unit, which leaves its ``- `` or ``1. `` prefix out;
    thematic breaks and the dashes under a table's head are no units. Markers such as ``[1]`` that follow the full stop
    belong to the sentence before them. Linear in the length of the text.
    """
    return SentenceScanner().advance(text, final=True)


class SentenceScanner:
    """
    Finds the sentences of a text that grows; an end is decided once, as soon as what follows it settles the matter.

    The spans do not depend on the steps in which the text grew. With ``whole_quotations`` no full stop inside “...”
    ends a sentence: in an answer what is quoted belongs together, and the marker that follows it cites all of it.
    """

    def __init__(self, *, whole_quotations: bool = False) -> None:
        self._whole_quotations = whole_quotations
        self.offset = 0
        """Code points that need not be passed again: all before it is decided."""
        self._open = False
        self._settled = False
        self._resume = 0
        self._line_start = True
        self._whole_line = False
        self._fence: re.Pattern[str] | None = None

    @property
    def inside(self) -> bool:
        """Inside a unit with no end in sight: more words without a full stop or newline cannot end it."""
        return self._open and self._settled

    def advance(self, text: str, *, final: bool = False) -> list[Span]:
        """The spans completed since the last call; ``text`` is all there is by now from ``offset`` on."""
        found: list[Span] = []
        base, at = self.offset, 0
        while True:
            if not self._open:
                at = self._open_unit(text, at, final)
                if not self._open:
                    break
            end = self._unit_end(text, at, final)
            if end is None:
                break
            unit = text[at:end].rstrip()
            if bare := unit.lstrip():  # an item's text may begin on the line after its prefix
                found.append(Span(base + at + len(unit) - len(bare), base + at + len(unit)))
            at, self._open = end, False
            if final and not (self._line_start or self._whole_quotations) and _word_follows(text, at):
                at = self._plain_units(text, at + 1, found)
        self.offset = base + at
        self._resume -= at
        return found

    def _plain_units(self, text: str, start: int, found: list[Span]) -> int:
        """Adds the sentences from ``start`` on that end in plain sight; where the one after them starts, left open."""
        base, at = self.offset, start
        while (place := _MAY_STOP.search(text, at)) and plainly_ends(text, start, place.start()):
            end = place.end()
            found.append(Span(base + start, base + end))
            at = start = end + 1
        self._fence, self._whole_line = None, False
        self._open, self._resume = True, place.start() if place else len(text)
        return start

    def _open_unit(self, text: str, at: int, final: bool) -> int:
        """Where the next unit starts, with ``_open`` set; or how far is settled already."""
        if not self._line_start and _word_follows(text, at):  # most of them: the next sentence of a paragraph
            self._fence, self._whole_line = None, False
            self._open, self._resume = True, at + 1
            return at + 1
        while True:
            before, at = at, _end(_SPACE, text, at)
            self._line_start = self._line_start or "\n" in text[before:at]
            if at == len(text) or (self._line_start and not final and _UNDECIDED.match(text, at)):
                return at
            rule = _RULE.match(text, at) if self._line_start else None
            if rule is None:
                break
            at = rule.end()
        self._fence, self._whole_line = None, False
        if self._line_start:
            at = _end(_PREFIX, text, at)
            fence = _FENCE.match(text, at)
            self._fence = _FENCE_CLOSE[fence[0]] if fence else None
            self._whole_line = WHOLE_LINE.match(text, at) is not None
        self._open, self._line_start, self._resume = True, False, at
        return at

    def _unit_end(self, text: str, start: int, final: bool) -> int | None:
        """Where the open unit ends, None while that is not settled."""
        if self._fence is not None:
            return self._fence_end(self._fence, text, final)
        while place := _MAY_STOP.search(text, self._resume):
            at = place.start()
            if text[at + 1 : at + 2].isalnum() and text[at] in ".!?…":
                self._resume = at + 1  # 3.5, example.org
                continue
            stop = _STOP.match(text, at)
            if stop is None:
                break
            end: int | None = _NOT_HERE
            if stop[0] == "\n":
                broken = self._whole_line or _breaks_line(text, stop.start(), final)
                end = None if broken is None else stop.start() if broken else _NOT_HERE
            elif not self._whole_line:
                end = _end_at_stop(text, start, stop, final)
            if end is None:
                self._resume, self._settled = stop.start(), False
                return None
            if end != _NOT_HERE and not (self._whole_quotations and _inside_quotation(text, start, end)):
                return end
            self._resume = stop.end()
        self._resume, self._settled = len(text), True
        return len(text) if final else None

    def _fence_end(self, close: re.Pattern[str], text: str, final: bool) -> int | None:
        closed = close.search(text, self._resume)
        if closed and (final or closed.end() < len(text)):
            return closed.end()
        if closed is None:
            self._resume = max(self._resume, text.rfind("\n"))
        self._settled = closed is None and "\n" not in text[self._resume :]
        return len(text) if final else None


def _inside_quotation(text: str, start: int, end: int) -> bool:
    """Whether a quotation that opens in the unit from ``start`` is still open at ``end``, which no line break makes."""
    if text.isascii() or text[end : end + 1] == "\n" or end == len(text):
        return False  # there is no such mark in ASCII
    opened, closers = start, ""
    for mark in _QUOTATION_MARK.finditer(text, start, end):
        if closers:
            closers = "" if mark[0][0] in closers else closers
        elif mark[0][0] != "»" or mark["opens"]:
            opened, closers = mark.start(), "" if mark["closes"] else _CLOSED_BY.get(mark[0][0], "")
    return bool(closers) and end - opened <= _LONGEST_QUOTATION


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    """Where a pattern that always matches stops matching."""
    found = pattern.match(text, at)
    return found.end() if found else at


def _breaks_line(text: str, newline: int, final: bool) -> bool | None:
    """Whether what follows a newline is a new block; None while too little of it is there."""
    if not final and _UNDECIDED.match(text, newline + 1):
        return None
    return newline + 1 == len(text) or _BLOCK_START.match(text, newline + 1) is not None


def _end_at_stop(text: str, start: int, stop: re.Match[str], final: bool) -> int | None:
    """The end that a run of full stops brings, with closing quotes and markers; _NOT_HERE, or None: wait."""
    always = stop[0][0] in ALWAYS_STOPS
    if _word_follows(text, stop.end()):  # most of them: no closing mark, no marker
        return stop.end() if always else _end_before_word(text, start, stop, stop.end(), stop.end() + 1, final)
    if text[stop.end() : stop.end() + 1].isalnum() and not always:
        return _NOT_HERE  # 3.5, example.org
    closed = _end(_CLOSERS, text, stop.end())
    ends = _end(_MARKERS, text, closed)
    if not final and (stop.end() == len(text) or closed == len(text) or _PARTIAL_MARKER.match(text, ends)):
        return None
    if always:
        return ends
    at = _end(_GAP, text, ends)
    if at == len(text) or (ends > closed and text[at] in "“«"):
        return ends
    if text[closed] not in " \t\n" and not (text[closed - 1] == "]" and text[closed].isupper()):
        return _NOT_HERE
    if text[at] == "\n":
        broken = _breaks_line(text, at, final)
        if broken is not False:
            return None if broken is None else ends
        at = _end(_SPACE, text, at)
    return _end_before_word(text, start, stop, ends, at, final)


def _word_follows(text: str, at: int) -> bool:
    """Whether one blank and a letter or digit stand at a place."""
    return text[at : at + 1] == " " and text[at + 1 : at + 2].isalnum()


def _end_before_word(text: str, start: int, stop: re.Match[str], ends: int, at: int, final: bool) -> int | None:
    """The same where nothing but the word at ``at`` decides whether the sentence goes on."""
    following = _FOLLOWING.match(text, at)
    word = (following and following[1]) or ""
    settled = at + _WORD_CHARS if following is None else following.end()
    if not final and (not word or settled == len(text)) and len(word) < _WORD_CHARS:
        return None
    if not word:
        return ends
    if stop[0] == ".":
        goes_on = not ends_sentence(text, start, stop.start(), word, then=text[settled : settled + 1])
    else:
        goes_on = not opens_sentence(word)
    return _NOT_HERE if goes_on else ends
