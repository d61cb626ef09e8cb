"""What running a use case needs from outside, unknown to the business."""

from abc import abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from types import TracebackType
from typing import Final, Protocol, Self, TypeAlias
from uuid import UUID

from domain.access.embedding_plan import Embedded, EmbeddingPlan
from domain.access.model import Owner
from domain.access.ports import ApiKeys
from domain.conversation.model import Question
from domain.conversation.ports import Conversations, Feedbacks, Turns
from domain.grounding.model import Evidence
from domain.library.model import Page, SourceDocument
from domain.library.ports import Collections, Documents, EmbeddingStore, Generations, KnownPages, PassageText
from domain.library.web_sources import WebPage, WebSource

IDEMPOTENCY_WINDOW: Final = timedelta(hours=24)
JOURNAL_WINDOW: Final = timedelta(hours=1)


class Clock(Protocol):
    @abstractmethod
    def now(self) -> datetime:
        """The time in UTC, with its zone; processes that share a database agree on it within seconds."""

    @abstractmethod
    def elapsed_ms(self) -> float:
        """Milliseconds of ``time.perf_counter``, which only goes forward, for durations."""


class IdSource(Protocol):
    @abstractmethod
    def new(self) -> UUID:
        """A UUIDv7: unique, and ordered by time."""


class IngestionStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    PARTIAL = "partial"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        return self not in (IngestionStatus.QUEUED, IngestionStatus.RUNNING)


class IngestionKind(StrEnum):
    """What the work on a collection's documents is for."""

    INGEST = "ingest"
    REINDEX = "reindex"
    ROLLBACK = "rollback"


class Outcome(StrEnum):
    """What became of one document of an ingestion."""

    PENDING = "pending"
    ADDED = "added"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    REMOVED = "removed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    """Not worked on, because the ingestion was cancelled before its turn."""
    PASSED = "passed"
    """No document after all: a sitemap, or another address of a page. Counted and listed nowhere."""


@dataclass(frozen=True, slots=True)
class Ingestion:
    """
    One request to add or refresh documents. ``counts`` holds every Outcome but PENDING and PASSED, and ``total``.

    ``passages`` is how many its documents were cut into so far, those of unchanged ones left out. ``retries`` says how
    often what had failed was set to be worked on again. ``plan``: what it was going to buy when it began; None before,
    and where nothing is bought. ``source`` is the site that it reads, if it is one, and ``left_out`` how many of its
    pages, as far as is known, were not looked at: those beyond its limit, and those that did not answer. ``granted``:
    the collections of whoever asked, where these are not all; of others nothing is told, not even that they have a
    passage like one of its own.
    """

    id: UUID
    owner: Owner
    collection: str
    base_url: str | None
    prune: bool
    status: IngestionStatus
    created_at: datetime
    finished_at: datetime | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    passages: int = 0
    retries: int = 0
    plan: EmbeddingPlan | None = None
    source: WebSource | None = None
    left_out: int = 0
    kind: IngestionKind = IngestionKind.INGEST
    embedded: Embedded = field(default_factory=Embedded)
    granted: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class StagedDocument:
    """A document as it waits to be worked on; ``ordinal`` is its place in the request."""

    ordinal: int
    source: SourceDocument


@dataclass(frozen=True, slots=True)
class StagedPage:
    """A page that waits to be fetched, at its place in the request."""

    ordinal: int
    page: WebPage


@dataclass(frozen=True, slots=True)
class DocumentOutcome:
    """
    ``error`` says why it failed; ``passages`` how many it was cut into, when it went in. ``gone``: it failed because
    there is no such page, so that pruning may remove what was there.
    """

    uri: str
    outcome: Outcome
    error: str | None = None
    passages: int = 0
    gone: bool = False


Arrival: TypeAlias = SourceDocument | WebPage | DocumentOutcome
"""
A document that came with a request, a page that is to be fetched, or what became of a document at once when it could
not even be read.

