"""When the request came that last said what a document is: what came before it does not undo it."""

import sqlalchemy as sa

from alembic import op

revision = "0010"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("documents", sa.Column("requested_at", sa.DateTime(timezone=True)))
    op.create_index(
        "forgotten_documents",
        "documents",
        ["collection", "uri_hash"],
        postgresql_where=sa.text("forgotten_at IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("forgotten_documents", "documents")
    op.drop_column("documents", "requested_at")
