"""
References in APA style, 7th edition (Publication Manual of the American Psychological Association, 2020, chapter 9).

Plain text: what the manual sets in italics is not marked.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_MOST_AUTHORS: Final = 20
"""Up to 20 are all named; of more, the first 19 and the last (section 9.8)."""


def apa(item: Mapping[str, Any]) -> str:
    """One CSL-JSON item as an entry; without authors the title comes first, without a date it says ``n.d.``"""
    authors = _authors(item.get("author", ()))
    issued = f"({_issued(item)})."
    title = _sentence(str(item["title"]))
    head = [authors, issued, title] if authors else [title, issued]
    container = str(item.get("container-title", ""))
    if container:
        head.append(_sentence(container))
    if item.get("DOI"):
        head.append(f"https://doi.org/{item['DOI']}")
    elif item.get("URL"):
        head.append(str(item["URL"]))
    return " ".join(head)


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?", "!", "…", "。", "？", "！")) else text + "."


def _authors(authors: Sequence[Mapping[str, str]]) -> str:
    names = [_name(author) for author in authors]
    if not names:
        return ""
    if len(names) > _MOST_AUTHORS:
        joined = ", ".join(names[: _MOST_AUTHORS - 1]) + ", . . . " + names[-1]
    elif len(names) == 1:
        joined = names[0]
    else:
        joined = ", ".join(names[:-1]) + ", & " + names[-1]
    return _sentence(joined)


def _name(author: Mapping[str, str]) -> str:
    if "literal" in author:
        return author["literal"]
    initials = " ".join(
        "-".join(f"{part[0].upper()}." for part in name.split("-") if part) for name in author.get("given", "").split()
    )
    return f"{author['family']}, {initials}" if initials else author["family"]


def _issued(item: Mapping[str, Any]) -> str:
    """The year alone for articles and books; as exact as it is known for pages."""
    parts = item.get("issued", {}).get("date-parts", [[]])[0]
    if not parts:
        return "n.d."
    year, *rest = parts
    if not rest or item["type"] != "webpage":
        return str(year)
    month = _MONTHS[rest[0] - 1]
    return f"{year}, {month} {rest[1]}" if len(rest) > 1 else f"{year}, {month}"
