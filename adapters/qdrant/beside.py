"""Indexes beside each other on one server: of other embedders, and of collections that are indexed anew."""

from collections.abc import Callable, Iterable

from adapters.qdrant.index import QdrantIndex
from domain.library.generations import IndexPlace
from domain.retrieval.ports import IndexGenerations, PassageIndex


class QdrantGenerations(IndexGenerations):
    """
    ``first`` is the index at ``first_place``; ``beside`` makes the others, over the client of the first.

    None is ever dropped here: other services may use the server.
    """

    def __init__(
        self, first: QdrantIndex, first_place: IndexPlace, beside: Callable[[IndexPlace], QdrantIndex]
    ) -> None:
        self._first_place = first_place
        self._indexes = {first_place: first}
        self._beside = beside

    @property
    def first(self) -> IndexPlace:
        return self._first_place

    async def at(self, place: IndexPlace) -> PassageIndex:
        if place not in self._indexes:
            # Nothing is awaited before it is there: whoever asks, it is one.
            self._indexes[place] = index = self._beside(place)
            await index.open()
        return self._indexes[place]

    async def keep(self, places: Iterable[IndexPlace]) -> None:
        """What is empty costs the server next to nothing."""

    async def close(self) -> None:
        """The client is the first one's."""
