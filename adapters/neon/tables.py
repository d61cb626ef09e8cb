"""
The tables, as SQLAlchemy Core sees them; alembic/versions makes them, and a test holds that the two agree.

Whole values that nothing is searched by (turns, sections, metadata) are ``json``, not ``jsonb``: it keeps numbers and
text as they were written, so that what is read back equals what was stored, and operators can query it all the same.
"""

from typing import Any, Final, TypeAlias

from sqlalchemy import (
    ARRAY,
    REAL,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    Uuid,
    case,
    func,
    literal_column,
    text,
)
from sqlalchemy.types import TypeEngine, UserDefinedType

SqlType: TypeAlias = TypeEngine[Any]


class Json(UserDefinedType[str]):
    """A json column read and written as its text: msgspec knows the shapes, SQLAlchemy need not."""

    cache_ok = True
    render_bind_cast = True

    def get_col_spec(self, **_: object) -> str:
        return "JSON"


TIME: Final = DateTime(timezone=True)

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)

QUEUE_TABLES: Final = ("pgqueuer", "pgqueuer_log", "pgqueuer_schedules", "pgqueuer_statistics")
"""Made by a migration like the others, and described by the library that they belong to."""

collections = Table(
    "collections",
    metadata,
    Column("name", Text, primary_key=True),
    Column("title", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("visibility", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("trust", SmallInteger, nullable=False),
    Column("created_at", TIME, nullable=False),
    # With defaults, so that the release before this one can go on adding collections.
    Column("instructions", Text, nullable=False, server_default=""),
    Column("verification", Text, nullable=False, server_default="flag"),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("secret_sha256", LargeBinary, nullable=False),
    Column("name", Text, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    # NULL: every collection.
    Column("collections", ARRAY(Text)),
    Column("created_at", TIME, nullable=False),
    Column("expires_at", TIME),
    Index("one_key_per_secret", "secret_sha256", unique=True),
    Index("api_keys_newest", "created_at", "id"),
)

# Unlogged: a count of the last minute need not survive a crash, and is not worth waiting for the disk.
rate_windows = Table(
    "rate_windows",
    metadata,
    Column("bucket", LargeBinary, primary_key=True),
    Column("began_at", TIME, nullable=False),
    Column("used", Integer, nullable=False),
    prefixes=["UNLOGGED"],
)

documents = Table(
    "documents",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("collection", Text, ForeignKey("collections.name"), nullable=False),
    Column("uri", Text, nullable=False),
    # SHA-256 of the uri: a uri of 1,000 characters may be longer than an index entry can be (2,704 bytes).
    Column("uri_hash", LargeBinary, nullable=False),
    Column("title", Text, nullable=False),
    Column("url", Text),
    Column("peer_reviewed", Boolean),
    Column("metadata", Json, nullable=False),
    Column("version", Text),
    Column("created_at", TIME, nullable=False),
    Column("updated_at", TIME, nullable=False),
    Column("forgotten_at", TIME),
    # When the last request came that said what this document is: one that came earlier, and is worked on later, does
    # not undo it. NULL: before this was noted.
    Column("requested_at", TIME),
    Index("one_document_per_uri", "collection", "uri_hash", unique=True, postgresql_where=text("forgotten_at IS NULL")),
    Index("forgotten_documents", "collection", "uri_hash", postgresql_where=text("forgotten_at IS NOT NULL")),
    Index("documents_newest", "created_at", "id", postgresql_where=text("version IS NOT NULL")),
)

document_versions = Table(
    "document_versions",
    metadata,
    Column("document_id", Uuid, ForeignKey("documents.id", ondelete="CASCADE"), primary_key=True),
    Column("version", Text, primary_key=True),
    Column("text", Text, nullable=False),
    Column("sections", Json, nullable=False),
    # Where the text may be cut, as JSON: start, end and kind of each block in turn. NULL where it was not kept yet.
    Column("blocks", Text),
)

passages = Table(
    "passages",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("document_id", Uuid, primary_key=True),
    Column("version", Text, primary_key=True),
    # How long the version is cut here: two generations of a collection may differ in it.
    Column("chunk_chars", Integer, primary_key=True, server_default=text("620")),
    Column("start", Integer, nullable=False),
    Column("end", Integer, nullable=False),
    # The text again, and the section: cutting 50 passages out of their versions would unpack 50 whole texts.
    Column("text", Text, nullable=False),
    Column("section", Json, nullable=False),
    # What its vector is kept by, so that a vector that no passage needs any more is known.
    Column("input_hash", LargeBinary),
    ForeignKeyConstraint(
        ["document_id", "version"],
        ["document_versions.document_id", "document_versions.version"],
        ondelete="CASCADE",
    ),
    Index("passages_of_version", "document_id", "version"),
    Index("passages_by_input", "input_hash"),
)

PASSAGE_WORDS: Final = func.to_tsvector(text("'simple'::regconfig"), func.left(passages.c.text, text("100000")))
"""A passage's words as they stand, without their positions' end: one of more than 1 MB of words would be refused."""
Index("passage_words", PASSAGE_WORDS, postgresql_using="gin")

PAST_REQUEST: Final = case(
    (
        documents.c.requested_at <= func.clock_timestamp() + literal_column("interval '1 minute'"),
        documents.c.requested_at,
    )
)
"""NULL for a time that is yet to come: the clock was set back since, and says nothing of what came later."""

stale_passages = Table(
    "stale_passages",
    metadata,
    Column("id", Uuid, primary_key=True),
    # In which index; empty: in the only one that a time before generations knew.
    Column("place", Text, primary_key=True, server_default=""),
)

index_generations = Table(
    "index_generations",
    metadata,
    Column("collection", Text, ForeignKey("collections.name", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("embedder", Text, nullable=False),
    Column("dimensions", Integer, nullable=False),
    Column("slot", SmallInteger, nullable=False),
    Column("chunk_chars", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("since", TIME, nullable=False),
    Column("job", Uuid),
    Index("one_active_generation", "collection", unique=True, postgresql_where=text("state = 'active'")),
)

# What a generation that is not the active one holds; a document that changes is in none of them any more.
generation_documents = Table(
    "generation_documents",
    metadata,
    Column("document_id", Uuid, ForeignKey("documents.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("version", Text, nullable=False),
)

embeddings = Table(
    "embeddings",
    metadata,
    Column("embedder", Text, primary_key=True),
    Column("input_hash", LargeBinary, primary_key=True),
    Column("scale", REAL, nullable=False),
    Column("steps", LargeBinary, nullable=False),
)

conversations = Table(
    "conversations",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("user", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("collections", ARRAY(Text), nullable=False),
    Column("created_at", TIME, nullable=False),
    Index("conversations_of_owner", "tenant", "user", "created_at", "id"),
)

turns = Table(
    "turns",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("conversation_id", Uuid, ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False),
    Column("tenant", Text, nullable=False),
    Column("user", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("created_at", TIME, nullable=False),
    Column("lease_until", TIME, nullable=False),
    Column("holder", Text, nullable=False),
    Column("body", Json, nullable=False),
    Column("cancel_asked_at", TIME),
    Index("one_running_turn", "conversation_id", unique=True, postgresql_where=text("status = 'running'")),
    Index("turns_of_conversation", "conversation_id", "created_at", "id"),
    Index("running_turns", "lease_until", postgresql_where=text("status = 'running'")),
)

turn_versions = Table(
    "turn_versions",
    metadata,
    Column("turn_id", Uuid, ForeignKey("turns.id", ondelete="CASCADE"), primary_key=True),
    Column("document_id", Uuid, primary_key=True),
    Column("version", Text, primary_key=True),
    Index("turns_citing_version", "document_id", "version"),
)

feedback = Table(
    "feedback",
    metadata,
    Column("turn_id", Uuid, ForeignKey("turns.id", ondelete="CASCADE"), primary_key=True),
    Column("rating", Text, nullable=False),
    Column("reasons", ARRAY(Text), nullable=False),
    Column("comment", Text),
    Column("created_at", TIME, nullable=False),
    Column("updated_at", TIME, nullable=False),
)

# Unlogged: who comes back after a crash of the database is told the end, which the turn holds whole. Its log would be
# half of all that a question writes.
turn_events = Table(
    "turn_events",
    metadata,
    Column("turn_id", Uuid, ForeignKey("turns.id", ondelete="CASCADE"), primary_key=True),
    Column("first", Integer, primary_key=True),
    # A MessagePack list of byte strings: a batch of events, each as it goes to its readers.
    Column("frames", LargeBinary, nullable=False),
    Column("last", Boolean, nullable=False),
    Column("written_at", TIME, nullable=False),
    Index("turn_events_oldest", "written_at"),
    prefixes=["UNLOGGED"],
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("user", Text, primary_key=True),
    Column("path", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("body_sha256", LargeBinary, nullable=False),
    Column("effect", Uuid, nullable=False),
    # The key is claimed before its turn is stored, in one transaction: so the two are compared when it commits.
    Column("turn_id", Uuid, ForeignKey("turns.id", ondelete="CASCADE", deferrable=True, initially="DEFERRED")),
    Column("claimed_at", TIME, nullable=False),
    Index("idempotency_keys_oldest", "claimed_at"),
    Index("idempotency_keys_of_turn", "turn_id"),
)

ingestions = Table(
    "ingestions",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("user", Text, nullable=False),
    Column("collection", Text, nullable=False),
    Column("base_url", Text),
    Column("prune", Boolean, nullable=False),
    Column("status", Text, nullable=False),
    Column("created_at", TIME, nullable=False),
    Column("finished_at", TIME),
    Column("retries", Integer, nullable=False, server_default=text("0")),
    # What it was going to buy, reckoned before it began.
    Column("plan", Json),
    # The site that is read, if it is one, and how many of its pages were not looked at.
    Column("source", Json),
    Column("left_out", Integer, nullable=False, server_default=text("0")),
    Column("kind", Text, nullable=False, server_default="ingest"),
    # What was embedded for it at a provider, and for how many texts there was a vector already.
    Column("embed_calls", Integer, nullable=False, server_default=text("0")),
    Column("texts_embedded", Integer, nullable=False, server_default=text("0")),
    Column("texts_reused", Integer, nullable=False, server_default=text("0")),
    # The collections of whoever asked for it; NULL: all of them.
    Column("granted", ARRAY(Text)),
    Index("ingestions_newest", "created_at", "id"),
    Index("unfinished_ingestions", "created_at", "id", postgresql_where=text("status IN ('queued', 'running')")),
)

ingestion_documents = Table(
    "ingestion_documents",
    metadata,
    Column("ingestion_id", Uuid, ForeignKey("ingestions.id", ondelete="CASCADE"), primary_key=True),
    # Removed documents follow the requested ones.
    Column("ordinal", BigInteger, primary_key=True),
    Column("uri", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("error", Text),
    # The source as it was sent, until it is in; of a failed one for a retry.
    Column("source", LargeBinary),
    Column("passages", Integer, nullable=False, server_default=text("0")),
    # Of a page of a site, not of a sitemap: where it was asked for, whatever it is called; and whether there is none.
    Column("address", Text),
    Column("gone", Boolean, nullable=False, server_default=text("false")),
    Index("pending_documents", "ingestion_id", "ordinal", postgresql_where=text("outcome = 'pending'")),
)

known_pages = Table(
    "known_pages",
    metadata,
    Column("document_id", Uuid, ForeignKey("documents.id", ondelete="CASCADE"), nullable=False),
    Column("collection", Text, primary_key=True),
    # SHA-256 of the address, as of documents' uris.
    Column("address_hash", LargeBinary, primary_key=True),
    Column("address", Text, nullable=False),
    Column("found_at", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("pipeline", Text, nullable=False),
    Column("etag", Text),
    Column("last_modified", Text),
    Column("links", ARRAY(Text), nullable=False),
    Index("known_pages_of_document", "document_id"),
)

provider_spending = Table(
    "provider_spending",
    metadata,
    Column("provider", Text, primary_key=True),
    # A change is written on the version that it was reckoned from, or not at all.
    Column("version", BigInteger, nullable=False),
    Column("ledger", Json, nullable=False),
)

document_changes = Table(
    "document_changes",
    metadata,
    # One is left by each transaction that changes or removes documents; see library_state.py.
    Column("mark", Uuid, primary_key=True),
    Column("transaction", BigInteger, nullable=False),
)
