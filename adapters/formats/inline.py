"""Inline Markdown as its reader sees it, and as a heading's slug sees it."""

import re
from collections.abc import Iterable, MutableMapping
from typing import Any, Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

from adapters.formats.elements import BLOCK_ELEMENTS
from adapters.formats.jsx import Tag, string_of
from adapters.formats.rules import FOOTNOTES
from domain.library.slugs import without_directives

_MARKS: Final = re.compile(r"[!&*<\[\\_`{~]|  \n")
_CODE: Final = re.compile(r"`([^`]+)`")
_FOOTNOTE_MARK: Final = re.compile(r"\[\^([^\]\s]+)\]")
_SPACES: Final = re.compile(r"[ \t]{2,}")
_SPACES_AT_BREAK: Final = re.compile(r"[ \t]*\n\s*")
_ON_LINES_OF_THEIR_OWN: Final = frozenset({"TabItem", "br", "center", *BLOCK_ELEMENTS})


def parse_inline(content: str, reader: MarkdownIt, env: MutableMapping[str, Any]) -> list[Token]:
    """The tokens of a run of inline text. What has no mark but code, which is most of it, is not parsed at all."""
    if env[FOOTNOTES] and "[^" in content:
        content = _FOOTNOTE_MARK.sub(lambda found: "" if found[1] in env[FOOTNOTES] else found[0], content)
    pieces = _CODE.split(content) if "`" in content else [content]
    if not any(_MARKS.search(text) for text in pieces[::2]):
        return [token for at, piece in enumerate(pieces) if piece for token in _plain(piece, is_code=bool(at % 2))]
    tokens: list[Token] = []
    reader.inline.parse(content, reader, env, tokens)
    return tokens


def shown_inline(content: str, reader: MarkdownIt, env: MutableMapping[str, Any]) -> str:
    """What ``shown`` makes of the tokens of a run of inline text; without any tokens where it has no mark at all."""
    if "`" in content or _MARKS.search(content):
        return shown(parse_inline(content, reader, env))
    if "\n" in content:
        content = " ".join([line.strip(" ") for line in content.split("\n")])
    return content.strip()


def _plain(piece: str, *, is_code: bool) -> list[Token]:
    if not is_code:
        if "\n" not in piece:
            return [Token("text", "", 0, content=piece)]
        first, *rest = piece.split("\n")
        tokens = [Token("text", "", 0, content=first.rstrip(" "))]
        for line in rest:
            tokens += (Token("softbreak", "br", 0), Token("text", "", 0, content=line.strip(" ")))
        # What follows the last line, code say, is parted from it by the space that stands there.
        tokens[-1].content = rest[-1].lstrip(" ")
        return tokens
    piece = piece.replace("\n", " ")
    if piece.startswith(" ") and piece.endswith(" ") and not piece.isspace():
        piece = piece[1:-1]
    return [Token("code_inline", "", 0, content=piece, markup="`")]


def shown(tokens: Iterable[Token], *, ticks: bool = True) -> str:
    """The text that a reader sees; inline code keeps its backticks unless ``ticks`` is off."""
    pieces: list[str] = []
    tidy = False
    for token in tokens:
        kind = token.type
        if kind == "text" or kind == "text_special":
            pieces.append(token.content)
        elif kind == "code_inline":
            pieces.append(_code(token) if ticks else token.content)
        elif kind == "softbreak":
            pieces.append(" ")
        elif kind == "hardbreak":
            pieces.append("\n")
        elif kind == "markup":
            pieces.append(tag_text(token.meta["pieces"]))
            tidy = True
        elif kind == "image":
            tidy = True
    text = "".join(pieces).strip()
    return _SPACES_AT_BREAK.sub("\n", _SPACES.sub(" ", text)) if tidy else text


def tag_text(pieces: Iterable[Tag | str]) -> str:
    """What tags and expressions show by themselves: a tab's label, a string, a line break around blocks."""
    return "".join(_piece_text(piece) for piece in pieces)


def _piece_text(piece: Tag | str) -> str:
    if isinstance(piece, str):
        return string_of(piece) if piece.startswith("{") else ""
    if piece.name not in _ON_LINES_OF_THEIR_OWN:
        return ""
    label = tab_label(piece)
    return f"\n{label}\n" if label else "\n"


def tab_label(tag: Tag) -> str:
    """The label of a ``<TabItem>``: ``label``, else ``value``; empty for any other tag."""
    if tag.name != "TabItem" or tag.closing:
        return ""
    return tag.attribute("label") or tag.attribute("value") or ""


def _code(token: Token) -> str:
    ticks, content = token.markup, token.content
    pad = " " if content.startswith("`") or content.endswith("`") else ""
    return f"{ticks}{pad}{content}{pad}{ticks}"


def slug_text(tokens: Iterable[Token]) -> str:
    """
    The text that a heading's id is made from, as mdast-util-to-string gives it.

    Alternative texts of images and the source of expressions count; tags, comments, hard breaks and the names of
    text directives do not.
    """
    pieces: list[str] = []
    for token in tokens:
        kind = token.type
        if kind == "text":
            pieces.append(without_directives(token.content))
        elif kind == "text_special" or kind == "code_inline":
            pieces.append(token.content)
        elif kind == "softbreak":
            pieces.append("\n")
        elif kind == "image":
            pieces.append(slug_text(token.children or ()))
        elif kind == "markup":
            piece = token.meta["pieces"][0]
            if isinstance(piece, str) and piece.startswith("{"):
                pieces.append(piece[1:-1])
    return "".join(pieces)


def explicit_comment_id(tokens: list[Token], *, mdx: bool) -> str | None:
    """The id in a comment that ends a heading: ``{/* #id */}`` in MDX, ``<!-- #id -->`` in Markdown."""
    if not tokens or tokens[-1].type != "markup":
        return None
    piece = tokens[-1].meta["pieces"][0]
    found = (_MDX_COMMENT if mdx else _HTML_COMMENT).fullmatch(piece) if isinstance(piece, str) else None
    return found[1] if found else None


_MDX_COMMENT: Final = re.compile(r"\{\s*/\*\s*#([^\s*]+)(?:(?!\*/).)*\*/\s*\}", re.DOTALL)
_HTML_COMMENT: Final = re.compile(r"<!--\s*#(\S+?)(?:\s.*)?-->", re.DOTALL)
