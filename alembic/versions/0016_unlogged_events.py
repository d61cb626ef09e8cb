"""Events of running turns outside the database's log: they were half of it, and live for an hour beside the turn."""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE turn_events SET UNLOGGED")


def downgrade() -> None:
    op.execute("ALTER TABLE turn_events SET LOGGED")
