"""Reading an HTML tree: what is shown of it, and in which order."""

import re
from collections.abc import Iterator
from typing import Final

from selectolax.lexbor import LexborNode

from adapters.formats.elements import HIDDEN_ELEMENTS

_DROPPED: Final = HIDDEN_ELEMENTS | {
    *("nav", "footer", "aside", "button", "select", "option", "datalist", "textarea", "object", "canvas"),
    *("audio", "video", "dialog", "math", "title", "meta", "link"),
}
_HIDING_STYLE: Final = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_PERMALINK_TEXTS: Final = frozenset({"", "#", "¶", "§", "🔗"})
_ZERO_WIDTH: Final = "\u200b\u200c\u200d\ufeff"


def walk(root: LexborNode) -> Iterator[tuple[LexborNode, bool]]:
    """
    Every node below ``root`` that is shown, as (node, True) when it begins and (node, False) when it ends.

    Text nodes and empty elements come once, as beginnings. Without recursion: a page may nest as deep as it likes.
    """
    stack: list[tuple[LexborNode, bool]] = [(child, True) for child in _children_reversed(root)]
    while stack:
        node, begins = stack.pop()
        if not begins:
            yield node, False
        elif node.tag == "-text":
            yield node, True
        elif not is_hidden(node):
            yield node, True
            stack.append((node, False))
            stack += [(child, True) for child in _children_reversed(node)]


def _children_reversed(node: LexborNode) -> list[LexborNode]:
    children = []
    child = node.first_child
    while child is not None:
        children.append(child)
        child = child.next
    children.reverse()
    return children


def is_hidden(node: LexborNode) -> bool:
    """Whether no reader sees the element: by its kind, ``hidden``, ``aria-hidden`` or its own style."""
    if not node.is_element_node or node.tag in _DROPPED:
        return True
    attributes = node.attributes
    if not attributes:
        return False
    if "hidden" in attributes or attributes.get("aria-hidden") == "true":
        return True
    style = attributes.get("style")
    return bool(style and _HIDING_STYLE.search(style)) or _is_permalink(node)


def _is_permalink(node: LexborNode) -> bool:
    """The link to itself that documentation tools put beside a heading; nobody reads it as text."""
    return (
        node.tag == "a"
        and (node.attributes.get("href") or "").startswith("#")
        and node.text(deep=True).strip(_ZERO_WIDTH + " \n") in _PERMALINK_TEXTS
    )


def verbatim(root: LexborNode) -> str:
    """The text of a ``<pre>``, line breaks included."""
    pieces: list[str] = []
    for node, begins in walk(root):
        if begins and node.tag == "-text":
            pieces.append(node.text_content or "")
        elif begins and node.tag == "br":
            pieces.append("\n")
    return "".join(pieces)


def heading_anchor(heading: LexborNode) -> str | None:
    """
    The id that a link to the heading uses.

    Its own, else that of an anchor inside it, else that of the element that it is the first of: a wrapping anchor, or
    the ``<section id>`` of Sphinx.
    """
    own = heading.attributes.get("id")
    if own:
        return own
    for inside in heading.css("[id], a[name]"):
        found = inside.attributes.get("id") or inside.attributes.get("name")
        if found:
            return found
    parent = heading.parent
    if parent is None or parent.tag not in ("a", "section", "div", "header", "span"):
        return None
    return parent.attributes.get("id") if _first_element(parent) == heading.mem_id else None


def _first_element(parent: LexborNode) -> int | None:
    child = parent.first_child
    while child is not None and not child.is_element_node:
        child = child.next
    return child.mem_id if child is not None else None
