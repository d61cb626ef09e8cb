"""API keys, what a collection says of itself, and counts of requests."""

from collections.abc import Sequence

import sqlalchemy as sa

from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("collections", sa.Column("instructions", sa.Text, nullable=False, server_default=""))
    op.add_column("collections", sa.Column("verification", sa.Text, nullable=False, server_default="flag"))
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("secret_sha256", sa.LargeBinary, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("scopes", sa.ARRAY(sa.Text), nullable=False),
        sa.Column("collections", sa.ARRAY(sa.Text)),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("expires_at", TIME),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
    )
    op.create_index("one_key_per_secret", "api_keys", ["secret_sha256"], unique=True)
    op.create_index("api_keys_newest", "api_keys", ["created_at", "id"])
    op.create_table(
        "rate_windows",
        sa.Column("bucket", sa.LargeBinary, nullable=False),
        sa.Column("began_at", TIME, nullable=False),
        sa.Column("used", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("bucket", name="pk_rate_windows"),
        prefixes=["UNLOGGED"],
    )


def downgrade() -> None:
    op.drop_table("rate_windows")
    op.drop_table("api_keys")
    op.drop_column("collections", "verification")
    op.drop_column("collections", "instructions")
