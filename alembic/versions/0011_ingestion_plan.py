"""What an ingestion was going to buy, as it was reckoned before it began."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("ingestions", sa.Column("plan", postgresql.JSON()))


def downgrade() -> None:
    op.drop_column("ingestions", "plan")
