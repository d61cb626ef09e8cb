"""What the library of documents needs from outside."""

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence, Set
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from domain.access.readable import ReadableCollections
from domain.library.chunking import CHUNK_CHARS
from domain.library.generations import Generation, IndexPlace, LiveGeneration, StalePassage
from domain.library.model import (
    UNTOLD,
    Collection,
    Document,
    DocumentVersion,
    Page,
    ParsedDocument,
    PassageInDocument,
    SourceDocument,
    SpanOfVersion,
)
from domain.retrieval.model import Hit, SearchFilters, Vector


class Collections(Protocol):
    """The collections there are."""

    @abstractmethod
    async def add(self, collection: Collection) -> bool:
        """Make a collection. False: one of that name is there, and is left as it is."""

    @abstractmethod
    async def all(self) -> Sequence[Collection]:
        """Every collection, by name."""

    @abstractmethod
    async def presumed(self) -> tuple[Sequence[Collection], str | None]:
        """
        Every collection as when they were last read, which may be long ago, and what ``Turns.begin`` holds that
        against; None: that is how they are.
        """

    @abstractmethod
    async def list(self, *, limit: int, cursor: str | None) -> Page[Collection]:
        """Newest first. Raises BadCursor."""

    @abstractmethod
    async def get(self, name: str) -> Collection:
        """Raises CollectionNotFound."""

    @abstractmethod
    async def hold(self, name: str) -> Collection:
        """As ``get``; until this unit ends nobody else changes the collection or registers a document in it."""

    @abstractmethod
    async def change(self, collection: Collection) -> None:
        """Store the collection of this name as it is now."""

    @abstractmethod
    async def remove(self, name: str) -> None:
        """Remove a collection that has no documents any more."""


@dataclass(frozen=True, slots=True)
class Activation:
    """
    A version to make the active one, with what its document then shows.

    ``input_hashes``: for each passage the hash that its vector is kept by. ``requested_at``: when the request came
    that it is of; None is as late as can be. ``prepared_from``: when the document that it was prepared from had
    changed last; None: whatever it is now. ``chunk_chars``: how long it is cut.
    """

    document: Document
    version: DocumentVersion
    input_hashes: Sequence[bytes]
    requested_at: datetime | None = None
    prepared_from: datetime | None = None
    chunk_chars: int = CHUNK_CHARS


@dataclass(frozen=True, slots=True)
class Switched:
    """
    What became of activations.

    ``stale``: passages that belong to no active version now. ``left``: documents left as they are, as a later request
    has said otherwise. ``overtaken``: documents that were switched since theirs was prepared: some of the passages
    that are active now may have been taken out of the index meanwhile.
    """

    stale: Sequence[StalePassage] = ()
    left: Set[UUID] = frozenset()
    overtaken: Set[UUID] = frozenset()


