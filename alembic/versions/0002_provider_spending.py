"""What was spent of the providers' plans; passages found by their words without the index."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "provider_spending",
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("ledger", postgresql.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("provider", name="pk_provider_spending"),
    )
    words = sa.text("to_tsvector('simple'::regconfig, \"left\"(text, 100000))")
    op.create_index("passage_words", "passages", [words], postgresql_using="gin")


def downgrade() -> None:
    op.drop_index("passage_words", "passages")
    op.drop_table("provider_spending")