An outcome that is PENDING stands for a document that is here already, to be worked on without its bytes.
"""


PART: Final = 16
"""Documents to a job and a transaction: enough to pay for its round trips, few enough that a crash repeats little."""


@dataclass(frozen=True, slots=True)
class Job:
    """
    One part of an ingestion: its documents with the ordinals [part * PART, (part + 1) * PART).

    ``round`` is the ingestion's ``retries`` when it was queued: what was queued before a retry is out of date after
    it. ``attempts`` is how often it was put off before.
    """

    ingestion_id: UUID
    part: int
    round: int = 0
    attempts: int = 0

    @property
    def ordinals(self) -> range:
        return range(self.part * PART, (self.part + 1) * PART)


class TryAgain(Exception):
    """Raised by work that is to be done again ``after_s`` seconds from now."""

    def __init__(self, after_s: float) -> None:
        super().__init__(f"again after {after_s} s")
        self.after_s = after_s


class Jobs(Protocol):
    """Where a unit of work queues jobs, so that a request and the work that it makes are stored together."""

    @abstractmethod
    async def add(self, jobs: Sequence[Job]) -> None:
        """
        Queue jobs when this unit commits; one of the same ingestion, part and round that waits already stays as it is.

        Jobs are worked on by part, the first parts of all ingestions first: so a small request does not wait behind
        a large one.
        """


class Ingestions(Protocol):
    """Ingestion requests with the bytes of their documents, kept until each is in; of failed ones for a retry."""

    @abstractmethod
    async def add(self, ingestion: Ingestion, arrivals: Sequence[Arrival]) -> None:
        """Store the request and its documents."""

    @abstractmethod
    async def stage(self, ingestion_id: UUID, arrivals: Sequence[Arrival], *, first: int) -> None:
        """Store more documents of a request, from the ordinal ``first`` on."""

    @abstractmethod
    async def get(self, ingestion_id: UUID, owner: Owner | None) -> Ingestion:
        """``owner`` None: anybody's. Raises IngestionNotFound."""

    @abstractmethod
    async def list(self, owner: Owner | None, *, limit: int, cursor: str | None) -> Page[Ingestion]:
        """Newest first; ``owner`` None: everybody's. Raises BadCursor."""

    @abstractmethod
    async def documents(self, ingestion_id: UUID, *, limit: int, cursor: str | None) -> Page[DocumentOutcome]:
        """What became of each document, in the order of the request, removed ones last. Raises BadCursor."""

    @abstractmethod
    async def unfinished(self) -> Sequence[UUID]:
        """Queued and running ingestions, oldest first."""

    @abstractmethod
    async def pending(self, ingestion_id: UUID, ordinals: range) -> Sequence[StagedDocument | StagedPage]:
        """Those of the documents that nothing has become of yet, in the order of the request."""

    @abstractmethod
    async def discover(self, ingestion_id: UUID, pages: Sequence[WebPage], *, most: int) -> Sequence[int]:
        """
        Stage pages of addresses that the ingestion does not have yet, and return their ordinals, in order.

        Beyond ``most`` pages of an ingestion (``within_limits``) no more are taken, and those are added to
        ``left_out``. The ordinals begin a part (PART) that no job has been made for. An ingestion that has ended
        gets none. Held until the end of this unit, so that of several that find the same page one stages it.
        """

    @abstractmethod
    async def call(self, ingestion_id: UUID, ordinal: int, uri: str) -> bool:
        """
        A pending page turned out to be called ``uri``. False: another row of the ingestion is called that.

        Its address stays known to ``discover``. Held like ``discover``.
        """

    @abstractmethod
    async def leave_out(self, ingestion_id: UUID, count: int) -> None:
        """So many more pages were not looked at."""

    @abstractmethod
    async def pending_uris(self, ingestion_id: UUID, ordinals: range) -> Sequence[tuple[int, str]]:
        """As ``pending``, of documents that came without their bytes: their ordinals and uris."""

    @abstractmethod
    async def pending_ordinals(self, ingestion_id: UUID) -> Sequence[int]:
        """The ordinals of all documents that nothing has become of yet, in order."""

    @abstractmethod
    async def requested_uris(self, ingestion_id: UUID) -> Sequence[str]:
        """The uris that the request named, in its order, without those that are gone or PASSED."""

    @abstractmethod
    async def start(self, ingestion_id: UUID) -> Ingestion | None:
        """A queued ingestion is running from now on. Returns it, without counts; None when it has ended."""

    @abstractmethod
    async def keep_plan(self, ingestion_id: UUID, plan: EmbeddingPlan) -> None:
        """What it will buy; the first plan stays."""

    @abstractmethod
    async def count_embedded(self, ingestion_id: UUID, more: Embedded) -> None:
        """
        So much more was embedded for it. Of an ingestion that is gone nothing is counted.

        Held until the end of this unit: in a unit that records outcomes too, it comes first, as it does in cancelling.
        """

    @abstractmethod
    async def done(self, ingestion_id: UUID) -> bool:
        """
        Whether it has not ended and none of its documents is pending any more.

        Held until the end of this unit, so that of several that ask at once only one is told so and ends it.
        """

    @abstractmethod
    async def record(self, ingestion_id: UUID, outcomes: Mapping[int, DocumentOutcome]) -> None:
        """
        What became of staged documents, by ordinal; their bytes may go, but for failed ones.

        A recorded outcome stays as it is, but for CANCELLED.
        """

    @abstractmethod
    async def record_removed(self, ingestion_id: UUID, uris: Sequence[str]) -> None:
        """Documents that pruning removed; recording one twice changes nothing."""

    @abstractmethod
    async def finish(self, ingestion_id: UUID, status: IngestionStatus, *, at: datetime) -> None:
        """The ingestion has ended; one that had ended before stays as it is."""

    @abstractmethod
    async def cancel(self, ingestion_id: UUID, *, at: datetime) -> bool:
        """
        End an ingestion that has not: pending documents become CANCELLED. False when it had ended before.

        What is being worked on at the moment may still go in, and is recorded then.
        """

    @abstractmethod
    async def retry(self, ingestion_id: UUID) -> int:
        """
        Queue an ended ingestion again with its failed and cancelled documents pending; returns how many they are.

        Documents without bytes, such as those that could not be read when they came, stay as they are. With none left
        to try, nothing changes.
        """


