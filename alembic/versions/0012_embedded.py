"""What was embedded for an ingestion at a provider: calls, texts, and texts that had a vector already."""

import sqlalchemy as sa

from alembic import op

revision = "0012"
down_revision = "0008"
branch_labels = None
depends_on = None

COLUMNS = ("embed_calls", "texts_embedded", "texts_reused")


def upgrade() -> None:
    for name in COLUMNS:
        op.add_column("ingestions", sa.Column(name, sa.Integer, nullable=False, server_default=sa.text("0")))


def downgrade() -> None:
    for name in reversed(COLUMNS):
        op.drop_column("ingestions", name)
