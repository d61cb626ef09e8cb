"""Pages that were fetched before, in memory."""

from collections.abc import Mapping, Sequence

from adapters.memory.store import InMemoryStore, Transaction
from domain.library.ports import KnownPage, KnownPages


class InMemoryKnownPages(KnownPages):
    def __init__(self, store: InMemoryStore, transaction: Transaction) -> None:
        self._store = store
        self._transaction = transaction

    async def get(self, collection: str, addresses: Sequence[str]) -> Mapping[str, KnownPage]:
        versions = self._versions(collection)
        found = (self._store.known_pages.get((collection, address)) for address in addresses)
        return {page.address: page for page in found if page is not None and versions.get(page.uri) == page.version}

    async def put(self, collection: str, pages: Sequence[KnownPage]) -> None:
        there = self._versions(collection)
        for page in pages:
            if page.uri in there:
                self._transaction.put(self._store.known_pages, (collection, page.address), page)

    def _versions(self, collection: str) -> dict[str, str | None]:
        return {one.uri: one.version for one in self._store.documents.values() if one.collection == collection}