@dataclass(frozen=True, slots=True)
class KeyedRequest:
    """A request that is to have its effect once: under which key of whose, on which path, saying what."""

    owner: Owner
    path: str
    key: str
    body_sha256: bytes


class IdempotencyKeys(Protocol):
    """What became of the requests that came with a key, for 24 hours."""

    @abstractmethod
    async def claim(self, request: KeyedRequest, effect: UUID, *, turn: UUID | None, at: datetime) -> UUID:
        """
        Tie the key to ``effect``, the id of what the request makes, unless it is tied already.

        Returns the effect that the key is tied to: ``effect``, or what an earlier request made. Of several at once one
        is first, and the others wait for its transaction. A key is free again 24 hours after its claim, and when its
        ``turn`` goes. Raises IdempotencyKeyReused when the earlier request had another body.
        """


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """Events of a turn, encoded, that stand together; ``first`` numbers the first from 1; ``last``: none follows."""

    turn_id: UUID
    first: int
    frames: Sequence[bytes]
    last: bool


class TurnJournal(Protocol):
    """The events of running turns, for the other processes of the service, kept an hour."""

    @abstractmethod
    async def append(self, entries: Sequence[JournalEntry], *, at: datetime) -> None:
        """
        Add events, of any number of turns; what is there already stays as it is, and what is an hour old goes.

        Events of a turn that has gone are dropped.
        """

    @abstractmethod
    async def read(self, turn_id: UUID, *, after: int) -> JournalEntry:
        """The events after the first ``after``, in order and without a gap; none yet: an entry without frames."""


SWEPT_AT_ONCE: Final = 500
"""Of each kind in one transaction: a month's turns that fall due at once keep nobody waiting."""


