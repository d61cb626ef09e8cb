"""Citation markers in an answer as it is written: checked, normalised, and told from other brackets."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, NamedTuple

HOLD_CHARS: Final = 16
"""How much of an open bracket is held back at most; the wire contract names this number."""

_SPECIAL: Final = re.compile(r"[ \t\[［【\n`~](?:(?<=[\[［【\n`~])|[ \t]{0,15}(?:[\[［【]|\Z))")
"""A bracket with the blanks before it, a newline, a tick, blanks at the end. By its first set it is found quickly."""
STARTS_SPECIAL: Final = frozenset("[［【\n`~")
"""Characters without which, and without a blank at its end, a piece has nothing that ``_SPECIAL`` could find."""
_NOTE: Final = r"(?:†[^\[\]［］【】\n`~]*)?"
"""What some models write after the number: ``【1†source】``, ``【1†L3-L5】``."""
_LABELS: Final = ("sources", "evidence", "passages", "documents", "docs", "references", "refs", "citations")
"""What some models write before the number, one or several: ``[source 1]``, ``[Evidence 2]``."""
_LABEL: Final = "(?i:(?:" + "|".join(f"{label.removesuffix('s')}s?" for label in _LABELS) + r")\.?[ \t]*)?"
_LABEL_SO_FAR: Final = "(?i:" + "|".join(label[:end] for label in _LABELS for end in range(len(label), 0, -1)) + ")"
_BETWEEN: Final = r"[ \t]*(?:[,;，、–—&-]|and)[ \t]*"
_MARKER: Final = re.compile(
    r"[\[［【][ \t]*(?:\^(?=\d+[ \t]*[\]］】]))?" + _LABEL + rf"(\d+(?:{_BETWEEN}\d+)*)[ \t]*" + _NOTE + r"[\]］】]"
)
_OPEN_MARKER: Final = re.compile(
    rf"[\[［【](?:[ \t]*(?:\^(?:\d+[ \t]*)?|{_LABEL_SO_FAR}\.?[ \t]*)?|"
    rf"[ \t]*{_LABEL}\d[\d \t,;，、–—&and-]*{_NOTE})\Z"
)
_DIGITS: Final = re.compile(r"\d+")
_PART: Final = re.compile(r"(\d+)(?:[ \t]*[–—-][ \t]*(\d+))?")
_LEAD: Final = re.compile(r"[ \t>]*(?:(?:[-*+•]|\d{1,3}[.)])[ \t]*)?")
_LEAD_SO_FAR: Final = re.compile(_LEAD.pattern + r"|[ \t>]*\d{1,3}")
_LEAD_CHARS: Final = 80
_FENCE_CHARS: Final = 3


class Marker(NamedTuple):
    """The number of a piece of evidence, and the code point of the answer where its ``[n]`` starts."""

    at: int
    n: int


@dataclass(slots=True)
class MarkerFilter:
    """
    Passes an answer's text on with its markers checked against evidence numbers 1 to ``known``.

    ``[1]``, ``[1, 2]``, ``[1-3]``, ``[1 and 2]``, ``[^1]``, ``[source 1]``, ``【1†source】``, in full-width brackets
    too, come out as ``[1]``; unknown numbers are left out, and a marker of unknown numbers alone goes with the blank
    before it. Nothing in code, inline
    or fenced, is a marker.
    What comes out does not depend on how the text is cut into pieces.
    """

    known: int
    _held: str = ""
    _passed: int = 0
    _last: str = ""
    _lead: str | None = ""
    _ticks: str = ""
    _fence: str = ""
    _inline: int = 0
    _dropped: tuple[int, str] = (-1, "")
    found: list[Marker] = field(default_factory=list)
    """Markers passed on so far and not yet taken away by the caller."""
    strays: list[int] = field(default_factory=list)
    """Where numbers that no evidence has were left out, and not yet taken away by the caller."""

    def feed(self, piece: str) -> str:
        """What of the text so far may be passed on now."""
        if not piece:
            return ""
        if self._held:
            piece = self._held + piece
        elif self._lead is None and not self._ticks and STARTS_SPECIAL.isdisjoint(piece) and piece[-1] not in " \t":
            self._passed += len(piece)
            self._last = piece
            return piece
        return self._scan(piece, final=False)

    @property
    def calm(self) -> bool:
        """Nothing is held back or half read: a piece without a special character passes as it is."""
        return not self._held and not self._ticks and self._lead is None

    def pass_by(self, text: str) -> None:
        """Count text that passes unread: not empty, none of STARTS_SPECIAL in it, no blank at its end, while calm."""
        self._passed += len(text)
        self._last = text

    def finish(self) -> str:
        """What was held back and turns out to be no marker; a marker cut off by the end is dropped."""
        return self._scan(self._held, final=True)

    def _scan(self, text: str, *, final: bool) -> str:
        out: list[str] = []
        self._held = ""
        at = 0
        while at < len(text):
            special = _SPECIAL.search(text, at)
            if special is None:
                self._plain(text[at:], out)
                break
            if special.start() > at:
                self._plain(text[at : special.start()], out)
            text, at = self._special(text, special, out, final)
        if final and self._ticks:
            self._end_ticks()
        return "".join(out)

    def _special(self, text: str, special: re.Match[str], out: list[str], final: bool) -> tuple[str, int]:
        """Deal with one special run; returns the text and where to go on in it, its end when the rest is held."""
        character = special[0][-1]
        if character in "`~":
            if self._ticks and self._ticks[0] != character:
                self._end_ticks()
            self._ticks += character
            self._emit(character, out)
            return text, special.end()
        if character == "\n":
            self._end_ticks()
            self._lead, self._inline = "", 0
            self._emit("\n", out)
            return text, special.end()
        if self._ticks:
            self._end_ticks()
        if character in " \t":
            self._blank_end(special, out, final)
            return text, special.end()
        bracket = special.end() - 1
        if self._fence or self._inline:
            self._plain(special[0], out)
            return text, special.end()
        marker = _MARKER.match(text, bracket, bracket + HOLD_CHARS + 1)
        if marker and not self._is_index(text, special, marker):
            self._pass_marker(text[special.start() : bracket], marker[1], out)
            return text, marker.end()
        if marker is None and (opened := _OPEN_MARKER.match(text, bracket, bracket + HOLD_CHARS + 1)):
            return self._open(text, special.start(), bracket, opened[0], out, final)
        self._plain(special[0], out)
        return text, special.end()

    def _blank_end(self, special: re.Match[str], out: list[str], final: bool) -> None:
        """A blank at the end of what is there goes with the marker after it, should that vanish."""
        if final or self._fence or self._inline:
            self._plain(special[0], out)
        else:
            self._held = special[0]

    def _open(self, text: str, start: int, bracket: int, opened: str, out: list[str], final: bool) -> tuple[str, int]:
        """A marker without an end yet: held to the limit; a longer list gives up the numbers it has for certain."""
        if len(opened) <= HOLD_CHARS:
            if not final:
                self._held = text[start:]
            elif not any(character.isdigit() for character in opened):
                self._plain(text[start:], out)
            return text, len(text)
        numbers = opened.partition("†")[0]
        cut = max(numbers.rfind(separator) for separator in ",;，、")
        if cut < 0:
            self._plain(text[start : bracket + 1], out)
            return text, bracket + 1
        self._pass_marker(text[start:bracket], opened[1:cut], out)
        return text[bracket] + text[bracket + cut + 1 :], 0

    def _is_index(self, text: str, special: re.Match[str], marker: re.Match[str]) -> bool:
        """``items[0]``: glued to a word and no number that evidence can have."""
        if special.start() < special.end() - 1 or any(int(number) for number in _DIGITS.findall(marker[1])):
            return False
        before = text[special.start() - 1] if special.start() else self._last[-1:]
        return before.isalnum() or before in "_])"

    def _pass_marker(self, blank: str, numbers: str, out: list[str]) -> None:
        known, stray = _numbers(numbers, self.known)
        if stray:
            self.strays.append(self._passed)
        if self._dropped[0] == self._passed:
            blank = self._dropped[1] or blank  # "so [9][1]" becomes "so [1]": the blank goes to the marker that stays
        if not known:
            self._dropped = (self._passed, blank)
            return
        if blank:
            self._emit(blank, out)
        self._lead = None
        for n in known:
            self.found.append(Marker(self._passed, n))
            self._emit(f"[{n}]", out)

    def _plain(self, text: str, out: list[str]) -> None:
        if self._ticks:
            self._end_ticks()
        if self._lead is not None:
            lead = self._lead + text
            self._lead = lead if len(lead) <= _LEAD_CHARS and _LEAD_SO_FAR.fullmatch(lead) else None
        self._emit(text, out)

    def _emit(self, text: str, out: list[str]) -> None:
        out.append(text)
        self._passed += len(text)
        self._last = text

    def _end_ticks(self) -> None:
        """A run of backticks or tildes is over: it opens or closes a fence, or a span of inline code."""
        ticks, self._ticks = self._ticks, ""
        if not ticks:
            return
        at_line_start = self._lead is not None and _LEAD.fullmatch(self._lead) is not None
        self._lead = None
        if at_line_start and len(ticks) >= _FENCE_CHARS and self._fence in ("", ticks[0]):
            self._fence = "" if self._fence else ticks[0]
        elif not self._fence and ticks[0] == "`":
            self._inline = len(ticks) if not self._inline else 0 if self._inline == len(ticks) else self._inline


@lru_cache(maxsize=1024)
def _numbers(numbers: str, known: int) -> tuple[Sequence[int], bool]:
    """``evidence_numbers``, and whether there is a number among them that no evidence has; the same few come again."""
    stray = any(len(one) > HOLD_CHARS or not 0 < int(one) <= known for one in _DIGITS.findall(numbers))
    return evidence_numbers(numbers, known), stray


def evidence_numbers(numbers: str, known: int) -> list[int]:
    """The distinct evidence numbers, 1 to ``known``, of what stands between a marker's brackets, in its order."""
    found: dict[int, None] = {}
    for part in _PART.finditer(numbers):
        if any(len(number) > HOLD_CHARS for number in part.groups("")):
            continue  # no evidence has such a number, and int() refuses absurd ones
        first = int(part[1])
        last = int(part[2]) if part[2] else first
        low, high = max(1, min(first, last)), min(known, max(first, last))
        found.update(dict.fromkeys(range(low, high + 1)))
    return list(found)
