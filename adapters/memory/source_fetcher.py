"""A web of pages that is given, and nothing beyond."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from domain.errors import PortUnavailable
from domain.library.ports import (
    FetchedPage,
    FetchedSitemap,
    NotFetched,
    NotYet,
    SourceFetcher,
    UnchangedPage,
    Validators,
)

Given: TypeAlias = "FetchedPage | FetchedSitemap | NotFetched | NotYet | PortUnavailable"


@dataclass(slots=True)
class InMemorySourceFetcher(SourceFetcher):
    """``web`` by address; what is not there is gone. ``asked`` remembers what was asked for, in order."""

    web: Mapping[str, Given] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def page(self, address: str, *, known: Validators) -> FetchedPage | UnchangedPage | NotFetched | NotYet:
        found = self._found(address)
        if isinstance(found, FetchedSitemap):
            return NotFetched("its type is application/xml, which is not read")
        unchanged = isinstance(found, FetchedPage) and known and found.validators == known
        return UnchangedPage() if unchanged else found

    async def sitemap(self, address: str) -> FetchedSitemap | NotFetched | NotYet:
        found = self._found(address)
        return NotFetched("the sitemap cannot be read: it is no sitemap") if isinstance(found, FetchedPage) else found

    def interval_s(self, address: str) -> float:
        return 0.25

    def _found(self, address: str) -> "FetchedPage | FetchedSitemap | NotFetched | NotYet":
        self.asked.append(address)
        found = self.web.get(address, NotFetched("there is no such page (404)", gone=True))
        if isinstance(found, PortUnavailable):
            raise found
        return found

    async def aclose(self) -> None:
        return None