class Documents(Protocol):
    """
    Documents, their versions and passages: the truth that the passage index is derived from.

    A forgotten document answers to nothing but ``text`` (which says it is gone); its uri is free for a new document.
    """

    @abstractmethod
    async def register(
        self,
        collection: str,
        uris: Sequence[str],
        *,
        ids: Sequence[UUID],
        at: datetime,
        requested_at: datetime | None = None,
    ) -> Set[str]:
        """
        Make a document of each uri that has none, under the id of the same place; existing ones are left alone.

        Returns the uris that a request after ``requested_at`` has registered or forgotten: these are for it to say.
        In a collection that is not there, nothing is made.
        A registered document has no version and is listed nowhere until ``activate``. It exists early so that its id,
        and so the ids of its passages, stay the same when a crash makes ingestion run again.
        """

    @abstractmethod
    async def by_uri(self, collection: str, uris: Sequence[str]) -> Mapping[str, Document]:
        """The documents of these uris, registered ones included; unknown uris are left out."""

    @abstractmethod
    async def wanted(self, activations: Sequence[Activation], *, place: IndexPlace | None = None) -> Set[UUID]:
        """
        To be asked before the passages of these go into the index: the documents that no later request has changed.

        Their passages are stale no more in the index at ``place``, so that what an earlier version left behind is not
        taken out after they were put there; who is taking them out at the moment is waited for.
        """

    @abstractmethod
    async def activate(self, activations: Sequence[Activation], *, place: IndexPlace | None = None) -> Switched:
        """
        Store each version and make it the active one, all or none; a version stored before is stored once.

        ``place`` is the index that the new passages are in. Passages that no longer belong to an active version there
        are also kept as ``stale`` until ``discard_stale``, so that a crash before they leave the index loses no one of
        them. Other generations of the collection are a step behind from now on.
        A document forgotten since it was registered is not brought back: the passages of its version are stale.
        Until the end of this unit nobody else switches these documents.
        """

    @abstractmethod
    async def stale(self) -> Sequence[StalePassage]:
        """Passages that left their active version and may still be in an index."""

    @abstractmethod
    async def take_stale(self, passages: Sequence[StalePassage]) -> Sequence[StalePassage]:
        """Those of the passages that are stale still; until the end of this unit nobody makes them active again."""

    @abstractmethod
    async def discard_stale(self, passages: Iterable[StalePassage]) -> None:
        """These stale passages have left their index."""

    @abstractmethod
    async def get(self, document_id: UUID, readable: ReadableCollections) -> Document:
        """Raises DocumentNotFound: unknown, forgotten, never activated, or in a collection outside ``readable``."""

    @abstractmethod
    async def list(
        self, readable: ReadableCollections, *, collection: str | None, uri: str | None, limit: int, cursor: str | None
    ) -> Page[Document]:
        """Active documents, newest first. ``cursor`` comes from the page before; raises BadCursor."""

    @abstractmethod
    async def text(self, document_id: UUID, version: str, readable: ReadableCollections) -> str:
        """
        The text of any kept version.

        Raises DocumentNotFound, DocumentVersionNotFound, or DocumentVersionGone when the document was forgotten.
        """

    @abstractmethod
    async def passages(
        self,
        passage_ids: Sequence[UUID],
        readable: ReadableCollections,
        *,
        cuts: Mapping[str, int] | None = None,
        state: str = UNTOLD,
    ) -> Mapping[UUID, PassageInDocument]:
        """
        Those of the passages that belong to an active version in ``readable``, by id.

        This is where a hit becomes text: what the index still holds of an older version, a forgotten document or a
        collection outside ``readable`` is not in the answer. ``cuts`` says for a collection how long its passages are
        cut; CHUNK_CHARS where it does not: those of another length are not in the answer either.
        ``state`` is the library's, as ``Turns.begin`` has told it of the turn that these are for: what was read in the
        same state need not be read again.
        """

    @abstractmethod
    async def pieces(
        self, spans: Sequence[SpanOfVersion], readable: ReadableCollections
    ) -> Mapping[SpanOfVersion, str]:
        """Those of the spans, each once, that lie in kept versions of documents in ``readable``, with their texts."""

    @abstractmethod
    async def active(
        self, after: UUID | None, *, limit: int, of: LiveGeneration | None = None
    ) -> Sequence[tuple[Document, DocumentVersion]]:
        """
        Active documents of all collections with their active version, by id, those after ``after``.

        ``of``: those that this generation holds, cut as it cuts them; without it they are cut by CHUNK_CHARS.
        """

    @abstractmethod
    async def read(
        self, document_ids: Sequence[UUID], *, chunk_chars: int
    ) -> Sequence[tuple[Document, DocumentVersion]]:
        """Those of the documents that are active, by id; their versions without passages where not cut so long yet."""

    @abstractmethod
    async def uris(self, collection: str, *, requested_until: datetime | None = None) -> Sequence[str]:
        """
        The uris of all active documents of a collection, sorted.

        ``requested_until``: without those that a later request has registered.
        """

    @abstractmethod
    async def counts(self, collections: Sequence[str]) -> Mapping[str, int]:
        """How many active documents each of these collections has; those without any are left out."""

    @abstractmethod
    async def any_in(self, collection: str) -> bool:
        """Whether a collection has a document, active or registered."""

    @abstractmethod
    async def inputs_in(self, collections: Set[str], input_hashes: Sequence[bytes]) -> Set[bytes]:
        """Those of the hashes by which a passage of a kept version, in one of these collections, has its vector."""

    @abstractmethod
    async def remove_all(self, collection: str) -> Sequence[StalePassage]:
        """
        Remove every document of a collection as if none had ever been there.

        Returns the passages that were active, in every generation; they also become ``stale``.
        """

    @abstractmethod
    async def forget(self, document_id: UUID, *, at: datetime) -> Sequence[StalePassage]:
        """
        Remove a document with its versions and passages; what stays is that it existed.

        Returns the passages that were active, in every generation; they also become ``stale``. Raises DocumentNotFound.
        """


