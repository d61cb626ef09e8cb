"""References as BibTeX, for those who write with LaTeX."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final
from unicodedata import normalize

_KINDS: Final = {"article-journal": "article", "book": "book"}
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_SPECIAL: Final = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
}  # fmt: skip
_NO_KEY: Final = re.compile(r"[^a-z0-9]")


def bibtex(items: Iterable[Mapping[str, Any]]) -> str:
    """
    CSL-JSON items as entries, each with a key of its own: first author, year, first word of the title.

    UTF-8, with TeX's special characters escaped; titles keep their capitals. Pages of the web become ``@misc`` with a
    ``url``, which styles of today print and those of old pass over.
    """
    taken: set[str] = set()
    return "\n".join(_entry(item, _key(item, taken)) for item in items)


def _entry(item: Mapping[str, Any], key: str) -> str:
    fields = {
        "author": " and ".join(_author(author) for author in item.get("author", ())),
        "title": f"{{{_escaped(item['title'])}}}",
        "journal" if item["type"] == "article-journal" else "howpublished": _escaped(item.get("container-title", "")),
        "year": "".join(str(part) for part in _issued(item)[:1]),
        "month": _MONTHS[_issued(item)[1] - 1] if len(_issued(item)) > 1 else "",
        "doi": _bare(item.get("DOI", "")),
        "isbn": _bare(item.get("ISBN", "")),
        "url": _bare(item.get("URL", "")),
    }
    # A month is BibTeX's own word, which braces would turn into letters.
    lines = [f"  {name} = {text if name == 'month' else f'{{{text}}}'}," for name, text in fields.items() if text]
    return "\n".join((f"@{_KINDS.get(item['type'], 'misc')}{{{key},", *lines, "}", ""))


def _author(author: Mapping[str, str]) -> str:
    if "literal" in author:
        return f"{{{_escaped(author['literal'])}}}"  # braces: an organisation has no first name
    return ", ".join(_escaped(author[part]) for part in ("family", "given") if author.get(part))


def _key(item: Mapping[str, Any], taken: set[str]) -> str:
    author: Mapping[str, str] = next(iter(item.get("author", ())), {})
    name = _plain(author.get("family") or author.get("literal", "").partition(" ")[0])
    word = next(filter(None, map(_plain, str(item["title"]).split())), "")
    base = f"{name}{''.join(str(part) for part in _issued(item)[:1])}{word}" or "source"
    key, number = base, 1
    while key in taken:
        number += 1
        key = f"{base}-{number}"
    taken.add(key)
    return key


def _issued(item: Mapping[str, Any]) -> list[int]:
    [parts] = item.get("issued", {}).get("date-parts", [[]])
    return list(parts)


def _plain(text: str) -> str:
    """Letters and digits of ASCII: é becomes e, what has no such form is left out."""
    return _NO_KEY.sub("", normalize("NFKD", text).casefold())


def _escaped(text: str) -> str:
    return "".join(_SPECIAL.get(character, character) for character in " ".join(text.split()))


def _bare(text: str) -> str:
    """An identifier or address as it is, but for what would end its field: that is percent-encoded."""
    return text.replace("\\", "%5C").replace("{", "%7B").replace("}", "%7D")
