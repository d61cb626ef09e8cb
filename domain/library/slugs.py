"""
Heading ids as a site gives them: Docusaurus, and MkDocs in ``MkDocsSlugs``.

Rules read in docusaurus 3.10.2 (mdx-loader's remark plugin ``headings``, theme-classic's ``Heading``) and in
github-slugger 1.5.0, whose table of kept characters is Unicode 13; newer letters are kept here as soon as the
running Python knows them. Those of MkDocs are read in Python-Markdown 3.10 (extensions ``toc`` and ``attr_list``).
"""

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

_KEPT_CATEGORIES: Final = frozenset({"Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "Pc"})
_ALPHABETIC_SYMBOLS: Final = (
    range(0x24B6, 0x24EA),
    range(0x1F130, 0x1F14A),
    range(0x1F150, 0x1F16A),
    range(0x1F170, 0x1F18A),
)
"""Circled and squared Latin letters: symbols by category, alphabetic by property, and so kept."""

_EXPLICIT_ID: Final = re.compile(r"\{#((?:(?!\{#)[^}\n])+)\}\Z")
_LITERAL_URL_OR_DIRECTIVE: Final = re.compile(
    r"(?:https?://|www\.)[^\s<]+"
    r"|(?<!:):(?P<name>[A-Za-z](?:[A-Za-z0-9_-]*[A-Za-z0-9])?)(?![A-Za-z0-9_:-])"
    r"(?:\[(?P<label>[^\[\]\n]*)\])?(?P<attributes>\{[^{}\n]*\})?"
)
_NOT_IN_MKDOCS_ID: Final = re.compile(r"[^\w\s-]")
_RUN_OF_HYPHENS: Final = re.compile(r"[-\s]+")
_COUNTED_ID: Final = re.compile(r"(.*)_([0-9]{1,9})")
_ATTRIBUTE_LIST: Final = re.compile(r"[ ]+\{:?[ ]*([^\}\n ][^\}\n]*)\}[ ]*\Z")
_ID_IN_LIST: Final = re.compile(r"""(?:^|\s)(?:#([^\s}]+)|id=["']?([^\s"'}]+))""")


class _Kept(dict[int, int | None]):
    """What becomes of a code point in a slug, found out when it is first met."""

    def __missing__(self, code: int) -> int | None:
        self[code] = code if _is_kept(code) else None
        return self[code]


def _is_kept(code: int) -> bool:
    return unicodedata.category(chr(code)) in _KEPT_CATEGORIES or any(code in run for run in _ALPHABETIC_SYMBOLS)


_KEPT: Final = _Kept({ord(" "): ord("-"), ord("-"): ord("-")})


def slug(text: str) -> str:
    """The slug of one heading by itself: lower case, letters, marks, digits, ``_`` and ``-``; each space a hyphen."""
    return text.lower().translate(_KEPT)


class Slugs:
    """The slugs of one page: a repeated one gets ``-1``, ``-2``... until it is new. Linear in the headings."""

    def __init__(self) -> None:
        self._times_seen: dict[str, int] = {}

    def unique(self, text: str) -> str:
        base = candidate = slug(text)
        while candidate in self._times_seen:
            self._times_seen[base] += 1
            candidate = f"{base}-{self._times_seen[base]}"
        self._times_seen[candidate] = 0
        return candidate

    def heading_anchor(self, text: str, *, level: int, explicit: str | None = None) -> str | None:
        """
        The id that the published page gives the next heading, None where it gives none.

        ``text`` is the heading's own text: of links and emphasis what they show, of images the alternative text, of
        code and expressions the source between the marks, of tags nothing, children of tags included, of text
        directives the label (``without_directives``). ``explicit`` is
        an id from a comment, which wins over ``{#id}`` at the end of the text. An explicit id is taken as written and
        reserves nothing: a later heading may get the same. A level-1 heading is given no id, though its slug is used
        up; neither is a heading whose slug is empty.
        """
        identifier = explicit or split_explicit_id(text)[1] or self.unique(text)
        return None if level == 1 else identifier or None


class MkDocsSlugs:
    """
    The ids of one page of MkDocs: without accents and other scripts, a repeated one gets ``_1``, ``_2``...

    ``reserved`` are the explicit ids of the page, those of later headings included. About linear in the headings.
    """

    def __init__(self, reserved: Iterable[str] = ()) -> None:
        self._taken = set(reserved)
        self._next: dict[tuple[str, int], int] = {}

    def heading_anchor(self, text: str, *, explicit: str | None = None) -> str:
        """The id of the next heading, of whatever level. ``text`` is what it shows, without an attribute list."""
        if explicit:
            return explicit
        plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii")
        candidate = _RUN_OF_HYPHENS.sub("-", _NOT_IN_MKDOCS_ID.sub("", plain).strip().lower())
        if candidate in self._taken or not candidate:
            counted = _COUNTED_ID.fullmatch(candidate)
            candidate = self._free(counted[1], int(counted[2]) + 1) if counted else self._free(candidate, 1)
        self._taken.add(candidate)
        return candidate

    def _free(self, stem: str, number: int) -> str:
        """The first id from ``number`` on that is not taken; what is passed over on the way leads there at once."""
        passed = []
        while f"{stem}_{number}" in self._taken:
            passed.append(number)
            number = self._next.get((stem, number), number + 1)
        self._next.update({(stem, one): number for one in passed})
        return f"{stem}_{number}"


def split_attribute_list(text: str) -> tuple[str, str | None]:
    """``Some heading {: #some-id .wide }`` -> (``Some heading``, ``some-id``), as the extension attr_list reads it."""
    if not text.rstrip().endswith("}"):
        return text, None
    found = _ATTRIBUTE_LIST.search(text)
    if not found:
        return text, None
    named = _ID_IN_LIST.search(found[1])
    return text[: found.start()], (named[1] or named[2]) if named else None


def split_explicit_id(text: str) -> tuple[str, str | None]:
    """``Some heading {#some-id}`` -> (``Some heading``, ``some-id``); the id is None where there is none."""
    if not text.endswith("}"):
        return text, None
    found = _EXPLICIT_ID.search(text)
    return (text[: found.start()].rstrip(), found[1]) if found else (text, None)


def without_directives(text: str) -> str:
    """
    Text as a slug sees it: ``:name`` is a text directive to Docusaurus, of which only a ``[label]`` counts.

    So ``aria:label`` gets the slug ``aria``; ``10:30``, ``a: b``, ``std::vector`` and bare addresses stay whole.
    """
    if ":" not in text:
        return text
    return _LITERAL_URL_OR_DIRECTIVE.sub(lambda found: (found["label"] or "") if found["name"] else found[0], text)
