"""Which vector a passage needs."""

from collections.abc import Sequence

import sqlalchemy as sa

from alembic import op

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("passages", sa.Column("input_hash", sa.LargeBinary))
    op.create_index("passages_by_input", "passages", ["input_hash"])


def downgrade() -> None:
    op.drop_index("passages_by_input", "passages")
    op.drop_column("passages", "input_hash")
