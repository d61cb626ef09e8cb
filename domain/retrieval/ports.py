"""What retrieval needs from outside."""

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import Protocol
from uuid import UUID

from domain.access.readable import ReadableCollections
from domain.library.generations import IndexPlace
from domain.retrieval.model import HybridHits, IndexedPassage, Purpose, Ranked, SearchFilters, SparseVector, Vector


class Embedder(Protocol):
    """Turns texts into dense vectors."""

    @property
    @abstractmethod
    def name(self) -> str:
        """The model and all that changes its vectors, as one stable word; vectors of two names never mix."""

    @property
    @abstractmethod
    def dimensions(self) -> int:
        """How many floats each vector holds."""

    @abstractmethod
    async def embed(self, texts: Sequence[str], *, purpose: Purpose) -> Sequence[Vector]:
        """
        Unit-length vectors, one per text, in the order given; compare by cosine only.

        Any number of texts: adapters batch. A text without a known word gives some fixed unit vector. All or nothing.
        Raises PortUnavailable (worth retrying), PortRefused (it is not), QuotaSpent or PortReplyInvalid.
        """


class Reranker(Protocol):
    """Orders texts by how well they answer a question, reading both together; dearer and better than a search."""

    @property
    @abstractmethod
    def name(self) -> str:
        """The model."""

    @abstractmethod
    async def rerank(self, question: str, texts: Sequence[str], *, keep: int) -> Sequence[Ranked]:
        """
        At most ``keep`` of the texts by their places, best first, no place twice; no text gives nothing.

        Scores compare within one call alone. At most 1,000 texts. Takes as long as it takes: the caller's budget is
        the caller's to hold. Raises PortUnavailable, PortRefused, QuotaSpent or PortReplyInvalid.
        """


class SparseEncoder(Protocol):
    """
    BM25 as sparse vectors: the one that every index uses.

    A passage's values are the term-frequency part of BM25, a question's are 1 per distinct term; the index multiplies
    by inverse document frequency, ln(1 + (N - n + 0.5) / (n + 0.5)), so that the dot product is the BM25 score.
    Source: Robertson & Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond, 2009.
    """

    @abstractmethod
    def encode_passages(self, texts: Sequence[str], *, language: str) -> Sequence[SparseVector]:
        """One vector per text, in the order given; a text without content words gives an empty one."""

    @abstractmethod
    def encode_question(self, text: str, *, languages: Iterable[str]) -> SparseVector:
        """The terms of a question, analysed in each of the languages of the collections that are searched."""


class PassageSearch(Protocol):
    """Finds passages, densely and by terms, always inside what the caller may read."""

    @abstractmethod
    async def search(
        self,
        *,
        dense: Vector | None,
        sparse: SparseVector | None,
        readable: ReadableCollections,
        filters: SearchFilters,
        limit: int,
    ) -> HybridHits:
        """
        At most ``limit`` hits of each half, best first; a half whose vector is None, or empty, finds nothing.

        Dense scores are cosines; sparse scores are BM25. Only passages in ``readable`` that pass every filter are
        looked at: ``uri_prefix`` is a plain string prefix, ``peer_reviewed_only`` leaves unknown ones out, each
        metadata entry must be equal. An empty ``readable`` finds nothing. Raises PortUnavailable.
        """


class PassageWriter(Protocol):
    """Puts passages into the index and takes them out. The index is derived: what it loses can be made again."""

    @abstractmethod
    async def put(self, passages: Sequence[IndexedPassage]) -> None:
        """
        Write passages by id; one put again replaces the earlier. Searchable and durable when this returns.

        Raises PortUnavailable.
        """

    @abstractmethod
    async def remove(self, passage_ids: Sequence[UUID]) -> None:
        """Take passages out; unknown ids are no error. Not found any more when this returns. Raises PortUnavailable."""

    @abstractmethod
    async def count(self) -> int:
        """How many passages the index holds, of all collections."""

    @abstractmethod
    async def ids(
        self, after: UUID | None, *, limit: int, collection: str | None = None
    ) -> tuple[Sequence[UUID], UUID | None]:
        """
        Some of the passages that the index holds, and what to give as ``after`` for more: None when there is no more.

        ``collection``: of this one alone.

        Begin with None. A passage that is there from beginning to end is told of once. Raises PortUnavailable.
        """

    @abstractmethod
    async def settle(self) -> None:
        """The writer has finished a batch of work: a good moment to build search structures. May take seconds."""


class PassageIndex(PassageSearch, PassageWriter, Protocol):
    """One index, to search and to write."""


class IndexGenerations(Protocol):
    """
    The indexes that there are: one beside the other, so that a collection is built anew in one while another answers.

    Which of them answers for a collection is not known here: ``Generations`` of the library says, and switches.
    """

    @property
    @abstractmethod
    def first(self) -> IndexPlace:
        """The index of collections of which nothing else is known: in the first place of the default embedder."""

    @abstractmethod
    async def at(self, place: IndexPlace) -> PassageIndex:
        """
        The index at a place, the same one whoever asks; made empty when there is none yet.

        Raises PortUnavailable or PortRefused.
        """

    @abstractmethod
    async def keep(self, places: Iterable[IndexPlace]) -> None:
        """
        Give back the room of indexes beside the first that are not among ``places``; nobody may use those any more.

        An adapter whose indexes may be another's, too, keeps them all.
        """
