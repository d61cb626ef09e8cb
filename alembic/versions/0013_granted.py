"""The collections of whoever asked for an ingestion: of reuse in others nothing is told."""

import sqlalchemy as sa

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("ingestions", sa.Column("granted", sa.ARRAY(sa.Text)))


def downgrade() -> None:
    op.drop_column("ingestions", "granted")
