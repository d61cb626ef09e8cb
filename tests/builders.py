"""Domain values for tests: every argument has a default, and a test names only what it is about."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final
from uuid import UUID, uuid4, uuid5

from application.ports import Ingestion, IngestionStatus
from domain.access.model import ApiKey, Owner, Principal, Scope
from domain.access.readable import ReadableCollections, readable_collections
from domain.conversation.model import Conversation, Question, Turn
from domain.grounding.model import (
    Abstention,
    AbstentionReason,
    Citation,
    CitedDocument,
    CitedSection,
    Claim,
    Evidence,
    Reference,
    Verdict,
    Verifier,
)
from domain.library.model import Collection, Document, DocumentVersion, Format, Passage, Section, SourceDocument
from domain.library.ports import Activation

NOON: Final = datetime(2026, 11, 1, 12, 0, 0, 123_456, tzinfo=UTC)
ACME: Final = Owner("acme")


def after(seconds: float) -> datetime:
    """So many seconds after NOON."""
    return NOON + timedelta(seconds=seconds)


def a_principal(
    *,
    tenant: str = "acme",
    scopes: frozenset[Scope] = frozenset({Scope.ADMIN}),
    collections: frozenset[str] | None = None,
) -> Principal:
    return Principal(tenant, "a key", scopes, collections)


def an_api_key(key_id: UUID | None = None, **changes: Any) -> ApiKey:
    """A key that may ask everything, with a secret of its own that nobody knows."""
    key_id = key_id or uuid4()
    values: dict[str, Any] = {
        "secret_sha256": sha256(key_id.bytes).digest(),
        "name": "a key",
        "tenant": str(key_id),
        "scopes": frozenset({Scope.ASK}),
        "collections": None,
        "created_at": NOON,
    }
    return ApiKey(id=key_id, **(values | changes))


def reading(*names: str) -> ReadableCollections:
    """What somebody may read who may read exactly these collections."""
    return readable_collections(a_principal(), [a_collection(name) for name in names])


def a_collection(name: str = "docs", **changes: Any) -> Collection:
    return Collection(name, changes.pop("created_at", NOON), **changes)


def a_source(uri: str = "intro.md", content: str = "# Intro\n\nHello.", **changes: Any) -> SourceDocument:
    return SourceDocument(uri, content, changes.pop("format", Format.MARKDOWN), **changes)


def a_document(document_id: UUID | None = None, *, uri: str = "intro.md", **changes: Any) -> Document:
    values: dict[str, Any] = {
        "collection": "docs",
        "title": "Intro",
        "url": "https://docs.example.com/intro",
        "peer_reviewed": None,
        "metadata": {"topic": "start", "tags": ["a", "b"]},
        "version": None,
        "created_at": NOON,
        "updated_at": NOON,
    }
    return Document(id=document_id or uuid4(), uri=uri, **(values | changes))


def a_version(document_id: UUID, *texts: str) -> DocumentVersion:
    """A version with one section and one passage per text, each passage known by document and text."""
    texts = texts or ("Open the door.", "Close it again.")
    text, sections, passages = "", [], []
    for ordinal, body in enumerate(texts):
        start, end = len(text), len(text) + len(body)
        sections.append(Section(ordinal, ("Intro", f"Part {ordinal}"), 2, f"part-{ordinal}", start, end))
        passages.append(Passage(uuid5(document_id, body), ordinal, start, end, body))
        text += body + "\n"
    return DocumentVersion(document_id, sha256(text.encode()).hexdigest(), text, tuple(sections), tuple(passages))


def an_activation(document: Document, *texts: str) -> Activation:
    version = a_version(document.id, *texts)
    values = {name: getattr(document, name) for name in Document.__slots__}
    hashes = [sha256(passage.text.encode()).digest() for passage in version.passages]
    return Activation(Document(**(values | {"version": version.version})), version, hashes)


def a_conversation(conversation_id: UUID | None = None, *, owner: Owner = ACME, **changes: Any) -> Conversation:
    values: dict[str, Any] = {"title": "How do doors work?", "collections": ("docs",), "created_at": NOON}
    return Conversation(id=conversation_id or uuid4(), owner=owner, **(values | changes))


def a_turn(
    conversation_id: UUID, *, owner: Owner = ACME, at: datetime = NOON, question: str = "How do doors work?"
) -> Turn:
    """A turn that has just begun."""
    return Turn.begin(uuid4(), conversation_id, owner, Question(question), at)


def an_evidence(n: int = 1, *, text: str = "Open the door.", metadata: Mapping[str, Any] | None = None) -> Evidence:
    url = "https://docs.example.com/intro"
    version = sha256(text.encode()).hexdigest()
    document = CitedDocument(uuid4(), version, "docs", "intro.md", "Intro", url, True, metadata or {"year": 2024})
    section = CitedSection(("Intro", "Doors"), "doors", None, f"{url}#doors")
    return Evidence(n, uuid4(), text, 10, 10 + len(text), 0.731_234_567_890_12, document, section)


def answered(turn: Turn, *, answer: str = "You open it [1].") -> Turn:
    """The turn with an answer that uses every field a turn has."""
    values = {name: getattr(turn, name) for name in Turn.__slots__}
    evidence = (an_evidence(1), an_evidence(2, text="Naïve — 🚪 “quotes”\u2028 and \\ ends."))
    running = Turn(
        **(values | {"evidence": evidence, "degraded": ("rerank",), "timings_ms": {"embed": 9, "total": 31}})
    )
    citation = Citation(1, "Open the door.", 10, 24)
    return running.answered(
        answer,
        claims=(Claim(0, 0, len(answer), Verdict.SUPPORTED, 0.1 + 0.2, True, (citation,)),),
        verifier=Verifier("terms", "1"),
        references=(Reference((1,), {"type": "webpage", "title": "Intro"}, "Intro. https://docs.example.com/intro"),),
        model="extractive",
    )


def abstained(turn: Turn) -> Turn:
    return turn.abstained(Abstention(AbstentionReason.INSUFFICIENT_EVIDENCE, "Nothing near.", (an_evidence(1),)))


def an_ingestion(ingestion_id: UUID | None = None, *, owner: Owner = ACME, **changes: Any) -> Ingestion:
    values: dict[str, Any] = {
        "collection": "docs",
        "base_url": "https://docs.example.com",
        "prune": False,
        "status": IngestionStatus.QUEUED,
        "created_at": NOON,
    }
    return Ingestion(id=ingestion_id or uuid4(), owner=owner, **(values | changes))
