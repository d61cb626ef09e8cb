"""The web's fetcher, made when the first page is asked for: a service that fetches nothing imports no client."""

from typing import TYPE_CHECKING

from domain.library.ports import (
    FetchedPage,
    FetchedSitemap,
    NotFetched,
    NotYet,
    SourceFetcher,
    UnchangedPage,
    Validators,
)
from domain.library.web_addresses import AddressPolicy

if TYPE_CHECKING:
    from adapters.web.fetcher import WebFetcher


class FetcherAtNeed(SourceFetcher):
    """A WebFetcher; close it by ``aclose``."""

    def __init__(self, policy: AddressPolicy, *, agent: str, per_second: float) -> None:
        self._policy, self._agent, self._per_second = policy, agent, per_second
        self._made: WebFetcher | None = None

    async def page(self, address: str, *, known: Validators) -> FetchedPage | UnchangedPage | NotFetched | NotYet:
        return await self._fetcher().page(address, known=known)

    async def sitemap(self, address: str) -> FetchedSitemap | NotFetched | NotYet:
        return await self._fetcher().sitemap(address)

    def interval_s(self, address: str) -> float:
        return self._fetcher().interval_s(address)

    async def aclose(self) -> None:
        if self._made is not None:
            await self._made.aclose()

    def _fetcher(self) -> "WebFetcher":
        if self._made is None:
            from adapters.web.fetcher import WebFetcher

            self._made = WebFetcher(self._policy, agent=self._agent, per_second=self._per_second)
        return self._made
