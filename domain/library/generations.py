"""How a collection is indexed: by which embedder, cut how long, in which index; and the ways that stand beside it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple
from uuid import UUID

from domain.errors import OutOfRange

MIN_CHUNK_CHARS: Final = 200
"""Two sentences: shorter passages say too little by themselves to be found or to carry a quote."""
MAX_CHUNK_CHARS: Final = 4_000
"""As long as a code block may be: longer passages leave no room for several of them in a prompt."""


def checked_chunk_chars(value: int) -> int:
    """Raises OutOfRange."""
    if not MIN_CHUNK_CHARS <= value <= MAX_CHUNK_CHARS:
        raise OutOfRange("chunk_chars", f"must be {MIN_CHUNK_CHARS} to {MAX_CHUNK_CHARS}")
    return value


@dataclass(frozen=True, slots=True, order=True)
class IndexPlace:
    """
    One index: the vectors of one embedder, which holds ``dimensions`` floats each.

    An embedder has several, told apart by ``slot``, so that a collection can be indexed again beside its first.
    """

    embedder: str
    dimensions: int
    slot: int = 0

    @property
    def key(self) -> str:
        return f"{self.slot}:{self.dimensions}:{self.embedder}"

    @staticmethod
    def of_key(key: str) -> "IndexPlace":
        slot, dimensions, embedder = key.split(":", 2)
        return IndexPlace(embedder, int(dimensions), int(slot))


class GenerationState(StrEnum):
    BUILDING = "building"
    ACTIVE = "active"
    """The one that questions are answered from; of each collection one, from its first document on."""
    KEPT = "kept"
    """The one before, for rolling back."""


@dataclass(frozen=True, slots=True)
class Generation:
    """One way in which a collection is indexed, numbered from 1."""

    number: int
    place: IndexPlace
    chunk_chars: int


@dataclass(frozen=True, slots=True)
class LiveGeneration:
    """``since`` it is in this state; ``job`` is the ingestion that works on it, if one does."""

    collection: str
    generation: Generation
    state: GenerationState
    since: datetime
    job: UUID | None = None

    @property
    def place(self) -> IndexPlace:
        return self.generation.place


class StalePassage(NamedTuple):
    """A passage that is to leave an index; ``place`` None: the one of collections whose generation is not known yet."""

    id: UUID
    place: IndexPlace | None
