"""
What building the tree of an HTML page will cost, told from its tags before it is built.

The HTML standard has a parser look through all open elements at the start of most others, and repeat formatting that
was left open in every paragraph that follows: a page of 500 kB can take half a minute, one of 60 kB a gigabyte. This
follows the tags alone, in linear time, roughly as the standard has it (section 13.2.6).
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

from adapters.formats.elements import BLOCK_ELEMENTS

MAX_STEPS: Final = 150_000_000
"""Open elements at the start of each element, added up: some 6 ns each, so a second. 17,000 elements may nest."""
MAX_REPEATED: Final = 500_000
"""Elements that repeat formatting left open; each takes 300 bytes."""
_TAG_CHARS: Final = 1_000
"""How far a tag is looked at."""
_FEW_TAGS: Final = 1_000
"""Of so few, neither can come."""

_TAG: Final = re.compile(
    r"<!--(?:-?>|.*?--!?>|.*)"
    r"|<(script|style|textarea|title|xmp|iframe|noembed|noframes)\b(?:.*?(?=</\1)|.*)"
    r"|<(/?)([a-z][^\s/>]*)",
    re.IGNORECASE | re.DOTALL,
)
"""Tags; comments and what is no markup in one piece each, to the end where they are not closed."""
_VOID: Final = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"}
)
_FORMATTING: Final = frozenset(
    {"a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u"}
)
_FORMATTING_ENDS: Final = ("td", "th", "caption", "button", "object", "marquee", "applet", "template")
"""With these ends the formatting that was left open in them."""
_SAME_AT_MOST: Final = 3

_CELLS: Final = ("td", "th")
_ROWS: Final = ("tr", *_CELLS)
_GROUPS: Final = ("tbody", "thead", "tfoot", *_ROWS)
_ENDS: Final[Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    **dict.fromkeys(BLOCK_ELEMENTS | {"p"}, (("p",), ("table", *_FORMATTING_ENDS))),
    "li": (("li",), ("ul", "ol", "menu")),
    **dict.fromkeys(("dt", "dd"), (("dt", "dd"), ("dl",))),
    **dict.fromkeys(_CELLS, (_CELLS, ("table",))),
    "tr": (_ROWS, ("table",)),
    **dict.fromkeys(("tbody", "thead", "tfoot"), (_GROUPS, ("table",))),
    "option": (("option",), ("select", "datalist")),
    **{name: ((name,), _FORMATTING_ENDS) for name in ("a", "nobr", "button")},
}
"""Elements that the start of one ends, unless another stands between."""

_NOT_COUNTED: Final = frozenset({"", *_VOID, "p", "li", "dt", "dd", "option", *_GROUPS})
_LEFT_OUT: Final = 4
"""So many of those may be open for each of the others: tbody, tr, td and p in a table."""


def costs_too_much(source: str) -> bool:
    return source.count("<") >= _FEW_TAGS and not _surely_cheap(source) and _followed(source)


def _surely_cheap(source: str) -> bool:
    """By counting alone, ten times as fast; most pages are. Elements that others end by themselves are left out."""
    is_open: dict[str, int] = defaultdict(int)
    depth = steps = tags = formatting = most_formatting = 0
    for _, closing, name in _TAG.findall(source):
        tags += 1
        steps += depth
        if name in _NOT_COUNTED:
            continue
        if not closing:
            is_open[name] += 1
            depth += 1
            if name in _FORMATTING:
                formatting += 1
                most_formatting = max(most_formatting, formatting)
        elif is_open[name]:
            is_open[name] -= 1
            depth -= 1
            formatting -= name in _FORMATTING
    return steps * _LEFT_OUT < MAX_STEPS and most_formatting * tags < MAX_REPEATED


def _followed(source: str) -> bool:
    tree = _Tree()
    for found in _TAG.finditer(source):
        _, closing, name = found.groups()
        if not name:
            continue
        name = name.lower()
        if closing:
            tree.end(name)
        elif name not in _VOID:
            end = source.find(">", found.end(), found.end() + _TAG_CHARS)
            written = source[found.start() : end if end >= 0 else found.end() + _TAG_CHARS]
            tree.start(name, written, empty=written.endswith("/"))
        if tree.steps > MAX_STEPS or tree.repeated > MAX_REPEATED:
            return True
    return False


class _Tree:
    """The elements that are open, outermost first: each with its name and how its tag was written."""

    def __init__(self) -> None:
        self.steps = 0
        self.repeated = 0
        self._open: list[tuple[str, str]] = []
        self._places: dict[str, list[int]] = defaultdict(list)
        self._goes_on: list[tuple[str, str]] = []

    def start(self, name: str, written: str, *, empty: bool) -> None:
        if empty and (self._places["svg"] or self._places["math"]):
            return
        ended, unless = _ENDS.get(name, ((), ()))
        outermost = self._last(unless)
        first = min((place for one in ended if (place := self._last((one,))) > outermost), default=-1)
        if first >= 0:
            self._close(first)
        if name not in BLOCK_ELEMENTS:
            self._repeat()
        self.steps += len(self._open)
        self._push(name, written)
        self._repeat()

    def end(self, name: str) -> None:
        place = self._last((name,))
        if place >= 0:
            self.steps += len(self._open) - place
            self._close(place)

    def _last(self, names: Iterable[str]) -> int:
        return max((self._places[name][-1] for name in names if self._places[name]), default=-1)

    def _push(self, name: str, written: str) -> None:
        self._places[name].append(len(self._open))
        self._open.append((name, written))

    def _close(self, place: int) -> None:
        """This element and what is in it; the formatting that was left open in it goes on with what comes next."""
        closed = self._open[place:]
        del self._open[place:]
        for name, _ in closed:
            self._places[name].pop()
        if closed[0][0] in _FORMATTING:  # its own end, or that of another of its kind
            del closed[0]
        seen: dict[str, int] = defaultdict(int)
        for name, written in closed:
            if name in _FORMATTING_ENDS:
                break
            seen[written] += 1
            if name in _FORMATTING and seen[written] <= _SAME_AT_MOST:
                self._goes_on.append((name, written))

    def _repeat(self) -> None:
        """In a block that begins, or before anything else."""
        self.repeated += len(self._goes_on)
        for name, written in self._goes_on:
            self._push(name, written)
        self._goes_on.clear()
