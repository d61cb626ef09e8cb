"""Markup that a page carries and does not show: comments, alternative texts, titles, elements that are switched off."""

import re
from collections.abc import Callable
from typing import Final

_CODE: Final = re.compile(
    r"^([ \t]*)(`{3,}|~{3,})[^\n]*\n.*?(?:^[ \t]*\2[`~]*[ \t]*$|\Z)|(`+)(?!`).+?(?<!`)\3(?!`)", re.M | re.S
)
"""Code is shown as it stands, tags and comments included."""
_COMMENT: Final = re.compile(r"<!--.*?(?:-->|\Z)|\{/\*.*?(?:\*/\}|\Z)|<!\[CDATA\[.*?(?:\]\]>|\Z)", re.DOTALL)
_NOTE: Final = re.compile(r"^ {0,3}\[[^\]\n]*\]:[ \t]*(?:#|<>|<#>)[^\n]*$", re.MULTILINE)
"""``[//]: # (...)``: a link that leads nowhere, used for comments."""
_SWITCHED_OFF: Final = re.compile(
    r"<(script|style|template|noscript|head|title|svg|iframe|object)\b[^>]*>.*?(?:</\1\s*>|\Z)",
    re.DOTALL | re.IGNORECASE,
)
_UNSHOWN: Final = re.compile(
    r"<([a-z][\w-]*)\b(?=[^>]*?(?:\shidden\b|aria-hidden\s*=\s*[\"']?true|display\s*:\s*none|visibility\s*:\s*hidden|"
    r"opacity\s*:\s*0(?![.\d]*[1-9])|font-size\s*:\s*0(?![.\d]*[1-9])|(?<![-\w])color\s*:\s*(?:#fff(?:fff)?\b|white\b|transparent\b)|"
    r"(?:left|top|text-indent)\s*:\s*-\d{3,}))[^>]*>.*?(?:</\1\s*>|\Z)",
    re.DOTALL | re.IGNORECASE,
)
_IMAGE: Final = re.compile(r"!\[[^\]\n]*\](?:\([^()\n]*(?:\([^()\n]*\)[^()\n]*)*\)|\[[^\]\n]*\])")
_LINK_TITLE: Final = re.compile(r"(\]\([^\s()\"]*)[ \t]+(?:\"[^\"\n]*\"|'[^'\n]*')(?=[ \t]*\))")
_TAG_WITH_ATTRIBUTES: Final = re.compile(r"<[a-z][\w.-]*\s[^<>]*>", re.IGNORECASE)


def without_hidden_markup(text: str) -> str:
    """
    A passage without what its page does not show.

    Gone are HTML, MDX and link comments, images with their alternative texts, link titles, tags that have attributes,
    and elements that are switched off, hidden, of no size or of the page's colour, with what is in them.
    Code keeps everything. Linear in the length of the text but for elements that are opened again and again unclosed.
    """
    if not any(mark in text for mark in "<{!["):
        return text
    return _outside_code(text, _shown)


def _shown(text: str) -> str:
    for pattern in (_COMMENT, _NOTE, _SWITCHED_OFF, _UNSHOWN, _IMAGE):
        text = pattern.sub("", text)
    return _TAG_WITH_ATTRIBUTES.sub("", _LINK_TITLE.sub(r"\1", text))


def _outside_code(text: str, change: Callable[[str], str]) -> str:
    pieces, at = [], 0
    for code in _CODE.finditer(text):
        pieces += [change(text[at : code.start()]), code[0]]
        at = code.end()
    return "".join((*pieces, change(text[at:])))
