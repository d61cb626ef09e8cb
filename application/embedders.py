"""The embedders that there are: one for what is new, and others that collections may be indexed by."""

from collections.abc import Sequence
from dataclasses import dataclass

from domain.library.chunking import CHUNK_CHARS
from domain.library.generations import IndexPlace
from domain.library.model import Collection
from domain.retrieval.ports import Embedder


@dataclass(frozen=True, slots=True)
class Embedders:
    default: Embedder
    others: Sequence[Embedder] = ()

    def named(self, name: str) -> Embedder | None:
        """None: the settings make no such embedder available."""
        for one in (self.default, *self.others):
            if one.name == name:
                return one
        return None

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(one.name for one in (self.default, *self.others))

    @property
    def place(self) -> IndexPlace:
        """Where a collection is indexed that says nothing else."""
        return place_of(self.default)

    def place_and_cut(self, collection: Collection) -> tuple[IndexPlace, int]:
        """Where a collection is indexed, and how long it is cut there."""
        generation = collection.generation
        return (self.place, CHUNK_CHARS) if generation is None else (generation.place, generation.chunk_chars)


def place_of(embedder: Embedder, slot: int = 0) -> IndexPlace:
    return IndexPlace(embedder.name, embedder.dimensions, slot)
