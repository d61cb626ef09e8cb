"""Where a JSX tag or a JavaScript expression ends, without a JavaScript parser."""

import html
import re
from dataclasses import dataclass
from typing import Final

WINDOW_CHARS: Final = 100_000
"""A tag or an expression longer than this is read as text."""
_MIN_ALLOWANCE_CHARS: Final = 200_000

_COMMENT_OR_STRING: Final = (
    r"""/\*.*?(?:\*/|\Z)|//[^\n]*|\\.|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*(?:`|\Z)"""
)
_BRACE: Final = re.compile(r"[{}]|" + _COMMENT_OR_STRING, re.DOTALL)
_BRACKET_OR_BLANK_LINE: Final = re.compile(r"[][(){}]|\n(?=[ \t]*\n)|" + _COMMENT_OR_STRING, re.DOTALL)
_TAG_NAME: Final = re.compile(r"<(?P<closing>/?)(?P<name>[A-Za-z_$][\w$.:-]*)?(?=[\s/>])")
_ATTRIBUTE: Final = re.compile(
    r"""[A-Za-z_$@:][\w$@.:-]*+(?:\s*+=\s*+(?:"[^"]*"|'[^']*'|(?P<brace>\{)|[^\s"'<>={}`/]++))?+"""
)
_SPACE: Final = re.compile(r"\s*+")
_STRING_EXPRESSION: Final = re.compile(
    r"""\{\s*(?:"(?P<d>(?:[^"\\]|\\.)*)"|'(?P<s>(?:[^'\\]|\\.)*)'|`(?P<t>(?:[^`\\$]|\\.)*)`)\s*\}\Z""", re.DOTALL
)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Tag:
    """A JSX or HTML tag; ``name`` is empty for a fragment, ``end`` is the offset behind its ``>``."""

    name: str
    closing: bool
    empty: bool
    attributes: str
    end: int

    def attribute(self, name: str) -> str | None:
        """The value of an attribute written as a string, with or without braces."""
        found = re.search(
            rf"""(?<![\w-]){name}\s*=\s*(?:"([^"]*)"|'([^']*)'|\{{\s*(?:"([^"]*)"|'([^']*)'|`([^`$]*)`)\s*\}})""",
            self.attributes,
        )
        return html.unescape(next(value for value in found.groups() if value is not None)) if found else None


class Scanner:
    """
    Finds ends in one page, in time linear in the page.

    Looking ahead in vain is paid from an allowance of the page's length; when it is spent, brackets are text. No
    page that a site can build comes near it, since there every bracket is closed.
    """

    def __init__(self, page_chars: int) -> None:
        self._allowance = max(page_chars, _MIN_ALLOWANCE_CHARS)

    def in_vain(self, chars: int) -> None:
        self._allowance -= chars

    def expression_end(self, text: str, start: int) -> int | None:
        """The offset behind the ``}`` that closes the ``{`` at ``start``."""
        limit = min(len(text), start + WINDOW_CHARS)
        if self._allowance < 0:
            return None
        depth = 0
        for token in _BRACE.finditer(text, start, limit):
            character = text[token.start()]
            if character == "{":
                depth += 1
            elif character == "}":
                depth -= 1
                if depth == 0:
                    return token.end()
        self.in_vain(limit - start)
        return None

    def comment_end(self, text: str, start: int) -> int | None:
        """The offset behind the ``-->`` of the comment at ``start``."""
        if self._allowance < 0:
            return None
        found = text.find("-->", start + 4)
        if found < 0:
            self.in_vain(len(text) - start)
            return None
        return found + 3

    def tag(self, text: str, start: int) -> Tag | None:
        """The tag that begins with the ``<`` at ``start``."""
        opening = _TAG_NAME.match(text, start)
        if not opening or self._allowance < 0:
            return None
        position = first = opening.end()
        limit = min(len(text), start + WINDOW_CHARS)
        while position < limit:
            position = _end_of(_SPACE, text, position, limit)
            if text.startswith((">", "/>"), position):
                empty = text[position] == "/"
                end = position + (2 if empty else 1)
                return Tag(opening["name"] or "", bool(opening["closing"]), empty, text[first:position], end)
            after = self._attribute_end(text, position, limit)
            if after is None:
                break
            position = after
        self.in_vain(position - start)
        return None

    def _attribute_end(self, text: str, position: int, limit: int) -> int | None:
        if text.startswith("{", position):
            return self.expression_end(text, position)
        found = _ATTRIBUTE.match(text, position, limit)
        if not found:
            return None
        return self.expression_end(text, found.start("brace")) if found["brace"] else found.end()

    def statement_end(self, text: str, start: int) -> int | None:
        """
        The offset at which import and export lines end: the first blank line outside all brackets, or the end.

        None when the brackets do not close.
        """
        limit = min(len(text), start + WINDOW_CHARS)
        if self._allowance < 0:
            return None
        depth = 0
        for token in _BRACKET_OR_BLANK_LINE.finditer(text, start, limit):
            character = text[token.start()]
            if character in "([{":
                depth += 1
            elif character in ")]}":
                depth -= 1
            elif character == "\n" and depth <= 0:
                return token.start()
        if depth <= 0:
            return limit
        self.in_vain(limit - start)
        return None


def string_of(expression: str) -> str:
    """What ``{'text'}`` shows: an expression that is one string. Of any other, nothing can be known here."""
    found = _STRING_EXPRESSION.match(expression)
    return _ESCAPED.sub(_unescaped, found["d"] or found["s"] or found["t"] or "") if found else ""


def _unescaped(found: re.Match[str]) -> str:
    return {"n": "\n", "t": "\t"}.get(found[1], found[1])


def _end_of(pattern: re.Pattern[str], text: str, position: int, limit: int) -> int:
    found = pattern.match(text, position, limit)
    return found.end() if found else position
