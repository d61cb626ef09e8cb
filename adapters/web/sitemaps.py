"""Sitemaps as sitemaps.org describes them (protocol 0.9): XML, an index of others, or a text with a line an address."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final
from xml.parsers import expat

from domain.library.web_addresses import AddressRefused, web_address_of

MAX_INFLATED_BYTES: Final = 50 * 1024 * 1024
MAX_ADDRESSES: Final = 50_000
"""The protocol's own limits of one file."""

_SITEMAPS: Final = "http://www.sitemaps.org/schemas/sitemap/"


class SitemapUnreadable(Exception):
    """In words for the owner of the site."""


@dataclass(slots=True)
class Named:
    """Addresses in the order of the file; what is no address is left out."""

    pages: list[str] = field(default_factory=list)
    sitemaps: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.pages) + len(self.sitemaps)


def read_sitemap(content: bytes) -> Named:
    """Raises SitemapUnreadable."""
    named = Named()
    if content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<":
        _Reader(named).read(content)
    else:
        for line in _text_lines(content):
            _add(named, named.pages, line)
    return named


def _text_lines(content: bytes) -> Sequence[str]:
    try:
        lines = content.decode("utf-8-sig").split()
    except UnicodeDecodeError as error:
        raise SitemapUnreadable("it is neither XML nor text in UTF-8") from error
    if lines and not any(line.startswith(("http://", "https://")) for line in lines[:10]):
        raise SitemapUnreadable("it is no sitemap")
    return lines


def _add(named: Named, to: list[str], text: str) -> None:
    if len(named) >= MAX_ADDRESSES:
        raise SitemapUnreadable(f"it names more than the {MAX_ADDRESSES:,} addresses that a sitemap may have")
    try:
        to.append(str(web_address_of(text.strip())))
    except AddressRefused:
        return


class _Reader:
    """
    By expat: as it comes, without a tree. A document type is refused, and with it every entity of somebody's own.
    """

    def __init__(self, named: Named) -> None:
        self._named = named
        self._path: list[str] = []
        self._text: list[str] | None = None

    def read(self, content: bytes) -> None:
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.StartElementHandler = self._begin
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.StartDoctypeDeclHandler = self._no_doctype
        try:
            parser.Parse(content, True)
        except expat.ExpatError as error:
            raise SitemapUnreadable(f"its XML is broken in line {error.lineno:,}") from error
        if self._root not in ("urlset", "sitemapindex"):
            raise SitemapUnreadable("it is XML, and no sitemap")

    _root: str | None = None

    def _begin(self, name: str, _: object) -> None:
        namespace, _, local = name.rpartition(" ")
        known = not namespace or namespace.startswith(_SITEMAPS)
        self._path.append(local if known else "")
        self._root = self._root or (local if known else "another")
        if len(self._path) > 20:
            raise SitemapUnreadable("its XML is nested as no sitemap is")
        self._text = [] if self._path in (["urlset", "url", "loc"], ["sitemapindex", "sitemap", "loc"]) else None

    def _characters(self, text: str) -> None:
        if self._text is not None:
            self._text.append(text)

    def _end(self, _: str) -> None:
        if self._text is not None:
            named = self._named
            _add(named, named.pages if self._path[0] == "urlset" else named.sitemaps, "".join(self._text))
            self._text = None
        self._path.pop()

    @staticmethod
    def _no_doctype(*_: object) -> None:
        raise SitemapUnreadable("it holds a document type, which no sitemap needs")
