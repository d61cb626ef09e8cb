"""The first tables: library, conversations, ingestions."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision: str = "0001"
down_revision: str | None = None
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

TIME = sa.DateTime(timezone=True)
JSON = postgresql.JSON()


def upgrade() -> None:
    _library()
    _conversations()
    _ingestions()


def downgrade() -> None:
    for table in (
        "ingestion_documents",
        "ingestions",
        "turn_versions",
        "turns",
        "conversations",
        "embeddings",
        "stale_passages",
        "passages",
        "document_versions",
        "documents",
        "collections",
    ):
        op.drop_table(table)


def _library() -> None:
    op.create_table(
        "collections",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("visibility", sa.Text, nullable=False),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("trust", sa.SmallInteger, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_collections"),
    )
    op.create_table(
        "documents",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("collection", sa.Text, nullable=False),
        sa.Column("uri", sa.Text, nullable=False),
        sa.Column("uri_hash", sa.LargeBinary, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("url", sa.Text),
        sa.Column("peer_reviewed", sa.Boolean),
        sa.Column("metadata", JSON, nullable=False),
        sa.Column("version", sa.Text),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.Column("forgotten_at", TIME),
        sa.PrimaryKeyConstraint("id", name="pk_documents"),
        sa.ForeignKeyConstraint(["collection"], ["collections.name"], name="fk_documents_collection"),
    )
    op.create_index(
        "one_document_per_uri",
        "documents",
        ["collection", "uri_hash"],
        unique=True,
        postgresql_where=sa.text("forgotten_at IS NULL"),
    )
    op.create_index(
        "documents_newest", "documents", ["created_at", "id"], postgresql_where=sa.text("version IS NOT NULL")
    )
    op.create_table(
        "document_versions",
        sa.Column("document_id", sa.Uuid, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("sections", JSON, nullable=False),
        sa.PrimaryKeyConstraint("document_id", "version", name="pk_document_versions"),
        sa.ForeignKeyConstraint(
            ["document_id"], ["documents.id"], name="fk_document_versions_document_id", ondelete="CASCADE"
        ),
    )
    op.create_table(
        "passages",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("document_id", sa.Uuid, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("start", sa.Integer, nullable=False),
        sa.Column("end", sa.Integer, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("section", JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", "document_id", "version", name="pk_passages"),
        sa.ForeignKeyConstraint(
            ["document_id", "version"],
            ["document_versions.document_id", "document_versions.version"],
            name="fk_passages_document_id",
            ondelete="CASCADE",
        ),
    )
    op.create_index("passages_of_version", "passages", ["document_id", "version"])
    op.create_table(
        "stale_passages",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_stale_passages"),
    )
    op.create_table(
        "embeddings",
        sa.Column("embedder", sa.Text, nullable=False),
        sa.Column("input_hash", sa.LargeBinary, nullable=False),
        sa.Column("scale", sa.REAL, nullable=False),
        sa.Column("steps", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("embedder", "input_hash", name="pk_embeddings"),
    )


def _conversations() -> None:
    op.create_table(
        "conversations",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("user", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("collections", sa.ARRAY(sa.Text), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_conversations"),
    )
    op.create_table(
        "turns",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("conversation_id", sa.Uuid, nullable=False),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("user", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("lease_until", TIME, nullable=False),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("body", JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_turns"),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversations.id"], name="fk_turns_conversation_id", ondelete="CASCADE"
        ),
    )
    running = sa.text("status = 'running'")
    op.create_index("one_running_turn", "turns", ["conversation_id"], unique=True, postgresql_where=running)
    op.create_index("turns_of_conversation", "turns", ["conversation_id", "created_at", "id"])
    op.create_index("running_turns", "turns", ["lease_until"], postgresql_where=running)
    op.create_table(
        "turn_versions",
        sa.Column("turn_id", sa.Uuid, nullable=False),
        sa.Column("document_id", sa.Uuid, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("turn_id", "document_id", "version", name="pk_turn_versions"),
        sa.ForeignKeyConstraint(["turn_id"], ["turns.id"], name="fk_turn_versions_turn_id", ondelete="CASCADE"),
    )
    op.create_index("turns_citing_version", "turn_versions", ["document_id", "version"])


def _ingestions() -> None:
    op.create_table(
        "ingestions",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("user", sa.Text, nullable=False),
        sa.Column("collection", sa.Text, nullable=False),
        sa.Column("base_url", sa.Text),
        sa.Column("prune", sa.Boolean, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("finished_at", TIME),
        sa.PrimaryKeyConstraint("id", name="pk_ingestions"),
    )
    op.create_index("ingestions_newest", "ingestions", ["created_at", "id"])
    op.create_index(
        "unfinished_ingestions",
        "ingestions",
        ["created_at", "id"],
        postgresql_where=sa.text("status IN ('queued', 'running')"),
    )
    op.create_table(
        "ingestion_documents",
        sa.Column("ingestion_id", sa.Uuid, nullable=False),
        sa.Column("ordinal", sa.BigInteger, nullable=False),
        sa.Column("uri", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("source", sa.LargeBinary),
        sa.PrimaryKeyConstraint("ingestion_id", "ordinal", name="pk_ingestion_documents"),
        sa.ForeignKeyConstraint(
            ["ingestion_id"], ["ingestions.id"], name="fk_ingestion_documents_ingestion_id", ondelete="CASCADE"
        ),
    )
    op.create_index(
        "pending_documents",
        "ingestion_documents",
        ["ingestion_id", "ordinal"],
        postgresql_where=sa.text("outcome = 'pending'"),
    )