@dataclass(frozen=True, slots=True)
class CutVersion:
    """A version as it is cut for a generation, with the hash that the vector of each passage is kept by."""

    version: DocumentVersion
    input_hashes: Sequence[bytes]


class Generations(Protocol):
    """
    How each collection is indexed, and how it was before or is to be.

    The active generation holds every active document. Another holds those that are noted for it in their active
    version; a document that changes is noted for none any more.
    """

    @abstractmethod
    async def live(self, collection: str | None = None) -> Sequence[LiveGeneration]:
        """All generations that there are, by collection and number; of one collection, if it is named."""

    @abstractmethod
    async def adopt(self, collection: str, place: IndexPlace, chunk_chars: int, *, at: datetime) -> Generation | None:
        """
        The active generation of a collection; the first, as given, where it had none.

        None when the collection is not there.
        """

    @abstractmethod
    async def unknown(self) -> Mapping[str, Sequence[IndexPlace]]:
        """
        Collections that have documents and no generation, with the embedders that vectors of theirs are kept of.

        They come from a time before generations were kept.
        """

    @abstractmethod
    async def hold_active(self, collection: str) -> Generation | None:
        """
        The active generation; until this unit ends, nobody switches to another.

        None: no such collection, or none yet.
        """

    @abstractmethod
    async def begin(self, collection: str, place: IndexPlace, chunk_chars: int, *, job: UUID, at: datetime) -> int:
        """Begin to build one, under the next number, which is returned. Raises CollectionNotFound."""

    @abstractmethod
    async def give(self, collection: str, number: int, job: UUID) -> None:
        """This job works on the generation from now on."""

    @abstractmethod
    async def note(self, of: LiveGeneration, cut: Sequence[CutVersion]) -> None:
        """
        The generation holds these documents from now on, with their passages as they are cut for it.

        A version that is not the active one any more is left out.
        """

    @abstractmethod
    async def lacking(self, of: LiveGeneration, *, limit: int) -> Sequence[str]:
        """Uris of some active documents of its collection that a generation does not hold; of the active one, none."""

    @abstractmethod
    async def held(self, place: IndexPlace, passage_ids: Sequence[UUID]) -> Sequence[UUID]:
        """Those of the passages that a generation of whatever collection holds in this index."""

    @abstractmethod
    async def passage_counts(self) -> Mapping[IndexPlace, int]:
        """For each index how many passages the generations in it hold."""

    @abstractmethod
    async def switch(self, collection: str, number: int, *, at: datetime) -> None:
        """Make a generation the active one, and keep the one before. The caller holds the collection."""

    @abstractmethod
    async def drop(self, collection: str, number: int) -> None:
        """Forget a generation that is not active, with the passages that no other is cut like."""


