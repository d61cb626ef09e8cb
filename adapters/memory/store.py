"""The tables that the in-memory stores share, and transactions over them."""

from collections.abc import Callable, MutableMapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias, TypeVar
from uuid import UUID

from application.ports import DocumentOutcome, Ingestion, Job, JournalEntry, StagedDocument, StagedPage
from domain.access.model import ApiKey, Owner
from domain.conversation.model import Conversation, Feedback, Turn
from domain.library.generations import LiveGeneration, StalePassage
from domain.library.model import Collection, Document, DocumentVersion, Passage
from domain.library.ports import KnownPage
from domain.retrieval.model import Vector

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Lease:
    holder: str
    until: float


JobKey: TypeAlias = tuple[UUID, int, int]
"""A job's ingestion, round and part."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What an idempotency key is tied to."""

    body_sha256: bytes
    effect: UUID
    turn: UUID | None
    at: datetime


@dataclass(slots=True)
class StagedIngestion:
    """
    An ingestion with its documents and their outcomes by ordinal; ``removed`` in the order of removal; in ``called``
    what pages turned out to be called.
    """

    ingestion: Ingestion
    staged: dict[int, StagedDocument | StagedPage] = field(default_factory=dict)
    outcomes: dict[int, DocumentOutcome] = field(default_factory=dict)
    removed: dict[str, DocumentOutcome] = field(default_factory=dict)
    called: dict[int, str] = field(default_factory=dict)


@dataclass(slots=True)
class InMemoryStore:
    """Everything that a PostgreSQL database would hold. One per service; units of work open transactions on it."""

    collections: dict[str, Collection] = field(default_factory=dict)
    documents: dict[UUID, Document] = field(default_factory=dict)
    requested_at: dict[UUID, datetime] = field(default_factory=dict)
    forgotten: dict[UUID, str] = field(default_factory=dict)
    forgotten_at: dict[tuple[str, str], datetime] = field(default_factory=dict)
    versions: dict[tuple[UUID, str], DocumentVersion] = field(default_factory=dict)
    cuts: dict[tuple[UUID, str, int], Sequence[Passage]] = field(default_factory=dict)
    inputs: dict[tuple[UUID, str, int], Sequence[bytes]] = field(default_factory=dict)
    """The hashes that the vectors of a cut's passages are kept by; of a cut that is gone they mean nothing."""
    generations: dict[tuple[str, int], LiveGeneration] = field(default_factory=dict)
    noted: dict[tuple[UUID, int], str] = field(default_factory=dict)
    stale: dict[StalePassage, None] = field(default_factory=dict)
    embeddings: dict[tuple[str, bytes], Vector] = field(default_factory=dict)
    conversations: dict[UUID, Conversation] = field(default_factory=dict)
    turns: dict[UUID, Turn] = field(default_factory=dict)
    leases: dict[UUID, Lease] = field(default_factory=dict)
    feedbacks: dict[UUID, Feedback] = field(default_factory=dict)
    cancels: dict[UUID, None] = field(default_factory=dict)
    journal: dict[tuple[UUID, int], tuple[JournalEntry, datetime]] = field(default_factory=dict)
    claims: dict[tuple[Owner, str, str], Claim] = field(default_factory=dict)
    ingestions: dict[UUID, StagedIngestion] = field(default_factory=dict)
    jobs: dict[JobKey, Job] = field(default_factory=dict)
    known_pages: dict[tuple[str, str], KnownPage] = field(default_factory=dict)
    api_keys: dict[UUID, ApiKey] = field(default_factory=dict)


class Transaction:
    """Writes to the tables, remembered so that they can be undone."""

    def __init__(self) -> None:
        self._undo: list[Callable[[], Any]] = []

    def put(self, table: MutableMapping[K, V], key: K, value: V) -> None:
        if key in table:
            self._undo.append(lambda old=table[key]: table.__setitem__(key, old))  # type: ignore[misc]  # lambda default
        else:
            self._undo.append(lambda: table.pop(key, None))
        table[key] = value

    def drop(self, table: MutableMapping[K, V], key: K) -> None:
        if key in table:
            old = table.pop(key)
            self._undo.append(lambda: table.__setitem__(key, old))

    def keep(self) -> None:
        self._undo.clear()

    def roll_back(self) -> None:
        while self._undo:
            self._undo.pop()()
