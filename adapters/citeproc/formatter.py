"""References by citeproc-py, from the two styles of ``styles/``; loaded off the answer's path, each entry made once."""

import json
import logging
import re
from asyncio import to_thread
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any, Final

from domain.errors import OutOfRange
from domain.grounding.ports import ReferenceFormatter
from domain.grounding.references import STYLES

_FOLDER: Final = Path(__file__).parent / "styles"
_CACHED: Final = 4_000
"""Some 2 MB when full; an entry takes 0.4 to 1.3 ms to make."""
# citeproc-py joins what a title ends with and what the style puts after it.
_DOUBLED: Final = re.compile(r"([?!…。？！]”?|\.”)[.,](?=[\s”]|$)")
_PAGE: Final = frozenset({"id", "type", "title", "URL"})
_PLAIN_TITLE: Final = re.compile(r"\w(?:[\w,:()/&'-]|[ .](?=\w))*(?<=\w)")
_PLAIN_URL: Final = re.compile(r"https?://[\w.:-]+/(?:[\w./~%+=&?#:@-]*[\w/])?", re.ASCII)
"""What every style takes over as it is: nothing to escape, and no stop that meets another."""
_SOME_TITLE, _SOME_URL = "Some title", "https://some.test/address"
_NEEDS_NO_STOP: Final = re.compile(r"(?:https?://\S+|doi: \S+|[.?!…。？！]”?)$")

_log = logging.getLogger("ibid.references")


class CiteprocReferenceFormatter(ReferenceFormatter):
    def __init__(self) -> None:
        self._styles: dict[str, Any] = {}
        self._frames: dict[str, re.Match[str] | None] = {}
        self._lock = Lock()
        self._made = lru_cache(_CACHED)(self._make)

    async def load(self) -> None:
        """Read the styles now, in a thread; else the first reference of each style does."""
        for style in STYLES:
            await to_thread(self._style, style)

    def format(self, item: Mapping[str, Any], *, style: str) -> str:
        if style not in STYLES:
            raise OutOfRange("citation_style", "must be one of " + ", ".join(sorted(STYLES)))
        if _is_plain_page(item) and (frame := self._frame(style)):
            # Most of what is cited, and all of one form: a hundredth of the time.
            return f"{frame[1]}{item['title']}{frame[2]}{item['URL']}{frame[3]}"
        return self._made(json.dumps(item, sort_keys=True), style)

    def _frame(self, style: str) -> re.Match[str] | None:
        """What a style puts before, between and after the title and the address of a page that has nothing else."""
        if style not in self._frames:
            page = {"id": "1", "type": "webpage", "title": _SOME_TITLE, "URL": _SOME_URL}
            entry = self._made(json.dumps(page, sort_keys=True), style)
            self._frames[style] = re.fullmatch(f"(.*){_SOME_TITLE}(.*){re.escape(_SOME_URL)}(.*)", entry)
        return self._frames[style]

    def _make(self, item_json: str, style: str) -> str:
        item = json.loads(item_json)
        try:
            return _tidied(self._rendered(item, style))
        except Exception as error:
            # Metadata comes in every shape: an answer does not fail for the looks of its footnote.
            _log.warning("a reference could not be formatted", extra={"style": style}, exc_info=error)
            return _tidied(f"{item['title']}. {item.get('URL', '')}")

    def _rendered(self, item: Mapping[str, Any], style: str) -> str:
        from citeproc import Citation, CitationItem, CitationStylesBibliography, formatter
        from citeproc.source.json import CiteProcJSON

        with self._lock:  # a style keeps what it has rendered of an item until the next
            bibliography = CitationStylesBibliography(self._style(style), CiteProcJSON([item]), formatter.plain)
            bibliography.register(Citation([CitationItem(item["id"])]))
            [entry] = bibliography.bibliography()
        return str(entry)

    def _style(self, name: str) -> Any:
        found = self._styles.get(name)
        if found is None:
            from citeproc import CitationStylesStyle

            found = self._styles[name] = CitationStylesStyle(str(_FOLDER / f"{name}.csl"), validate=False)
        return found


def _is_plain_page(item: Mapping[str, Any]) -> bool:
    if item.keys() != _PAGE or item["type"] != "webpage":
        return False
    return bool(_PLAIN_TITLE.fullmatch(item["title"]) and _PLAIN_URL.fullmatch(item["URL"]))


def _tidied(entry: str) -> str:
    """On one line, no stop after another, and one at the end unless an address is there."""
    line = _DOUBLED.sub(r"\1", " ".join(entry.split()))
    return line if _NEEDS_NO_STOP.search(line) else f"{line}."
