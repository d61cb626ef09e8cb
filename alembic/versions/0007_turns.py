"""Feedback on turns, idempotency keys, the events of running turns; conversations listed by owner."""

from collections.abc import Sequence

import sqlalchemy as sa

from alembic import op

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_index("conversations_of_owner", "conversations", ["tenant", "user", "created_at", "id"])
    op.create_table(
        "feedback",
        sa.Column("turn_id", sa.Uuid, nullable=False),
        sa.Column("rating", sa.Text, nullable=False),
        sa.Column("reasons", sa.ARRAY(sa.Text), nullable=False),
        sa.Column("comment", sa.Text),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("turn_id", name="pk_feedback"),
        sa.ForeignKeyConstraint(["turn_id"], ["turns.id"], name="fk_feedback_turn_id", ondelete="CASCADE"),
    )
    op.add_column("turns", sa.Column("cancel_asked_at", TIME))
    op.create_table(
        "turn_events",
        sa.Column("turn_id", sa.Uuid, nullable=False),
        sa.Column("first", sa.Integer, nullable=False),
        sa.Column("frames", sa.LargeBinary, nullable=False),
        sa.Column("last", sa.Boolean, nullable=False),
        sa.Column("written_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("turn_id", "first", name="pk_turn_events"),
        sa.ForeignKeyConstraint(["turn_id"], ["turns.id"], name="fk_turn_events_turn_id", ondelete="CASCADE"),
    )
    op.create_index("turn_events_oldest", "turn_events", ["written_at"])
    op.create_table(
        "idempotency_keys",
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("user", sa.Text, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("body_sha256", sa.LargeBinary, nullable=False),
        sa.Column("effect", sa.Uuid, nullable=False),
        sa.Column("turn_id", sa.Uuid),
        sa.Column("claimed_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "user", "path", "key", name="pk_idempotency_keys"),
        sa.ForeignKeyConstraint(
            ["turn_id"],
            ["turns.id"],
            name="fk_idempotency_keys_turn_id",
            ondelete="CASCADE",
            deferrable=True,
            initially="DEFERRED",
        ),
    )
    op.create_index("idempotency_keys_oldest", "idempotency_keys", ["claimed_at"])
    op.create_index("idempotency_keys_of_turn", "idempotency_keys", ["turn_id"])


def downgrade() -> None:
    op.drop_table("idempotency_keys")
    op.drop_table("turn_events")
    op.drop_column("turns", "cancel_asked_at")
    op.drop_table("feedback")
    op.drop_index("conversations_of_owner", "conversations")
