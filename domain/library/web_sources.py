"""Sites as sources of documents: which of their pages belong to a source, and how one is named."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from domain.errors import OutOfRange
from domain.library.web_addresses import AddressPolicy, AddressRefused, WebAddress, resolved, web_address_of

MAX_PATTERNS: Final = 50
MAX_PATTERN_CHARS: Final = 300
DEFAULT_PAGES: Final = 5_000
"""The documentation sites that were looked at have 200 to 4,000 pages."""
DEFAULT_DEPTH: Final = 10
MAX_SITEMAPS: Final = 1_000
"""Of one source; an index of sitemaps may name 50,000."""
MAX_DEPTH: Final = 100

_NOT_PAGES: Final = re.compile(
    r"\.(?:avif|bmp|bz2|css|deb|dmg|eot|epub|exe|gif|gz|ico|iso|jar|jpe?g|js|json|map|mjs|mov|mp3|mp4|mpe?g|msi|odt|ogg|"
    r"otf|png|pptx?|rar|rpm|rss|svg|tar|tgz|tiff?|ttf|wasm|wav|webm|webmanifest|webp|whl|woff2?|xlsx?|xml|xz|zip|7z)\Z",
    re.IGNORECASE,
)
"""What links lead to that is no document; asking for each would cost the site a request."""


class SourceKind(StrEnum):
    SITEMAP = "sitemap"
    URL = "url"


@dataclass(frozen=True, slots=True)
class WebSource:
    """
    Pages of a site: those that its sitemap names, or those that links lead to from one page on.

    ``include`` and ``exclude`` are patterns of paths: ``*`` stands for anything within a segment, ``**`` for anything.
    Without ``include`` every path is meant. ``max_depth`` counts links from ``location``, which is at 0.
    """

    kind: SourceKind
    location: str
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    max_pages: int = DEFAULT_PAGES
    max_depth: int = DEFAULT_DEPTH

    @staticmethod
    def checked(
        kind: SourceKind,
        location: str,
        *,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        max_pages: int | None = None,
        max_depth: int = DEFAULT_DEPTH,
        policy: AddressPolicy,
        most_pages: int = DEFAULT_PAGES,
    ) -> "WebSource":
        """Build one from a caller's values. Raises OutOfRange, which names the field below ``source``."""
        try:
            address = policy.checked(location)
        except AddressRefused as error:
            raise OutOfRange("source.location", f"is not fetched: {error}") from error
        for name, patterns in (("include", include), ("exclude", exclude)):
            _check_patterns(f"source.{name}", patterns)
        if max_pages is not None and not 1 <= max_pages <= most_pages:
            raise OutOfRange("source.max_pages", f"must be 1 to {most_pages:,}")
        if not 0 <= max_depth <= MAX_DEPTH:
            raise OutOfRange("source.max_depth", f"must be 0 to {MAX_DEPTH}")
        return WebSource(kind, str(address), tuple(include), tuple(exclude), max_pages or most_pages, max_depth)

    def takes(self, address: WebAddress) -> bool:
        """Whether a page of this address is wanted, by its path."""
        if self.include and not _any_matches(self.include, address.path):
            return False
        return not _any_matches(self.exclude, address.path)

    def first(self) -> "WebPage":
        """What is fetched first."""
        return WebPage(self.location, 0, is_sitemap=self.kind is SourceKind.SITEMAP)

    def below(self, page: "WebPage", final: str, links: Iterable[str]) -> list["WebPage"]:
        """
        The pages that a page leads to, in the order of its links, each once.

        They are on the site of the page that was asked for, below its folder: ``https://x/docs/start`` leads to
        ``https://x/docs/...`` alone. Of the page asked for it is the address that it was found at (``final``) that
        counts, since sites lead from one host to another.
        """
        if self.kind is not SourceKind.URL or page.depth >= self.max_depth:
            return []
        base = web_address_of(final)
        root = page.root or base.origin + base.path.rpartition("/")[0] + "/"
        found = dict.fromkeys(link for link in links if self._follows(base, link, root))
        return [WebPage(link, page.depth + 1, root) for link in found]

    def _follows(self, base: WebAddress, link: str, root: str) -> bool:
        address = web_address_of(link)
        return link.startswith(root) and not _NOT_PAGES.search(address.path) and self.takes(address)

    def named_in(self, page: "WebPage", final: str, pages: Iterable[str], sitemaps: Iterable[str]) -> list["WebPage"]:
        """
        What a sitemap names, each once: further sitemaps, and pages of its own site.

        ``www.`` before a host's name makes no other site; nor does http in place of https, which a redirect decides.
        """
        site = _bare_host(web_address_of(final))
        wanted = [
            one
            for one in dict.fromkeys(pages)
            if _bare_host(address := web_address_of(one)) == site and self.takes(address)
        ]
        further = [] if page.depth else [WebPage(one, 1, is_sitemap=True) for one in dict.fromkeys(sitemaps)]
        return [*further, *(WebPage(one, 0) for one in wanted)]

    def uri_of(self, page: "WebPage", final: str, canonical: str | None) -> str | None:
        """
        What the page found at ``final`` is called: the address that it says is its own, where that is on the same
        site and wanted, else ``final``. None where a redirect has led out of the source.
        """
        found = web_address_of(final)
        if page.root is not None and not final.startswith(page.root):
            return None
        if page.root is None and self.kind is SourceKind.SITEMAP:
            asked = web_address_of(page.address)
            if _bare_host(asked) != _bare_host(found):
                return None
        if final != page.address and page.address != self.location and not self.takes(found):
            return None
        if canonical is not None:
            own = web_address_of(canonical)
            if (
                own.origin == found.origin
                and self.takes(own)
                and (page.root is None or canonical.startswith(page.root))
            ):
                return canonical
        return final


