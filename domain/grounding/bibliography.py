"""
A cited document as a CSL-JSON item (Citation Style Language 1.0.2), read from its metadata.

Metadata comes from front matter and callers in many shapes: every value here is read with suspicion, and one that makes
no sense is left out.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

from domain.grounding.model import CitedDocument

_DOI: Final = re.compile(r"(?:https?://(?:dx\.)?doi\.org/|doi:\s*)?(10\.\d{4,9}/\S+)\Z", re.IGNORECASE)
_ISBN: Final = re.compile(r"[\dXx -]{10,17}\Z")
_DATE: Final = re.compile(r"(\d{4})(?:[-/](\d{1,2})(?:[-/](\d{1,2}))?)?(?!\d)")
_SEPARATORS: Final = re.compile(r"\s*(?:;|\band\b|&)\s*")
_PARTICLES: Final = frozenset(
    ("van", "von", "der", "den", "de", "la", "le", "di", "da", "dos", "del", "du", "ter", "bin", "al")
)
_ORGANISATION: Final = re.compile(
    r"\b(?:inc|ltd|llc|gmbh|team|foundation|university|institute|organi[sz]ation|group|contributors|authors|project|"
    r"committee|consortium|council|agency|department|ministry|association|society|corporation|company)\b",
    re.IGNORECASE,
)


def csl_item(document: CitedDocument) -> dict[str, Any]:
    """The item: always ``id``, ``type`` and ``title``; what the metadata does not say is absent."""
    metadata = document.metadata
    doi, isbn = _matched(_DOI, metadata.get("doi")), _matched(_ISBN, metadata.get("isbn"))
    venue = _text(metadata.get("venue"))
    item: dict[str, Any] = {
        "id": str(document.id),
        "type": "book" if isbn and not doi else "article-journal" if doi or venue else "webpage",
        "title": document.title,
    }
    if authors := _authors(metadata.get("authors", metadata.get("author"))):
        item["author"] = authors
    if parts := _date_parts(metadata.get("published", metadata.get("date"))):
        item["issued"] = {"date-parts": [parts]}
    if venue and item["type"] != "book":
        item["container-title"] = venue
    item |= {name: value for name, value in (("DOI", doi), ("ISBN", isbn), ("URL", document.url)) if value}
    return item


def _text(value: object) -> str:
    return " ".join(value.split()) if isinstance(value, str) else ""


def _matched(pattern: re.Pattern[str], value: object) -> str:
    """The pattern's first group, or all of it, when the value is a text of that form."""
    found = pattern.match(_text(value) if not isinstance(value, int) else str(value))
    return (found[found.lastindex or 0]) if found else ""


def _authors(value: object) -> list[dict[str, str]]:
    if isinstance(value, str):
        found: Sequence[object] = _SEPARATORS.split(value)
        # "Ada Lovelace, Alan Turing" is two people; "Lovelace, Ada" is one.
        if len(found) == 1 and all(" " in part.strip() for part in value.split(",")):
            found = value.split(",")
    elif isinstance(value, Sequence):
        found = value
    else:
        found = [value]
    return [name for author in found if (name := _name(author))]


def _name(author: object) -> dict[str, str]:
    if isinstance(author, Mapping):
        family, given = _text(author.get("family")), _text(author.get("given"))
        if family:
            return {"family": family, "given": given} if given else {"family": family}
        return _name(author.get("name", author.get("literal")))
    text = _text(author)
    if not text:
        return {}
    if "," in text:
        family, _, given = (part.strip() for part in text.partition(","))
        return {"family": family, "given": given} if given and family else {"literal": text.strip(" ,")}
    words = text.split()
    if len(words) == 1 or _ORGANISATION.search(text):
        return {"literal": text}
    split = len(words) - 1
    while split > 1 and words[split - 1].lower() in _PARTICLES:
        split -= 1
    return {"family": " ".join(words[split:]), "given": " ".join(words[:split])}


def _date_parts(value: object) -> list[int]:
    """Year, month and day as far as they are given and exist in the calendar."""
    if isinstance(value, datetime | date):
        return [value.year, value.month, value.day]
    found = _DATE.match(str(value)) if isinstance(value, str | int) and not isinstance(value, bool) else None
    if not found:
        return []
    parts = [int(part) for part in found.groups() if part]
    try:
        date(parts[0], *[*parts[1:], 1, 1][:2])
    except ValueError:
        return parts[:1] if parts[0] else []
    return parts
