"""
Pages that include other Markdown files, put together as Docusaurus shows them.

``import Part from './_part.mdx'`` and a line ``<Part />`` show the text of that file there (Docusaurus, "Markdown and
React: importing Markdown"). It is put in before a document is submitted, where the other files are at hand; what is
stored, and what offsets count in, is the page with its parts. Left as they are: tags within a line, and parts that are
not in the tree. Expressions of a part that show what the page hands to it show nothing.
"""

import re
from collections.abc import Collection, Mapping
from posixpath import dirname, join, normpath
from typing import Final

from domain.errors import DocumentUnreadable
from domain.library.sites import SiteTool, SiteTree

PART_BEGINS: Final = "{/* ibid:part */}"
PART_ENDS: Final = "{/* ibid:part-end */}"
"""Around each part, on lines of their own: comments, to MDX. The headings between them have ids of their own."""

MAX_PARTS_CHARS: Final = 20_000_000
"""All parts together that the pages of one tree include: a part of 1 MB in each of 20,000 pages would be 20 GB."""
MAX_ROUNDS: Final = 8
"""How deep parts may stand in parts."""
_MAX_OF_A_PAGE: Final = 1_000
_PAGE: Final = re.compile(r"\.mdx?\Z", re.IGNORECASE)
_SIGN: Final = re.compile(rb"^import[ \t].*\.mdx?[\"']", re.MULTILINE)
_IMPORT: Final = re.compile(r"""import[ \t]+(\w{1,100})[ \t]+from[ \t]+(["'])([^"'\n]{1,1000}\.mdx?)\2[ \t]*;?[ \t]*""")
_OTHER_IMPORT: Final = re.compile(r"""import[ \t][^\n]*["'][ \t]*;?[ \t]*""")
_FENCE: Final = re.compile(r"[ \t]*(`{3,}|~{3,})")
_TAG: Final = re.compile(r"([ \t]*)<(\w{1,100})(?:\s[^<>]{0,2000})?(?:/>|></\2>)[ \t]*")
_FRONT_MATTER: Final = re.compile(r"---[ \t]*\n.*?^---[ \t]*(?:\n|\Z)", re.MULTILINE | re.DOTALL)


class Parts:
    """
    The parts of the pages in one tree of files, whose ``names`` are as ``tree_path`` gives them.

    ``site`` is how the tree is read: its root is what ``@site`` stands for, and MkDocs knows no parts. ``most``
    characters are put in at all.
    """

    def __init__(self, names: Collection[str], site: SiteTree, most: int = MAX_PARTS_CHARS) -> None:
        self._names = names if site.tool in (None, SiteTool.DOCUSAURUS) else ()
        self._root = site.root
        self._left = most
        self._includes: dict[str, set[str]] = {}

    def missing(self, name: str, content: bytes, held: Mapping[str, bytes]) -> set[str]:
        """
        Files that have to be in ``held`` before ``joined`` is called and are not; ask again when they are.

        ``MAX_ROUNDS`` times are enough.
        """
        seen: set[str] = set()
        ahead = [self._included(name, content)]
        while ahead and len(seen) < _MAX_OF_A_PAGE:
            for part in ahead.pop() - seen:
                seen.add(part)
                if part in held:
                    if part not in self._includes:
                        self._includes[part] = self._included(part, held[part])
                    ahead.append(self._includes[part])
        return seen - held.keys()

    def joined(self, name: str, content: bytes, held: Mapping[str, bytes]) -> bytes:
        """
        The page with its parts in it; the page as it is where it has none.

        Raises DocumentUnreadable when the parts become too long.
        """
        if not self._included(name, content):
            return content
        text = _text(content)
        return content if text is None else self._filled(name, text, held, (name,)).encode()

    def _included(self, name: str, content: bytes) -> set[str]:
        if not _PAGE.search(name) or not _SIGN.search(content):
            return set()
        text = _text(content)
        return set() if text is None else set(self._imports(name, text).values())

    def _imports(self, name: str, text: str) -> dict[str, str]:
        """The files that a page names, by the tag that shows them."""
        found = {}
        for line, is_code in _lines(text):
            named = None if is_code else _IMPORT.fullmatch(line)
            file = self._file(name, named[3]) if named else None
            if named and file in self._names and file != name:
                found[named[1]] = str(file)
        return found

    def _file(self, name: str, said: str) -> str | None:
        # A formatter of Markdown writes ``./\_part.mdx``; to JavaScript the backslash is nothing.
        said = said.replace("\\_", "_")
        if said.startswith("@site/"):
            return normpath(self._root + said.removeprefix("@site/"))
        return normpath(join(dirname(name), said)) if said.startswith(("./", "../")) else None

    def _filled(self, name: str, text: str, held: Mapping[str, bytes], path: tuple[str, ...]) -> str:
        imports = self._imports(name, text)
        if not imports or len(path) > MAX_ROUNDS:
            return text
        pieces = []
        for line, is_code in _lines(text):
            tag = None if is_code else _TAG.fullmatch(line)
            part = imports.get(tag[2]) if tag else None
            if tag and part is not None and part in held and part not in path:
                line = self._part(part, held, path, tag[1])
            pieces.append(line)
        return "\n".join(pieces)

    def _part(self, part: str, held: Mapping[str, bytes], path: tuple[str, ...], indent: str) -> str:
        text = _text(held[part])
        if text is None:
            raise DocumentUnreadable(path[0], f"its part {part} is not UTF-8; save it as UTF-8")
        body = text[found.end() :] if (found := _FRONT_MATTER.match(text)) else text
        filled = self._filled(part, body, held, (*path, part))
        lines, fence = [], ""
        for line, is_code in _lines(filled):
            if is_code or not _OTHER_IMPORT.fullmatch(line):
                lines.append(indent + line if line else line)
            opened = _FENCE.match(line)
            fence = "" if not is_code else fence or (opened[1] if opened else "")
        if fence:
            # A block of code that a part leaves open ends with the part.
            lines.append(indent + fence)
        whole = "\n".join(["", indent + PART_BEGINS, "", *lines, "", indent + PART_ENDS, ""])
        self._left -= len(whole)
        if self._left < 0:
            raise DocumentUnreadable(path[0], "the parts that pages include are too long together")
        return whole


def _text(content: bytes) -> str | None:
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError:
        return None


def _lines(text: str) -> list[tuple[str, bool]]:
    """Each line, and whether it belongs to a fenced block of code; the line that closes one does not."""
    found = []
    fence = ""
    for line in text.split("\n"):
        mark = _FENCE.match(line)
        if fence and mark and mark[1].startswith(fence) and not line.strip(" \t`~"):
            fence = ""
        elif not fence and mark:
            fence = mark[1]
        found.append((line, bool(fence)))
    return found
