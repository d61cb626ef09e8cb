"""What Docusaurus adds to Markdown, as rules of markdown-it: JSX, expressions, ESM lines, comments, admonitions."""

import re
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.ruler import RuleOptionsType
from markdown_it.rules_block import StateBlock, fence
from markdown_it.rules_inline import StateInline

from adapters.formats.admonitions import admonition_title
from adapters.formats.elements import HIDDEN_ELEMENTS
from adapters.formats.jsx import Scanner, Tag
from adapters.formats.signs import ESM

MAX_NESTING: Final = 60
"""Quotes, lists and list items within one another; the parser spends about three stack frames on each."""
MAX_INLINE_NESTING: Final = 10
"""Links, images and emphasis within one another; each level multiplies the time that unmatched brackets take."""

SCANNER: Final = "scanner"
IS_MDX: Final = "is_mdx"
FOOTNOTES: Final = "footnotes_of_page"
BLOCKS_LEFT: Final = "blocks_left"
"""Keys of the environment that a parse runs in."""

HEADING_LINE: Final = "heading_line"
"""The type of the one token that stands for ``# a heading``; one that is underlined has the parser's own three."""
_MOST_SIGNS: Final = 6


class TooManyBlocks(Exception):
    """The page has more than it may; it is not read further."""


_HIDDEN: Final = HIDDEN_ELEMENTS | {"Head"}
_CLOSING_TAG: Final = {name: re.compile(rf"</{name}\s*>", re.IGNORECASE) for name in _HIDDEN}
_ITEM: Final = re.compile(r"(?:[-*+]|\d{1,9}[.)])[ \t]+\S")
_FOOTNOTE_LABEL: Final = re.compile(r"\[\^([^\]\s]+)\]:[ \t]*")


def block_reader(*, mdx: bool) -> MarkdownIt:
    """
    Finds the blocks of MDX (no indented code) or Markdown, and leaves the text in them as it is.

    Lines must end at LF alone, and no NUL be left.
    """
    reader = MarkdownIt("commonmark", {"maxNesting": MAX_NESTING})
    reader.enable("table").disable(["html_block", "inline", "text_join", "normalize"])
    if mdx:
        reader.disable("code")
    interrupts: RuleOptionsType = {"alt": ["paragraph", "reference", "blockquote", "list"]}
    reader.block.ruler.before("table", "docusaurus", _block_rule, interrupts)
    return reader


def inline_reader() -> MarkdownIt:
    """Reads what is in one block, MDX or not, as the environment says."""
    reader = MarkdownIt("commonmark", {"maxNesting": MAX_INLINE_NESTING})
    reader.enable("strikethrough").disable("html_inline")
    reader.inline.ruler.before("entity", "markup", _inline_rule)
    # What a link points to is not shown: it is neither checked nor encoded.
    reader.validateLink = _any_link  # type: ignore[method-assign]  # the documented way to replace it
    reader.normalizeLink = _link_as_written  # type: ignore[method-assign]
    # Only characters that some enabled rule begins with stop a run of text.
    reader.inline.terminator_re = re.compile(r"[\n!&*<\[\]\\_`{~]")
    return reader


def _any_link(url: str) -> bool:
    return True


def _link_as_written(url: str) -> str:
    return url


def _block_rule(state: StateBlock, start_line: int, end_line: int, silent: bool) -> bool:
    """First of all rules; besides Docusaurus's own blocks it takes those that their first character gives away."""
    start = state.bMarks[start_line] + state.tShift[start_line]
    if not silent:
        state.env[BLOCKS_LEFT] -= 1
        if state.env[BLOCKS_LEFT] < 0:
            raise TooManyBlocks
    if start >= state.eMarks[start_line] or state.is_code_block(start_line):
        return False
    character = state.src[start]
    if character == "#":
        return _heading_line(state, start, start_line, silent)
    if character == "`" and state.src.startswith("```", start):
        return fence(state, start_line, end_line, silent)
    if character == "<" or (character == "{" and state.env[IS_MDX]):
        return _markup_lines(state, start, start_line, end_line, silent)
    if character == ":":
        return _directive_line(state, start, start_line, silent)
    if character == "[" and state.env[FOOTNOTES]:
        return _footnote_line(state, start, start_line, silent)
    if silent:
        return False
    if character in "ie" and state.parentType == "root" and _module_lines(state, start, start_line, end_line):
        return True
    return character.isalpha() and _plain_lines(state, start, start_line, end_line)


def _heading_line(state: StateBlock, start: int, start_line: int, silent: bool) -> bool:
    """As the parser's own rule has it, in a third of its time: a page can be nothing but headings."""
    line = state.src[start : state.eMarks[start_line]]
    text = line.lstrip("#")
    level = len(line) - len(text)
    if level > _MOST_SIGNS or (text and text[0] not in " \t"):
        return False
    if not silent:
        text = text.rstrip(" \t")
        before = text.rstrip("#")
        if before and before[-1] in " \t":
            text = before
        state.line = start_line + 1
        state.push(HEADING_LINE, f"h{level}", 0).content = text.strip()
    return True


