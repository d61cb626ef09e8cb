"""What callers send, as msgspec structs, and how it becomes commands: limits by type where a type can say them."""

from typing import Annotated, Any, Final, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType, field

from application.begin_turn import AskQuestionCommand
from application.edit_conversations import ConversationChanges
from application.ports import KeyedRequest
from application.search_passages import SearchPassagesQuery
from application.submit_ingestion import SubmitIngestionCommand
from application.submit_site import SubmitSiteCommand
from domain.access.model import Principal
from domain.conversation.model import AskOptions, FeedbackReason, Question, Rating
from domain.errors import OutOfRange, TextTooLong
from domain.grounding.model import Verification
from domain.grounding.references import STYLES
from domain.library.model import Format, SourceDocument, web_address
from domain.library.web_addresses import MAX_ADDRESS_CHARS
from domain.library.web_sources import DEFAULT_DEPTH, MAX_DEPTH, MAX_PATTERN_CHARS, MAX_PATTERNS, SourceKind
from domain.retrieval.model import SearchFilters
from entrypoints.http.texts import (
    BaseUrl,
    CitationStyle,
    Comment,
    ConversationTitle,
    DocumentContent,
    DocumentTitle,
    QuestionText,
    Slug,
    Uri,
    WebAddress,
)

CollectionName = Annotated[str, Meta(min_length=1, max_length=64)]
CollectionNames = Annotated[list[CollectionName], Meta(min_length=1, max_length=100)]
MAX_URL_CHARS: Final = 2_000
FilterText = Annotated[str, Meta(max_length=1_000)]


class FiltersBody(Struct, forbid_unknown_fields=True):
    uri_prefix: Annotated[str, Meta(min_length=1, max_length=1_000)] | None = None
    peer_reviewed_only: bool = False
    metadata: Annotated[dict[FilterText, FilterText], Meta(max_length=20)] = field(default_factory=dict)


class AskBody(Struct, forbid_unknown_fields=True):
    """
    ``question`` has 1 to 4,000 characters after trimming; ``collections`` left out: all that the caller may read.

    ``verification`` left out: as the collections have it, the strictest of them.
    """

    question: QuestionText
    collections: CollectionNames | None = None
    conversation_id: UUID | None = None
    filters: FiltersBody | None = None
    selected_text: QuestionText | None = None
    top_k: Annotated[int, Meta(ge=1, le=20)] = 6
    citation_style: CitationStyle = "apa"
    verification: Literal["flag", "redact", "off"] | None = None
    on_disconnect: Literal["continue", "cancel"] = "continue"


class NewConversationBody(Struct, forbid_unknown_fields=True):
    """``title`` left out: the first question gives it; ``collections`` left out or empty: all that may be read."""

    title: ConversationTitle | None = None
    collections: Annotated[list[CollectionName], Meta(max_length=100)] | None = None


class ChangedConversationBody(Struct, forbid_unknown_fields=True):
    """What is left out stays as it is."""

    title: ConversationTitle | UnsetType = UNSET
    collections: Annotated[list[CollectionName], Meta(max_length=100)] | UnsetType = UNSET


class FeedbackGivenBody(Struct, forbid_unknown_fields=True):
    """``comment``: up to 2,000 characters after trimming."""

    rating: Rating
    reasons: Annotated[list[FeedbackReason], Meta(max_length=len(FeedbackReason))] = field(default_factory=list)
    comment: Comment | None = None


class SearchBody(Struct, forbid_unknown_fields=True):
    """``rerank`` is a wish: where no reranker is configured the fused order stands."""

    query: QuestionText
    collections: CollectionNames | None = None
    filters: FiltersBody | None = None
    limit: Annotated[int, Meta(ge=1, le=50)] = 10
    rerank: bool = True


class SourceDocumentBody(Struct, forbid_unknown_fields=True):
    uri: Uri
    content: DocumentContent
    format: Literal["markdown", "mdx", "html", "text", "rst", "notebook", "pdf", "docx"]
    title: DocumentTitle | None = None
    url: WebAddress | None = None
    metadata: dict[str, Any] | None = None


PathPattern = Annotated[str, Meta(min_length=1, max_length=MAX_PATTERN_CHARS)]
PathPatterns = Annotated[list[PathPattern], Meta(max_length=MAX_PATTERNS)]


