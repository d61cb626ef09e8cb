"""Markdown and MDX as Docusaurus reads them; the anchors of a page of MkDocs as MkDocs gives them."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

from adapters.formats.builder import DocumentBuilder
from adapters.formats.front_matter import split_front_matter
from adapters.formats.inline import (
    explicit_comment_id,
    parse_inline,
    shown,
    shown_inline,
    slug_text,
    tab_label,
    tag_text,
)
from adapters.formats.jsx import Scanner, Tag
from adapters.formats.lists import Paragraphs
from adapters.formats.rules import (
    BLOCKS_LEFT,
    FOOTNOTES,
    HEADING_LINE,
    IS_MDX,
    SCANNER,
    TooManyBlocks,
    block_reader,
    inline_reader,
)
from adapters.formats.signs import footnotes_of, reads_as_mdx
from domain.errors import DocumentUnreadable
from domain.library.model import BlockKind, Format, ParsedDocument, SourceDocument
from domain.library.parts import PART_BEGINS, PART_ENDS
from domain.library.ports import DocumentLimits, DocumentParser
from domain.library.sites import SitePlace, SiteTool
from domain.library.slugs import MkDocsSlugs, Slugs, split_attribute_list, split_explicit_id

_MDX_FENCE: Final = "mdx-code-block"
_LIMITS: Final = DocumentLimits()
_CHECKBOXES: Final = ("[ ] ", "[x] ", "[X] ")


class MarkdownParser(DocumentParser):
    """
    Parses Markdown and MDX.

    A page called Markdown is read as MDX when it uses MDX, as Docusaurus does by default; otherwise braces are text
    and indented lines are code. The title is the source's own, else the front matter's, else the first level-1
    heading.
    """

    def __init__(self, limits: DocumentLimits = _LIMITS) -> None:
        self._blocks = limits.blocks
        self._mdx = block_reader(mdx=True)
        self._markdown = block_reader(mdx=False)
        self._inline = inline_reader()

    def parse(self, source: SourceDocument) -> ParsedDocument:
        content = source.content.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
        metadata, body = split_front_matter(content, uri=source.uri)
        body = body.replace("\0", "\ufffd")
        if _MDX_FENCE in body:
            body = _unwrap_mdx_fences(body)
        place = SitePlace.of(source.metadata)
        mkdocs = place is not None and place.tool is not SiteTool.DOCUSAURUS
        mdx = source.format is Format.MDX or (not mkdocs and reads_as_mdx(body))
        page_type = _MkDocsPage if mkdocs else _Page
        page = page_type(self._mdx if mdx else self._markdown, self._inline, mdx=mdx, most_blocks=self._blocks)
        try:
            page.read(body)
        except RecursionError as error:
            raise DocumentUnreadable(source.uri, "its parts are nested too deeply") from error
        except TooManyBlocks as error:
            raise DocumentUnreadable(source.uri, too_many_blocks(self._blocks)) from error
        title = source.title or _text(metadata.get("title")) or page.builder.first_title
        return page.builder.build(title, metadata)


def too_many_blocks(most: int) -> str:
    return f"it has more than {most:,} blocks (headings, paragraphs, list items); split it"


def _text(value: object) -> str | None:
    return str(value).strip() or None if isinstance(value, str | int | float) else None


def _unwrap_mdx_fences(body: str) -> str:
    """Docusaurus drops the fence lines around ``mdx-code-block`` and reads what is between them as MDX."""
    lines = body.split("\n")
    fence = ""
    for number, line in enumerate(lines):
        if fence and line.rstrip() == fence:
            lines[number] = fence = ""
        elif not fence and line.startswith("```") and line.strip(" `") == _MDX_FENCE:
            fence = line[: len(line) - len(line.lstrip("`"))]
            lines[number] = ""
    return "\n".join(lines)


class _Page:
    """Walks the tokens of one page and writes down what they show."""

    def __init__(self, blocks: MarkdownIt, inline: MarkdownIt, *, mdx: bool, most_blocks: int) -> None:
        self._most_blocks = most_blocks
        self.builder = DocumentBuilder()
        self._block_reader = blocks
        self._inline_reader = inline
        self._mdx = mdx
        self._env: dict[str, Any] = {}
        self._slugs = Slugs()
        self._slugs_around: list[Slugs] = []
        self._paragraphs = Paragraphs(self.builder)
        self._handlers: dict[str, Callable[[Token, Sequence[Token], int], int]] = {
            "heading_open": self._underlined,
            HEADING_LINE: self._heading_line,
            "paragraph_open": self._paragraph,
            "line": self._line,
            "fence": self._fence,
            "code_block": self._code,
            "table_open": self._table,
            "markup": self._markup,
            "admonition": self._admonition,
            "bullet_list_open": self._open_list,
            "ordered_list_open": self._open_list,
            "bullet_list_close": self._close_list,
            "ordered_list_close": self._close_list,
            "list_item_open": self._item,
        }

    def read(self, body: str) -> None:
        self._env = {
            SCANNER: Scanner(len(body)),
            IS_MDX: self._mdx,
            FOOTNOTES: footnotes_of(body),
            # Some of what begins a block is none: lists, quotes, lines that are not shown.
            BLOCKS_LEFT: self._most_blocks * 5 // 4,
        }
        tokens = self._block_reader.parse(body, self._env)
        self._look_through(tokens)
        position = 0
        while position < len(tokens):
            token = tokens[position]
            handler = self._handlers.get(token.type)
            position = handler(token, tokens, position) if handler else position + 1

    def _look_through(self, tokens: Sequence[Token]) -> None:
        """What has to be known of the whole page before its first block; of a page of Docusaurus, nothing."""

    def _inline(self, content: str) -> list[Token]:
        return parse_inline(content, self._inline_reader, self._env)

    def _shown(self, content: str) -> str:
        return shown_inline(content, self._inline_reader, self._env)

    def _underlined(self, token: Token, tokens: Sequence[Token], at: int) -> int:
        self._heading(tokens[at + 1].content, level=int(token.tag[1]))
        return at + 3

    def _heading_line(self, token: Token, tokens: Sequence[Token], at: int) -> int:
        self._heading(token.content, level=int(token.tag[1]))
        return at + 1

    def _heading(self, content: str, *, level: int) -> None:
        children = self._inline(content)
        explicit = explicit_comment_id(children, mdx=self._mdx)
        anchor = self._slugs.heading_anchor(slug_text(children), level=level, explicit=explicit)
        text = " ".join(split_explicit_id(shown(children))[0].split())
        words = " ".join(split_explicit_id(shown(children, ticks=False))[0].split())
        self.builder.heading(text, words=words, level=level, anchor=anchor)

    def _paragraph(self, token: Token, tokens: Sequence[Token], at: int) -> int:
        self._text(self._shown(tokens[at + 1].content))
        return at + 3

    def _line(self, token: Token, tokens: Sequence[Token], at: int) -> int:
        self._text(self._shown(token.content))
        return at + 1

    def _text(self, text: str) -> None:
        if self._paragraphs.begins_item and text.startswith(_CHECKBOXES):
            text = text[4:].lstrip()
        self._paragraphs.write(text)

    def _fence(self, token: Token, tokens: Sequence[Token], at: int) -> int:
        language = token.info.split(maxsplit=1)[0] if token.info.strip() else ""
        content = token.content if token.content.endswith("\n") or not token.content else token.content + "\n"
        self.builder.block(f"{token.markup}{language}\n{content}{token.markup}", BlockKind.CODE)
        return at + 1

    def _code(self, token: Token, tokens: Sequence[Token], at: int) -> int:
        self.builder.block(token.content.rstrip(), BlockKind.CODE)
        return at + 1

    def _table(self, token: Token, tokens: Sequence[Token], at: int) -> int:
        rows: list[str] = []
        cells: list[str] = []
        while tokens[at].type != "table_close":
            current = tokens[at]
            if current.type == "tr_open":
                cells = []
            elif current.type == "inline":
                cells.append(self._shown(current.content).replace("\n", " "))
            elif current.type == "tr_close":
                rows.append(f"| {' | '.join(cells)} |")
            at += 1
        self.builder.block("\n".join(rows), BlockKind.TABLE)
        return at + 1

    def _markup(self, token: Token, tokens: Sequence[Token], at: int) -> int:
        pieces: list[Tag | str] = token.meta["pieces"]
        for piece in pieces:
            if piece == PART_BEGINS:
                # Docusaurus reads a part by itself: what it calls a heading, the page may call another.
                self._slugs_around.append(self._slugs)
                self._slugs = Slugs()
            elif piece == PART_ENDS and self._slugs_around:
                self._slugs = self._slugs_around.pop()
            self._text(tab_label(piece) if isinstance(piece, Tag) else tag_text((piece,)).strip())
        return at + 1

    def _admonition(self, token: Token, tokens: Sequence[Token], at: int) -> int:
        if token.content:
            self._text(self._shown(token.content))
        return at + 1

    def _open_list(self, token: Token, tokens: Sequence[Token], at: int) -> int:
        start = token.attrGet("start")
        self._paragraphs.open_list(None if token.type == "bullet_list_open" else 1 if start is None else int(start))
        return at + 1

    def _close_list(self, token: Token, tokens: Sequence[Token], at: int) -> int:
        self._paragraphs.close_list()
        return at + 1

    def _item(self, token: Token, tokens: Sequence[Token], at: int) -> int:
        self._paragraphs.item()
        return at + 1


class _MkDocsPage(_Page):
    """
    A page whose headings get their ids from Python-Markdown.

    An attribute list that ends a heading is taken for one: it is written where the site reads it.
    """

    def _look_through(self, tokens: Sequence[Token]) -> None:
        headings = (
            token.content if token.type == HEADING_LINE else tokens[at + 1].content
            for at, token in enumerate(tokens)
            if token.type in (HEADING_LINE, "heading_open")
        )
        self._ids = MkDocsSlugs(explicit for text in headings if (explicit := split_attribute_list(text)[1]))

    def _heading(self, content: str, *, level: int) -> None:
        content, explicit = split_attribute_list(content)
        children = self._inline(content)
        words = " ".join(shown(children, ticks=False).split())
        anchor = self._ids.heading_anchor(words, explicit=explicit)
        self.builder.heading(" ".join(shown(children).split()), words=words, level=level, anchor=anchor)