@dataclass(frozen=True, slots=True)
class RetentionRules:
    """How many days things are kept after their end; 0 days: for ever."""

    ingestions_days: int = 30
    turns_days: int = 0
    indexes_days: int = 30
    """What was switched from, for rolling back."""


class Retention(Protocol):
    """Removal of what nothing needs any more."""

    @abstractmethod
    async def sweep(self, rules: RetentionRules, *, at: datetime, limit: int = SWEPT_AT_ONCE) -> Mapping[str, int]:
        """
        Remove, and say how many of what, ``limit`` of each at most:

        ``versions`` that are not active, were replaced an hour ago or more, and are cited by no turn; ``vectors`` of
        texts that no passage has any more, while nothing is being ingested; ``ingestions`` that ended and ``turns``
        that began longer ago than the rules say, with conversations that are left without one; ``queue_log``, what
        the queue wrote down of jobs done a week ago; ``idempotency_keys`` and ``turn_events`` whose windows are over.
        """


class UnitOfWork(Protocol):
    """
    One transaction: everything done through its stores happens when ``commit`` returns, or not at all.

    Leaving without a commit rolls back. Any store may raise PortUnavailable("database").
    """

    collections: Collections
    documents: Documents
    generations: Generations
    passage_text: PassageText
    embeddings: EmbeddingStore
    conversations: Conversations
    turns: Turns
    feedbacks: Feedbacks
    idempotency_keys: IdempotencyKeys
    turn_journal: TurnJournal
    ingestions: Ingestions
    known_pages: KnownPages
    jobs: Jobs
    retention: Retention
    api_keys: ApiKeys

    @abstractmethod
    async def __aenter__(self) -> Self: ...

    @abstractmethod
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    @abstractmethod
    async def commit(self) -> None:
        """Make it so."""


class UnitOfWorkFactory(Protocol):
    def __call__(self) -> UnitOfWork: ...


SIDE_BY_SIDE: Final = 3
"""Jobs worked on at once by one process: while one is parsed, the others are embedded, indexed and stored."""

Work: TypeAlias = Callable[[Job], Awaitable[None]]


class WorkQueue(Protocol):
    """
    Jobs that wait to be worked on. Between a drain and the next wake it does nothing, and holds no connection.

    A job is handed to ``work`` and is done when that returns; when it raises TryAgain, the job comes again, later.
    While it is worked on, nobody else is given it; when whoever works on it dies, it comes again after its lease.
    ``work`` raises nothing else; if it does, the job is dropped and the error logged.
    """

    @abstractmethod
    def wake(self) -> None:
        """There is work: drain soon."""

    @abstractmethod
    async def woken(self) -> None:
        """Wait for the next wake; any number of wakes before are one."""

    @abstractmethod
    async def drain(self, work: Work) -> None:
        """
        Hand out jobs, SIDE_BY_SIDE at once, until none is left, those that are put off included.

        Being cancelled leaves what is being worked on to be done again. Raises PortUnavailable or PortRefused.
        """

    @abstractmethod
    async def serve(self, work: Work) -> None:
        """Hand out jobs as they come until cancelled, whoever queued them. Raises PortUnavailable or PortRefused."""

    @abstractmethod
    async def reclaim(self, *, all_lost: bool) -> float | None:
        """
        Look for jobs that a crash left as being worked on.

        ``all_lost``: nobody else can be working on any, so all of them wait again at once. Otherwise the seconds
        after which their leases have run out, if there are any.
        """


class AnswerWriter(Protocol):
    """Writes an answer from evidence, piece by piece, with a marker ``[n]`` after each sentence that rests on it."""

    @property
    @abstractmethod
    def name(self) -> str:
        """What ``model`` says of the turns that it answers."""

    @abstractmethod
    def write(self, question: Question, evidence: Sequence[Evidence], *, language: str) -> AsyncIterator[str]:
        """The answer's pieces in order. No piece at all: this evidence gives no answer."""
