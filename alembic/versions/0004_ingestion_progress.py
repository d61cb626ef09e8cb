"""What following, cancelling and retrying an ingestion needs."""

from collections.abc import Sequence

import sqlalchemy as sa

from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    zero = sa.text("0")
    op.add_column("ingestions", sa.Column("retries", sa.Integer, nullable=False, server_default=zero))
    op.add_column("ingestion_documents", sa.Column("passages", sa.Integer, nullable=False, server_default=zero))


def downgrade() -> None:
    op.drop_column("ingestion_documents", "passages")
    op.drop_column("ingestions", "retries")
