"""Indexes beside each other in one folder: of other embedders, and of collections that are indexed anew."""

import asyncio
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from adapters.qdrant_edge.index import QdrantEdgeIndex
from domain.library.generations import IndexPlace
from domain.retrieval.ports import IndexGenerations, PassageIndex

_BESIDE: Final = "~"
"""Stands in no embedder's name."""


class QdrantEdgeGenerations(IndexGenerations):
    """
    ``first`` is the index at ``first_place``, opened and closed by whoever made it; the others when asked for.

    A place in the first slot has a folder by its embedder's name, as all had before there were others.
    """

    def __init__(self, folder: Path, first: QdrantEdgeIndex, first_place: IndexPlace) -> None:
        self._folder = folder
        self._first = first
        self._first_place = first_place
        self._others: dict[IndexPlace, QdrantEdgeIndex] = {}
        self._opening = asyncio.Lock()

    @property
    def first(self) -> IndexPlace:
        return self._first_place

    async def at(self, place: IndexPlace) -> PassageIndex:
        if place == self._first_place:
            return self._first
        if place not in self._others:
            async with self._opening:
                if place not in self._others:
                    index = QdrantEdgeIndex(self._path(place), place.dimensions)
                    await index.open()
                    self._others[place] = index
        return self._others[place]

    async def keep(self, places: Iterable[IndexPlace]) -> None:
        async with self._opening:
            kept = {self._first_place, *places}
            for place in self._others.keys() - kept:
                await self._others.pop(place).close()
            names = {self._path(place).name for place in kept}
            await asyncio.to_thread(self._discard_all_but, names)

    def _discard_all_but(self, names: set[str]) -> None:
        for folder in self._folder.iterdir() if self._folder.is_dir() else ():
            if _BESIDE in folder.name and folder.name not in names:
                shutil.rmtree(folder, ignore_errors=True)

    async def close(self) -> None:
        """All but the first."""
        while self._others:
            _, index = self._others.popitem()
            await index.close()

    def _path(self, place: IndexPlace) -> Path:
        return self._folder / (f"{place.embedder}{_BESIDE}{place.slot}" if place.slot else place.embedder)
