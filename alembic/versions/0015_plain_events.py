"""Events of running turns as they are: compressing what lives for an hour costs more than writing all of it."""

from alembic import op

revision = "0015"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE turn_events ALTER COLUMN frames SET STORAGE EXTERNAL")


def downgrade() -> None:
    op.execute("ALTER TABLE turn_events ALTER COLUMN frames SET STORAGE EXTENDED")