class EmbeddingStore(Protocol):
    """Vectors once bought, found by what was embedded: a moved page or an unchanged passage buys none again."""

    @abstractmethod
    async def get(self, embedder: str, input_hashes: Sequence[bytes]) -> Mapping[bytes, Vector]:
        """The kept vectors by SHA-256 of the embedded input; unknown ones are left out. Within 1/127 of each value."""

    @abstractmethod
    async def put(self, embedder: str, vectors: Mapping[bytes, Vector]) -> None:
        """Keep vectors; putting the same hash again changes nothing."""

    @abstractmethod
    def as_kept(self, vectors: Mapping[bytes, Vector]) -> Mapping[bytes, Vector]:
        """What ``get`` would give back for these vectors after ``put``. Nothing is stored."""


class PassageText(Protocol):
    """Finds passages by their words alone, where they are kept: the last resort, when the passage index is away."""

    @abstractmethod
    async def find(
        self,
        words: Sequence[Sequence[str]],
        readable: ReadableCollections,
        filters: SearchFilters,
        *,
        limit: int,
        cuts: Mapping[str, int] | None = None,
    ) -> Sequence[Hit]:
        """
        Passages of active versions in ``readable`` that pass every filter and hold one of the words, best first.

        Each word is given in one or more forms, and a passage holds it when a word of its text begins with one of
        them, whatever the case. Passages that hold more of the words come first; scores compare within one call
        alone. No character of a form means anything but itself. Filters mean what they mean to ``PassageSearch``,
        and ``cuts`` what it means to ``Documents.passages``.
        """


@dataclass(frozen=True, slots=True)
class DocumentLimits:
    """
    What one document may hold. ``blocks``: headings, paragraphs, list items, code blocks and tables together.

    The longest page of react-native-docs, of 36 kB, has 463, so one of 1 MB some 13,000; a PDF of 3,000 pages has some
    45,000. 60,000 take one to two seconds to read, and 120 MB. Passages are at most as many as blocks and a 620th of
    the characters together; 5 MB of prose have some 10,000.
    """

    blocks: int = 60_000
    pages: int = 3_000
    passages: int = 20_000


class DocumentParser(Protocol):
    """Turns a source of one or more formats into text with sections."""

    @abstractmethod
    def parse(self, source: SourceDocument) -> ParsedDocument:
        """
        Parse a source; pure and CPU-bound, so callers run it off the event loop.

        An empty document gives an empty text with no section. Raises DocumentUnreadable, and nothing else, for a
        source that cannot be read.
        """


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """
    What one upload may hold. Sizes in bytes.

    ``inflation`` is how many times its own size an archive may grow to, looked at from the first MB on.
    """

    files: int = 1_000
    size: int = 64 * 1024 * 1024
    entries: int = 20_000
    inflated: int = 50 * 1024 * 1024
    inflation: int = 20


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """
    A file of an upload, or of the archive in it, as it was named there.

    ``problem`` says why there are no bytes to read: a link, encrypted, damaged, too large. ``packed``: it comes from
    an archive, which is a tree; a file that was sent by itself is meant as a document.
    """

    name: str
    place: int
    size: int
    problem: str | None = None
    packed: bool = False


class Upload(Protocol):
    """One request's files while they come in and are looked through; none is ever written under a name of its own."""

    @abstractmethod
    async def begin(self, name: str) -> None:
        """The bytes that follow are of a file with this name. Raises UploadTooLarge for more files than are taken."""

    @abstractmethod
    async def write(self, chunk: bytes) -> None:
        """Raises UploadTooLarge, or PortUnavailable when there is no room for it."""

    @abstractmethod
    async def files(self) -> Sequence[UploadedFile]:
        """
        The files, in the order that they came; of an archive, the candidates for documents (``is_candidate``).

        An archive (.zip, .tar.gz, .tgz) comes alone. What is inside of one is looked at only as far as the limits go;
        an archive inside of it is a file like any other. Other entries are left out.
        Raises UploadTooLarge, ArchiveUnreadable, or OutOfRange for no file, or an archive that is not alone.
        """

    @abstractmethod
    async def read(self, files: Sequence[UploadedFile]) -> Sequence[bytes]:
        """The bytes of files that have no ``problem``, in the order given."""


