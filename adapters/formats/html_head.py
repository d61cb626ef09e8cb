"""What an HTML page says of itself: its title, its language, its meta tags."""

from typing import Any, Final

from selectolax.lexbor import LexborHTMLParser

_META: Final = {
    "citation_title": "title",
    "citation_author": "authors",
    "author": "authors",
    "dc.creator": "authors",
    "citation_doi": "doi",
    "dc.identifier.doi": "doi",
    "citation_isbn": "isbn",
    "citation_publication_date": "published",
    "article:published_time": "published",
    "dc.date": "published",
    "citation_journal_title": "venue",
    "citation_conference_title": "venue",
    "dc.rights": "license",
    "description": "description",
}
"""Names of Highwire Press and Dublin Core tags, as Google Scholar reads them, and what Ibid calls them."""
_MAX_VALUE_CHARS: Final = 2_000


def one_line(text: str) -> str:
    return " ".join(text.split())


def page_title(tree: LexborHTMLParser, heading: str | None) -> str | None:
    """The level-1 heading where ``<title>`` holds it (beside the site's name), else ``<title>``, else the heading."""
    node = tree.css_first("head > title")
    named = one_line(node.text()) if node else ""
    return heading if heading and (heading in named or not named) else named or None


def metadata_of(tree: LexborHTMLParser) -> dict[str, Any]:
    """Of tags that say the same the first counts, authors apart: they add up."""
    found: dict[str, Any] = {}
    for node in tree.css("meta[content]"):
        name = (node.attributes.get("name") or node.attributes.get("property") or "").lower()
        value = one_line(node.attributes.get("content") or "")[:_MAX_VALUE_CHARS]
        key = _META.get(name)
        if key == "authors" and value:
            found.setdefault("authors", []).append(value)
        elif key and value:
            found.setdefault(key, value)
    language = tree.css_first("html[lang]")
    if language is not None and language.attributes.get("lang"):
        found["lang"] = language.attributes["lang"]
    license_link = tree.css_first("link[rel~=license][href], a[rel~=license][href]")
    if license_link is not None:
        found.setdefault("license", license_link.attributes["href"])
    return found
