"""HTML pages: their main content as text."""

import re
from typing import Final

from selectolax.lexbor import LexborHTMLParser, LexborNode, SelectolaxError

from adapters.formats.builder import DocumentBuilder
from adapters.formats.dom import heading_anchor, verbatim, walk
from adapters.formats.elements import BLOCK_ELEMENTS
from adapters.formats.html_cost import costs_too_much
from adapters.formats.html_head import metadata_of, one_line, page_title
from adapters.formats.lists import Paragraphs
from domain.errors import DocumentUnreadable
from domain.library.model import BlockKind, ParsedDocument, SourceDocument
from domain.library.ports import DocumentParser

_WHITE: Final = re.compile(r"[ \t\n\r\f]+")
_HEADINGS: Final = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_LANGUAGE: Final = re.compile(r"(?:language|lang|highlight-source)-([\w+#-]+)")
_FENCE_RUN: Final = re.compile(r"`{3,}")
_BREAK: Final = "\x00"
"""Stands for a ``<br>`` while white space is folded; the HTML parser lets no NUL through."""


class HtmlParser(DocumentParser):
    """Parses HTML. The title is the source's own, else the level-1 heading that ``<title>`` names, else ``<title>``."""

    def parse(self, source: SourceDocument) -> ParsedDocument:
        if costs_too_much(source.content):
            raise DocumentUnreadable(source.uri, "its elements nest too deeply, or too much formatting is left open")
        try:
            tree = LexborHTMLParser(source.content)
        except (SelectolaxError, UnicodeError) as error:
            raise DocumentUnreadable(source.uri, "it is not HTML that can be read") from error
        page = _Page()
        root = _main_content(tree)
        if root is not None:
            page.read(root)
        title = source.title or page_title(tree, page.builder.first_title)
        return page.builder.build(title, metadata_of(tree))


def _main_content(tree: LexborHTMLParser) -> LexborNode | None:
    main = tree.css_first("main, [role=main]")
    articles = (main or tree).css("article")
    return articles[0] if len(articles) == 1 else main or tree.body


class _Page:
    """Walks one page and writes down what it shows."""

    def __init__(self) -> None:
        self.builder = DocumentBuilder()
        self._paragraphs = Paragraphs(self.builder)
        self._line: list[str] = []
        self._inside: list[int] = []
        self._cells: list[str] = []
        self._rows: list[str] = []
        self._tables = 0

    def read(self, root: LexborNode) -> None:
        skipped: int | None = None
        for node, begins in walk(root):
            if skipped is not None:
                skipped = None if not begins and node.mem_id == skipped else skipped
            elif node.tag == "-text":
                self._line.append(node.text_content or "")
            elif node.tag == "header" and root.tag == "body" and begins:
                skipped = node.mem_id
            elif node.tag == "pre" and begins and not self._tables:
                self._pre(node)
                skipped = node.mem_id
            elif begins:
                self._begin(node)
            else:
                self._end(node)
        self._flush()

    def _begin(self, node: LexborNode) -> None:
        tag = node.tag or ""
        if tag == "br":
            self._line.append(_BREAK)
        elif tag == "code":
            self._line.append("`")
        elif self._tables:
            self._begin_in_table(tag)
        elif tag in BLOCK_ELEMENTS:
            self._flush()
            self._begin_block(node, tag)

    def _begin_block(self, node: LexborNode, tag: str) -> None:
        if tag == "ul":
            self._paragraphs.open_list(None)
        elif tag == "ol":
            start = node.attributes.get("start") or ""
            self._paragraphs.open_list(int(start) if start.isdecimal() and len(start) < 10 else 1)
        elif tag == "li":
            self._paragraphs.item()
        elif tag == "table":
            self._tables = 1

    def _begin_in_table(self, tag: str) -> None:
        if tag == "table":
            self._tables += 1
        elif tag in BLOCK_ELEMENTS:
            self._line.append(" ")

    def _end(self, node: LexborNode) -> None:
        tag = node.tag or ""
        if tag == "code":
            self._line.append("`")
        elif self._tables:
            self._end_in_table(tag)
        elif tag in _HEADINGS:
            self._heading(node, int(tag[1]))
        elif tag in BLOCK_ELEMENTS:
            self._flush()
            if tag in ("ul", "ol"):
                self._paragraphs.close_list()

    def _end_in_table(self, tag: str) -> None:
        if self._tables == 1 and tag in ("td", "th", "caption"):
            self._cells.append(self._taken().replace("\n", " "))
        if self._tables == 1 and tag in ("tr", "caption") and self._cells:
            self._rows.append(f"| {' | '.join(self._cells)} |")
            self._cells = []
        if tag == "table":
            self._tables -= 1
            if not self._tables:
                self.builder.block("\n".join(self._rows), BlockKind.TABLE)
                self._rows = []

    def _heading(self, node: LexborNode, level: int) -> None:
        text = " ".join(self._taken().split())
        if text:
            words = text.replace("`", "")
            self.builder.heading(text, words=words, level=level, anchor=heading_anchor(node))

    def _pre(self, node: LexborNode) -> None:
        self._flush()
        inner = node.css_first("code")
        classes = f"{node.attributes.get('class') or ''} {inner.attributes.get('class') or '' if inner else ''}"
        language = _LANGUAGE.search(classes)
        code = verbatim(node).strip("\n")
        if code.strip():
            fence = max((run + "`" for run in _FENCE_RUN.findall(code)), key=len, default="```")
            self.builder.block(f"{fence}{language[1] if language else ''}\n{code}\n{fence}", BlockKind.CODE)

    def _flush(self) -> None:
        self._paragraphs.write(self._taken())

    def _taken(self) -> str:
        if not self._line:
            return ""
        text = _WHITE.sub(" ", "".join(self._line))
        self._line.clear()
        return "\n".join(one_line(line) for line in text.split(_BREAK)).strip()
