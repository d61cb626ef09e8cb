"""Sites as sources: what an ingestion reads, its pages' addresses, and what is remembered of each page."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision: str = "0009"
down_revision: str | None = "0011"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("ingestions", sa.Column("source", postgresql.JSON()))
    op.add_column("ingestions", sa.Column("left_out", sa.Integer, nullable=False, server_default=sa.text("0")))
    op.add_column("ingestion_documents", sa.Column("address", sa.Text))
    op.add_column("ingestion_documents", sa.Column("gone", sa.Boolean, nullable=False, server_default=sa.text("false")))
    op.create_table(
        "known_pages",
        sa.Column("document_id", sa.Uuid, nullable=False),
        sa.Column("collection", sa.Text, nullable=False),
        sa.Column("address_hash", sa.LargeBinary, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("found_at", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("pipeline", sa.Text, nullable=False),
        sa.Column("etag", sa.Text),
        sa.Column("last_modified", sa.Text),
        sa.Column("links", sa.ARRAY(sa.Text), nullable=False),
        sa.PrimaryKeyConstraint("collection", "address_hash", name="pk_known_pages"),
        sa.ForeignKeyConstraint(
            ["document_id"], ["documents.id"], name="fk_known_pages_document_id", ondelete="CASCADE"
        ),
    )
    op.create_index("known_pages_of_document", "known_pages", ["document_id"])


def downgrade() -> None:
    op.drop_table("known_pages")
    op.drop_column("ingestion_documents", "gone")
    op.drop_column("ingestion_documents", "address")
    op.drop_column("ingestions", "left_out")
    op.drop_column("ingestions", "source")
