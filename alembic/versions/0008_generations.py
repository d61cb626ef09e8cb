"""How each collection is indexed, beside which other ways, and passages cut in more than one length."""

from collections.abc import Sequence

import sqlalchemy as sa

from alembic import op

revision: str = "0008"
down_revision: str | None = "0009"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

TIME = sa.DateTime(timezone=True)
PASSAGE_KEY = ["id", "document_id", "version"]

_CUTS_LEFT_BEHIND = """
    DELETE FROM passages p USING documents d
    WHERE d.id = p.document_id AND p.chunk_chars <> coalesce(
        (SELECT g.chunk_chars FROM index_generations g WHERE g.collection = d.collection AND g.state = 'active'), 620)
"""


def upgrade() -> None:
    op.add_column("document_versions", sa.Column("blocks", sa.Text))
    op.add_column("passages", sa.Column("chunk_chars", sa.Integer, nullable=False, server_default=sa.text("620")))
    op.drop_constraint("pk_passages", "passages", type_="primary")
    op.create_primary_key("pk_passages", "passages", [*PASSAGE_KEY, "chunk_chars"])
    op.add_column("stale_passages", sa.Column("place", sa.Text, nullable=False, server_default=""))
    op.drop_constraint("pk_stale_passages", "stale_passages", type_="primary")
    op.create_primary_key("pk_stale_passages", "stale_passages", ["id", "place"])
    op.add_column("ingestions", sa.Column("kind", sa.Text, nullable=False, server_default="ingest"))
    op.create_table(
        "index_generations",
        sa.Column("collection", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("embedder", sa.Text, nullable=False),
        sa.Column("dimensions", sa.Integer, nullable=False),
        sa.Column("slot", sa.SmallInteger, nullable=False),
        sa.Column("chunk_chars", sa.Integer, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("since", TIME, nullable=False),
        sa.Column("job", sa.Uuid),
        sa.PrimaryKeyConstraint("collection", "number", name="pk_index_generations"),
        sa.ForeignKeyConstraint(
            ["collection"], ["collections.name"], name="fk_index_generations_collection", ondelete="CASCADE"
        ),
    )
    op.create_index(
        "one_active_generation",
        "index_generations",
        ["collection"],
        unique=True,
        postgresql_where=sa.text("state = 'active'"),
    )
    op.create_table(
        "generation_documents",
        sa.Column("document_id", sa.Uuid, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("document_id", "number", name="pk_generation_documents"),
        sa.ForeignKeyConstraint(
            ["document_id"], ["documents.id"], name="fk_generation_documents_document_id", ondelete="CASCADE"
        ),
    )


def downgrade() -> None:
    # The code before this revision knows one length and one index: what stays is what questions are answered from.
    op.execute(_CUTS_LEFT_BEHIND)
    op.drop_table("generation_documents")
    op.drop_table("index_generations")
    op.drop_column("ingestions", "kind")
    op.execute("DELETE FROM stale_passages s USING stale_passages t WHERE s.id = t.id AND s.place > t.place")
    op.drop_constraint("pk_stale_passages", "stale_passages", type_="primary")
    op.drop_column("stale_passages", "place")
    op.create_primary_key("pk_stale_passages", "stale_passages", ["id"])
    op.drop_constraint("pk_passages", "passages", type_="primary")
    op.drop_column("passages", "chunk_chars")
    op.create_primary_key("pk_passages", "passages", PASSAGE_KEY)
    op.drop_column("document_versions", "blocks")
