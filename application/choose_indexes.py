"""In which indexes a question looks, and by which embedder: of collections that are indexed alike, in one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from application.embedders import Embedders
from domain.access.readable import ReadableCollections
from domain.library.generations import IndexPlace
from domain.library.model import Collection
from domain.retrieval.ports import Embedder


@dataclass(frozen=True, slots=True)
class SearchPlan:
    """
    ``places`` holds what may be read of each index, ``cuts`` how long each collection is cut there.

    ``embedder`` is that of most of the collections, None when none of theirs is available. Those of ``lexical`` are
    indexed by others, and found by their words alone.
    """

    places: Mapping[IndexPlace, ReadableCollections]
    cuts: Mapping[str, int]
    embedder: Embedder | None
    lexical: frozenset[str]

    def is_dense(self, place: IndexPlace) -> bool:
        return self.embedder is not None and self.embedder.name == place.embedder


def plan_search(readable: ReadableCollections, collections: Iterable[Collection], embedders: Embedders) -> SearchPlan:
    """Of embedders with equally many collections, the one that new collections are indexed by goes first."""
    known = {one.name: embedders.place_and_cut(one) for one in collections if one.name in readable}
    names: dict[IndexPlace, list[str]] = {}
    for name, (place, _) in known.items():
        names.setdefault(place, []).append(name)
    votes: dict[str, int] = {}
    for place, of in names.items():
        votes[place.embedder] = votes.get(place.embedder, 0) + len(of)
    asked = max(embedders.names, key=lambda name: votes.get(name, 0)) if votes else embedders.default.name
    embedder = embedders.named(asked) if asked in votes or not votes else None
    return SearchPlan(
        places={place: readable.only(of) for place, of in names.items()},
        cuts={name: cut for name, (_, cut) in known.items()},
        embedder=embedder,
        lexical=frozenset(
            name for name, (place, _) in known.items() if embedder is None or place.embedder != embedder.name
        ),
    )