def _plain_lines(state: StateBlock, start: int, start_line: int, end_line: int) -> bool:
    """
    A paragraph whose lines all begin with a letter: no other block does, nor does what would make it one.

    The parser tries every rule on every line of a paragraph, 15 microseconds each; a page can be one of a million.
    """
    line = start_line + 1
    while line < end_line and not state.isEmpty(line):
        first = state.bMarks[line] + state.tShift[line]
        if _begins_next_item(state, line, first):
            break
        if state.sCount[line] < state.blkIndent or not state.src[first].isalpha():
            return False
        line += 1
    else:
        if line == start_line + 1:
            return _single_line(state, start, start_line, end_line)
    state.line = line
    state.push("line", "", 0).content = state.getLines(start_line, line, state.blkIndent, False).strip()
    return True


def _begins_next_item(state: StateBlock, line: int, first: int) -> bool:
    """Whether a line ends the list item whose content is being read, and begins another that is not empty."""
    indent = state.sCount[line]
    if not 0 <= indent < state.blkIndent or indent - state.listIndent >= 4:
        return False
    return _ITEM.match(state.src, first, state.eMarks[line]) is not None


def _single_line(state: StateBlock, start: int, start_line: int, end_line: int) -> bool:
    """A paragraph of one line: no other block begins with a letter when a blank line follows."""
    if start_line + 1 < end_line and not state.isEmpty(start_line + 1):
        return False
    state.line = start_line + 1
    state.push("line", "", 0).content = state.src[start : state.eMarks[start_line]].rstrip()
    return True


def _footnote_line(state: StateBlock, start: int, start_line: int, silent: bool) -> bool:
    """``[^1]: text``: the label goes, the rest of the line is a paragraph of its own."""
    found = _FOOTNOTE_LABEL.match(state.src, start, state.eMarks[start_line])
    if found and not silent:
        _single_line(state, found.end(), start_line, end_line=start_line + 1)
    return bool(found)


def _markup_lines(state: StateBlock, start: int, start_line: int, end_line: int, silent: bool) -> bool:
    """Lines of nothing but tags, expressions and comments; with other text behind them they are a paragraph's."""
    scanner: Scanner = state.env[SCANNER]
    position, limit = start, state.eMarks[end_line - 1]
    tags: list[Tag | str] = []
    while position < limit:
        character = state.src[position]
        if character in " \t":
            position += 1
        elif character == "\n":
            break
        else:
            piece = _markup_at(state.src, position, limit, scanner, mdx=state.env[IS_MDX])
            if piece is None and state.src.startswith("<!--", position):
                piece = ("", limit)  # browsers, too, hide what follows a comment that is not closed
            if piece is None or piece[1] > limit:
                scanner.in_vain(position - start)
                return False
            tags.append(piece[0])
            position = piece[1]
    if not silent:
        state.line = _line_behind(state, position, start_line, end_line)
        state.push("markup", "", 0).meta["pieces"] = tags
    return True


def _markup_at(text: str, position: int, limit: int, scanner: Scanner, *, mdx: bool) -> tuple[Tag | str, int] | None:
    """The comment, expression or tag at ``position`` and its end; a hidden element is taken whole, as no tag."""
    if text[position] == "{":
        end = scanner.expression_end(text, position) if mdx and text[position + 1 : position + 2] != "#" else None
        return (text[position:end], end) if end else None
    if text.startswith("<!--", position):
        end = scanner.comment_end(text, position)
        return (text[position:end], end) if end else None
    tag = scanner.tag(text, position)
    if tag is None:
        return None
    if tag.name in _HIDDEN and not tag.closing and not tag.empty:
        closing = _CLOSING_TAG[tag.name].search(text, tag.end, limit)
        return "", closing.end() if closing else limit
    return tag, tag.end


def _line_behind(state: StateBlock, position: int, start_line: int, end_line: int) -> int:
    line = start_line
    while line < end_line and state.eMarks[line] < position:
        line += 1
    return line + 1


def _directive_line(state: StateBlock, start: int, start_line: int, silent: bool) -> bool:
    """``:::note Title`` and ``:::``: what stands between them is read as if they were not there."""
    title = admonition_title(state.src[start : state.eMarks[start_line]].rstrip())
    if title is None:
        return False
    if not silent:
        state.line = start_line + 1
        state.push("admonition", "", 0).content = title
    return True


def _module_lines(state: StateBlock, start: int, start_line: int, end_line: int) -> bool:
    if state.sCount[start_line] or not state.env[IS_MDX] or not ESM.match(state.src, start):
        return False
    end = state.env[SCANNER].statement_end(state.src, start)
    if end is None:  # brackets that do not close: up to the next blank line, at least
        line = start_line
        while line < end_line and not state.isEmpty(line):
            line += 1
        state.line = line
    else:
        state.line = _line_behind(state, min(end, state.eMarks[end_line - 1]), start_line, end_line)
    return True


def _inline_rule(state: StateInline, silent: bool) -> bool:
    character = state.src[state.pos]
    if character != "<" and character != "{":
        return False
    piece = _markup_at(state.src, state.pos, state.posMax, state.env[SCANNER], mdx=state.env[IS_MDX])
    if piece is None or piece[1] > state.posMax:
        return False
    if not silent:
        state.push("markup", "", 0).meta["pieces"] = [piece[0]]
    state.pos = piece[1]
    return True