@dataclass(frozen=True, slots=True)
class Validators:
    """What a server said by which it can tell later whether a page has changed (RFC 9110, section 8.8)."""

    etag: str | None = None
    last_modified: str | None = None

    def __bool__(self) -> bool:
        return self.etag is not None or self.last_modified is not None


@dataclass(frozen=True, slots=True)
class FetchedPage:
    """
    A page as its server gave it. ``address`` is where it was found, after redirects.

    ``content_type`` is one of those that the fetcher takes, without parameters; ``charset`` as the server named it.
    ``links`` are the addresses that it leads to, in order, ``canonical`` the one that it says is its own.
    """

    address: str
    content: bytes
    content_type: str
    charset: str | None = None
    validators: Validators = Validators()
    links: Sequence[str] = ()
    canonical: str | None = None


@dataclass(frozen=True, slots=True)
class UnchangedPage:
    """The server says that the page is what it was when these validators were given."""


@dataclass(frozen=True, slots=True)
class NotFetched:
    """Why a page is not to be had, in words for the source's owner. ``gone``: the server says there is none."""

    reason: str
    gone: bool = False


@dataclass(frozen=True, slots=True)
class NotYet:
    """The host is to be left alone for ``after_s`` seconds more; nothing was asked of it."""

    after_s: float


@dataclass(frozen=True, slots=True)
class FetchedSitemap:
    """What a sitemap names: addresses of pages and of further sitemaps. ``address`` is where it was found."""

    address: str
    pages: Sequence[str]
    sitemaps: Sequence[str]


class SourceFetcher(Protocol):
    """
    Fetches pages from the web on a caller's word, and nothing that this word may not reach.

    What is connected to is an address that was checked (``AddressPolicy``), at every redirect anew. A host is asked no
    faster than its robots.txt and the settings allow: a call waits some seconds for its turn. Nothing is sent that
    tells who asks.
    """

    @abstractmethod
    async def page(self, address: str, *, known: Validators) -> FetchedPage | UnchangedPage | NotFetched | NotYet:
        """
        One page; ``known`` are the validators that it had, empty for a page that is to come whole.

        Raises PortUnavailable for what may go better another time: no answer, an answer that says so.
        """

    @abstractmethod
    async def sitemap(self, address: str) -> FetchedSitemap | NotFetched | NotYet:
        """A sitemap or an index of sitemaps, packed or not. Raises PortUnavailable as ``page`` does."""

    @abstractmethod
    def interval_s(self, address: str) -> float:
        """Seconds between two requests to the host of an address; as its robots.txt has it, once that was read."""


@dataclass(frozen=True, slots=True)
class KnownPage:
    """
    What is remembered of a page that was fetched: what it is called, and the version that it made.

    ``found_at`` is where redirects led from ``address``, ``pipeline`` the way of reading it was read by; ``links`` are
    as they were then.
    """

    address: str
    found_at: str
    uri: str
    version: str
    pipeline: str
    validators: Validators
    links: Sequence[str] = ()


class KnownPages(Protocol):
    """Pages that were fetched before, so that unchanged ones are not fetched again."""

    @abstractmethod
    async def get(self, collection: str, addresses: Sequence[str]) -> Mapping[str, KnownPage]:
        """
        Those of these addresses that are known, by address.

        Only such whose document's active version is still the one that the page made: a document that was changed by
        other ways, or has gone, must come whole.
        """

    @abstractmethod
    async def put(self, collection: str, pages: Sequence[KnownPage]) -> None:
        """Remember pages, each in place of what was known of its address. Of documents that are not there: nothing."""


class Uploads(Protocol):
    """Where uploads are kept until their documents are stored: on disk, so that they take no memory."""

    @property
    @abstractmethod
    def limits(self) -> UploadLimits: ...

    @abstractmethod
    def receive(self) -> AbstractAsyncContextManager[Upload]:
        """Room for one upload; leaving the context, or a crash, gives it back."""
