"""Vectors, hits and what a search is narrowed by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, TypeAlias
from uuid import UUID

from domain.library.model import PassageInDocument
from domain.quick_init import quick_init

Vector: TypeAlias = Sequence[float]
"""A dense vector of unit length."""


@quick_init
@dataclass(frozen=True, slots=True)
class SparseVector:
    """Weights by term number: ``indices`` ascending and distinct (32 bits, unsigned), ``values`` positive."""

    indices: Sequence[int]
    values: Sequence[float]


class Purpose(StrEnum):
    """Questions and passages embed differently with most models."""

    QUESTION = "question"
    PASSAGE = "passage"


@dataclass(frozen=True, slots=True)
class SearchFilters:
    """What a search is narrowed by, besides access; every given part must hold."""

    uri_prefix: str | None = None
    peer_reviewed_only: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict)


@quick_init
@dataclass(frozen=True, slots=True)
class IndexedPassage:
    """A passage as the index holds it: vectors and filter fields; no text, no offsets, no version."""

    id: UUID
    document_id: UUID
    collection: str
    uri: str
    peer_reviewed: bool | None
    metadata: Mapping[str, str]
    dense: Vector
    sparse: SparseVector


class Hit(NamedTuple):
    """A passage that one half of the search found; scores compare within one half of one search only."""

    passage_id: UUID
    score: float


@quick_init
@dataclass(frozen=True, slots=True)
class HybridHits:
    """Both halves of one search, each best first."""

    dense: Sequence[Hit]
    sparse: Sequence[Hit]


class FusedHit(NamedTuple):
    """A passage after fusion: ``score`` orders, and the raw scores of the halves are None where a half missed it."""

    passage_id: UUID
    score: float
    dense: float | None
    sparse: float | None


class Ranked(NamedTuple):
    """A text as a reranker sees it: its place among those that were sent, and its score, 0 to 1, for that question."""

    place: int
    score: float


@quick_init
@dataclass(frozen=True, slots=True)
class FoundPassage:
    """A passage read back from PostgreSQL, with the scores that brought it."""

    source: PassageInDocument
    hit: FusedHit
