"""Addresses in a text: of pages, of sites, of people."""

import re
from typing import Final

_ADDRESS: Final = re.compile(
    r"(?:https?://|www\.)[^\s<>()\[\]\"'“”]+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+|"
    r"(?<![\w./@-])(?:[a-z0-9-]+\.)+(?:com|net|org|io|dev|xyz|info|biz|site|online|top|shop|app|co|de|fr|es|ru|cn)"
    r"(?![\w-])(?:/[^\s<>()\[\]\"'“”]*)?",
    re.IGNORECASE,
)
_TRAILING: Final = ".,;:!?*_`"


def addresses(text: str) -> list[str]:
    """The addresses that a text names, in order, without the punctuation after them."""
    if "." not in text:
        return []
    return [match[0].rstrip(_TRAILING) for match in _ADDRESS.finditer(text)]
