"""Collections on the wire."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import asdict

from application.read_collections import CountedCollection
from domain.grounding.model import Verification
from domain.library.generations import MAX_CHUNK_CHARS, MIN_CHUNK_CHARS
from domain.library.model import Collection, Page, Visibility
from entrypoints.http.texts import CollectionTitle, Description, Instructions, Language, Slug

VisibilityName = Literal["private", "members", "public"]
VerificationName = Literal["flag", "redact", "off"]
EmbedderName = Annotated[str, Meta(min_length=1, max_length=200)]
ChunkChars = Annotated[int, Meta(ge=MIN_CHUNK_CHARS, le=MAX_CHUNK_CHARS)]
Trust = Annotated[int, Meta(ge=0, le=9)]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class NewCollectionBody(Struct, forbid_unknown_fields=True):
    """``title`` left out: the name. ``language`` is a code of two letters (ISO 639-1)."""

    name: Slug
    title: CollectionTitle | None = None
    description: Description = ""
    visibility: VisibilityName = "private"
    language: Language = "en"
    instructions: Instructions = ""
    verification: VerificationName = "flag"
    trust: Trust = 5


class CollectionChangesBody(Struct, forbid_unknown_fields=True):
    """What is left out stays as it is. ``language`` can change while the collection is empty."""

    title: CollectionTitle | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    visibility: VisibilityName | UnsetType = UNSET
    language: Language | UnsetType = UNSET
    instructions: Instructions | UnsetType = UNSET
    verification: VerificationName | UnsetType = UNSET
    trust: Trust | UnsetType = UNSET


class ReindexBody(Struct, forbid_unknown_fields=True):
    """What is left out stays as it is: with neither, the index is made anew as it was."""

    embedder: EmbedderName | None = None
    chunk_chars: ChunkChars | None = None


class IndexBody(Struct):
    """How the collection is indexed: by which embedder, in passages of how many characters at most."""

    embedder: str
    chunk_chars: int
    generation: int


class CollectionBody(Struct, kw_only=True):
    """``documents`` is how many there are now. ``index`` is null before the first document."""

    name: str
    title: str
    description: str
    visibility: str
    language: str
    instructions: str
    verification: str
    trust: int
    documents: int
    index: IndexBody | None
    created_at: datetime


class CollectionsPageBody(Struct):
    items: list[CollectionBody]
    next_cursor: str | None


def new_collection(body: NewCollectionBody) -> Collection:
    values = asdict(body) | {"title": body.name if body.title is None else body.title}
    return Collection(created_at=_EPOCH, **_typed(values))


def collection_changes(body: CollectionChangesBody) -> dict[str, Any]:
    return _typed({name: value for name, value in asdict(body).items() if value is not UNSET})


def _typed(values: dict[str, Any]) -> dict[str, Any]:
    kinds = {"visibility": Visibility, "verification": Verification}
    return {name: kinds[name](value) if name in kinds else value for name, value in values.items()}


def collection_body(counted: CountedCollection) -> CollectionBody:
    collection = counted.collection
    now = collection.generation
    return CollectionBody(
        name=collection.name,
        title=collection.title,
        description=collection.description,
        visibility=collection.visibility.value,
        language=collection.language,
        instructions=collection.instructions,
        verification=collection.verification.value,
        trust=collection.trust,
        documents=counted.documents,
        index=None if now is None else IndexBody(now.place.embedder, now.chunk_chars, now.number),
        created_at=collection.created_at.astimezone(UTC),
    )


def collections_page_body(page: Page[CountedCollection]) -> CollectionsPageBody:
    return CollectionsPageBody([collection_body(one) for one in page.items], page.next_cursor)
