"""What tells, in one read, that no document has changed: so that passages read before need not each be asked about."""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

# One mark a transaction: a setting that ends with it, or with the savepoint that is taken back, says that it is there.
# Marks of earlier transactions go as soon as no transaction under way can be older than they are: one is enough to
# tell this state from all before it. Nobody waits for a lock: what another one is taking away is left to it.
_NOTE = """
CREATE FUNCTION note_document_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    mine CONSTANT text := CAST(pg_current_xact_id() AS text);
BEGIN
    IF coalesce(current_setting('ibid.document_change', true), '') = mine THEN
        RETURN NULL;
    END IF;
    INSERT INTO document_changes (mark, transaction) VALUES (gen_random_uuid(), CAST(mine AS bigint));
    PERFORM set_config('ibid.document_change', mine, true);
    DELETE FROM document_changes WHERE mark IN (
        SELECT mark FROM document_changes
        WHERE transaction < CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS bigint)
        FOR UPDATE SKIP LOCKED
    );
    RETURN NULL;
END
$$
"""
# All that is read of a document; requests for it, which come with every ingestion, change nothing of that. Nor does a
# document that is new change what was read of others.
_TRIGGER = """
CREATE TRIGGER note_document_change
AFTER UPDATE OF id, collection, uri, title, url, peer_reviewed, metadata, version, created_at, updated_at, forgotten_at
OR DELETE OR TRUNCATE ON documents
FOR EACH STATEMENT EXECUTE FUNCTION note_document_change()
"""
# No two databases begin in the same state, nor does one to which a backup is brought back.
_FIRST = """
INSERT INTO document_changes (mark, transaction)
VALUES (gen_random_uuid(), CAST(CAST(pg_current_xact_id() AS text) AS bigint))
"""


def upgrade() -> None:
    op.execute("CREATE TABLE document_changes (mark UUID NOT NULL, transaction BIGINT NOT NULL)")
    op.execute("ALTER TABLE document_changes ADD CONSTRAINT pk_document_changes PRIMARY KEY (mark)")
    op.execute(_NOTE)
    op.execute(_TRIGGER)
    op.execute(_FIRST)


def downgrade() -> None:
    op.execute("DROP TRIGGER note_document_change ON documents")
    op.execute("DROP FUNCTION note_document_change()")
    op.execute("DROP TABLE document_changes")