@dataclass(frozen=True, slots=True)
class WebPage:
    """
    A page that is still to be fetched, or a sitemap.

    ``depth``: links from the source's location, of a sitemap 1 where another one named it. ``root``: what the
    addresses begin with that links may lead to; None for the location itself and what a sitemap names.
    """

    address: str
    depth: int = 0
    root: str | None = None
    is_sitemap: bool = False

    @property
    def uri(self) -> str:
        """What it is called until it is found."""
        return self.address


def within_limits(pages: Iterable[WebPage], *, there: int, sitemaps_there: int, most: int) -> list[WebPage]:
    """Those of newly found pages that one source may have, beside so many that it has."""
    taken: list[WebPage] = []
    for page in pages:
        if page.is_sitemap and sitemaps_there < MAX_SITEMAPS:
            sitemaps_there += 1
            taken.append(page)
        elif not page.is_sitemap and there < most:
            there += 1
            taken.append(page)
    return taken


def link_address(base: WebAddress, reference: str) -> str | None:
    """The address that a link on a page leads to; None for none that could ever be fetched."""
    try:
        return str(web_address_of(resolved(base, reference)))
    except AddressRefused:
        return None


def _check_patterns(field: str, patterns: Sequence[str]) -> None:
    if len(patterns) > MAX_PATTERNS:
        raise OutOfRange(field, f"has {len(patterns)} patterns; at most {MAX_PATTERNS} are taken")
    for at, pattern in enumerate(patterns):
        if not pattern.startswith(("/", "*")):
            raise OutOfRange(f"{field}[{at}]", "must be a pattern of paths, like /docs/**")
        if len(pattern) > MAX_PATTERN_CHARS:
            raise OutOfRange(f"{field}[{at}]", f"has more than {MAX_PATTERN_CHARS} characters")


def _any_matches(patterns: Sequence[str], path: str) -> bool:
    return any(_matches(tuple(_WILD.split(pattern)), path) for pattern in patterns)


_WILD: Final = re.compile(r"(\*\*|\*)")


def _matches(pattern: tuple[str, ...], path: str) -> bool:
    """
    Glob by a row of reachable places, linear in pattern times path: no pattern can make it slow, as one of
    regular expressions could.

    ``/docs/**`` is ``/docs`` too, as everywhere where such patterns are used.
    """
    if pattern[-2:] == ("**", "") and pattern[-3].endswith("/") and path == "".join(pattern[:-2]).removesuffix("/"):
        return True
    places = {0}
    for piece in pattern:
        if piece == "**":
            places = set(range(min(places), len(path) + 1))
        elif piece == "*":
            places = _within_segment(places, path)
        else:
            places = {place + len(piece) for place in places if path.startswith(piece, place)}
        if not places:
            return False
    return len(path) in places


def _within_segment(places: set[int], path: str) -> set[int]:
    reached: set[int] = set()
    for place in sorted(places):
        if place in reached:
            continue
        end = path.find("/", place)
        reached.update(range(place, (len(path) if end < 0 else end) + 1))
    return reached


def _bare_host(address: WebAddress) -> str:
    return address.host.removeprefix("www.")