class SiteBody(Struct, forbid_unknown_fields=True):
    """
    A site to read: the pages that the sitemap at ``location`` names, or those that links lead to from that page on.

    ``include`` and ``exclude`` are patterns of paths, as ``/docs/**``. ``max_pages`` left out: as many as the service
    allows. ``max_depth`` counts links from the first page on.
    """

    type: Literal["sitemap", "url"]
    location: Annotated[str, Meta(min_length=1, max_length=MAX_ADDRESS_CHARS)]
    include: PathPatterns = field(default_factory=list)
    exclude: PathPatterns = field(default_factory=list)
    max_pages: Annotated[int, Meta(ge=1, le=100_000)] | None = None
    max_depth: Annotated[int, Meta(ge=0, le=MAX_DEPTH)] = DEFAULT_DEPTH


class IngestBody(Struct, forbid_unknown_fields=True):
    """
    Either ``documents``, or a site as ``source``. ``prune``: remove the collection's documents that this request does
    not name; of a site, those that it does not hold any more.
    """

    collection: Slug
    documents: Annotated[list[SourceDocumentBody], Meta(min_length=1, max_length=20_000)] | UnsetType = UNSET
    source: SiteBody | UnsetType = UNSET
    base_url: BaseUrl | None = None
    prune: bool = False


class PlanIngestionBody(IngestBody, forbid_unknown_fields=True):
    """The body of an ingestion: ``documents``, or a site as ``source``."""


def ask_command(body: AskBody, principal: Principal, keyed: KeyedRequest | None = None) -> AskQuestionCommand:
    """Raises a Refused that names the field."""
    if body.citation_style not in STYLES:
        raise OutOfRange("citation_style", f"must be one of {', '.join(sorted(STYLES))}")
    return AskQuestionCommand(
        principal,
        Question.checked(body.question, body.selected_text),
        collections=body.collections,
        conversation_id=body.conversation_id,
        options=AskOptions(
            filters=_filters(body.filters),
            top_k=body.top_k,
            citation_style=body.citation_style,
            verification=Verification(body.verification or Verification.FLAG),
            verification_said=body.verification is not None,
        ),
        keyed=keyed,
    )


def conversation_changes(body: NewConversationBody | ChangedConversationBody) -> ConversationChanges:
    title = None if isinstance(body.title, UnsetType) else body.title
    collections = None if isinstance(body.collections, UnsetType) else body.collections
    return ConversationChanges(title, collections)


def search_query(body: SearchBody, principal: Principal) -> SearchPassagesQuery:
    filters = _filters(body.filters)
    return SearchPassagesQuery(principal, body.query, body.collections, filters, body.limit, body.rerank)


def ingest_command(body: IngestBody, principal: Principal, keyed: KeyedRequest | None = None) -> SubmitIngestionCommand:
    """Raises a Refused that names the field, as ``documents[3].uri``."""
    if body.documents is UNSET:
        raise OutOfRange("documents", "is required, or a source in its place")
    sources = [_source(one, f"documents[{position}]") for position, one in enumerate(body.documents)]
    return SubmitIngestionCommand(
        principal, body.collection, sources, checked_base_url(body.base_url), body.prune, keyed
    )


def site_command(
    body: IngestBody, site: SiteBody, principal: Principal, keyed: KeyedRequest | None = None
) -> SubmitSiteCommand:
    """Raises a Refused that names the field."""
    if body.documents is not UNSET:
        raise OutOfRange("source", "cannot come with documents; send the one or the other")
    if body.base_url is not None:
        raise OutOfRange("base_url", "is not taken with a source: its pages have addresses of their own")
    return SubmitSiteCommand(
        principal,
        body.collection,
        SourceKind(site.type),
        site.location,
        include=site.include,
        exclude=site.exclude,
        max_pages=site.max_pages,
        max_depth=site.max_depth,
        prune=body.prune,
        keyed=keyed,
    )


def checked_base_url(value: str | None) -> str | None:
    """Raises a Refused for what is no address of a site."""
    if value is not None:
        web_address(value, field="base_url")
        if len(value) > MAX_URL_CHARS:
            raise TextTooLong("base_url", limit=MAX_URL_CHARS, actual=len(value))
    return value


def _source(body: SourceDocumentBody, at: str) -> SourceDocument:
    return SourceDocument.checked(
        body.uri, body.content, Format(body.format), title=body.title, url=body.url, metadata=body.metadata, at=at
    )


def _filters(body: FiltersBody | None) -> SearchFilters:
    if body is None:
        return SearchFilters()
    return SearchFilters(body.uri_prefix, body.peer_reviewed_only, body.metadata)
