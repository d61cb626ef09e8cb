"""HTML elements by what they do to the text around them (HTML Living Standard, rendering section)."""

from typing import Final

HIDDEN_ELEMENTS: Final = frozenset({"script", "style", "template", "head", "noscript", "iframe", "svg"})
"""Elements whose text no reader sees; drawings and embedded pages hold no prose of this one."""

BLOCK_ELEMENTS: Final = frozenset(
    {
        *("address", "article", "aside", "blockquote", "body", "dd", "details", "dialog", "div", "dl", "dt"),
        *("fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header"),
        *("hr", "li", "main", "nav", "ol", "p", "pre", "section", "summary", "table", "tbody", "td", "tfoot"),
        *("th", "thead", "tr", "ul"),
    }
)
"""Elements that begin and end lines."""
