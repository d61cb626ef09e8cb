"""Passages by their words, in PostgreSQL alone: for when the passage index is away."""

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import ARRAY, Integer, Text, bindparam, text

from adapters.neon.rows import cuts_of
from adapters.neon.transaction import Transaction
from domain.access.readable import ReadableCollections
from domain.library.ports import PassageText
from domain.retrieval.model import Hit, SearchFilters

_CANDIDATES: Final = 500
"""Passages ranked at most with every word, and as many with some: 0.1 to 0.2 ms each."""

_SEARCH = text(
    """
    WITH readable AS MATERIALIZED (
        SELECT id, version, chunk_chars FROM documents
        JOIN unnest(CAST(:names AS text[]), CAST(:cuts AS int[])) AS cut(name, chunk_chars) ON collection = cut.name
        WHERE forgotten_at IS NULL AND version IS NOT NULL
          AND starts_with(uri, :uri_prefix)
          AND (peer_reviewed IS TRUE OR NOT :peer_reviewed_only)
          AND NOT EXISTS (
            SELECT FROM unnest(CAST(:keys AS text[]), CAST(:values AS text[])) AS wanted(key, value)
            WHERE json_typeof(metadata -> wanted.key) IS NULL
               OR json_typeof(metadata -> wanted.key) NOT IN ('string', 'number', 'boolean')
               OR metadata ->> wanted.key <> wanted.value
          )
    ),
    -- Each by the index alone, before anything is joined: the words of a passage are dear to count again.
    holding_every AS MATERIALIZED (
        SELECT id, document_id, version, chunk_chars FROM passages
        WHERE to_tsvector('simple'::regconfig, "left"(text, 100000)) @@ to_tsquery('simple', :all_words)
    ),
    holding_some AS MATERIALIZED (
        SELECT id, document_id, version, chunk_chars FROM passages
        WHERE to_tsvector('simple'::regconfig, "left"(text, 100000)) @@ to_tsquery('simple', :any_word)
    ),
    found AS (
        (SELECT h.* FROM holding_every h
         JOIN readable r ON (h.document_id, h.version, h.chunk_chars) = (r.id, r.version, r.chunk_chars)
         LIMIT :candidates)
        UNION
        (SELECT h.* FROM holding_some h
         JOIN readable r ON (h.document_id, h.version, h.chunk_chars) = (r.id, r.version, r.chunk_chars)
         LIMIT :candidates)
    )
    SELECT p.id, ts_rank(
        to_tsvector('simple'::regconfig, "left"(p.text, 100000)), to_tsquery('simple', :any_word)
    ) AS score
    FROM found JOIN passages p USING (id, document_id, version, chunk_chars) ORDER BY score DESC, id LIMIT :hits
    """
).bindparams(
    bindparam("all_words", type_=Text()),
    bindparam("any_word", type_=Text()),
    bindparam("names", type_=ARRAY(Text())),
    bindparam("cuts", type_=ARRAY(Integer())),
    bindparam("keys", type_=ARRAY(Text())),
    bindparam("values", type_=ARRAY(Text())),
    bindparam("candidates", type_=Integer()),
    bindparam("hits", type_=Integer()),
)


class NeonPassageText(PassageText):
    """Full-text search with the configuration ``simple``: no language's rules, so that one index serves them all."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def find(
        self,
        words: Sequence[Sequence[str]],
        readable: ReadableCollections,
        filters: SearchFilters,
        *,
        limit: int,
        cuts: Mapping[str, int] | None = None,
    ) -> Sequence[Hit]:
        asked = [f"({' | '.join(map(_beginning, forms))})" for forms in words if forms]
        if not asked or not readable:
            return ()
        names, chars = zip(*cuts_of(readable, cuts), strict=True)
        rows = await self._transaction.run(
            _SEARCH,
            {
                "all_words": " & ".join(asked),
                "any_word": " | ".join(asked),
                "names": list(names),
                "cuts": list(chars),
                "uri_prefix": filters.uri_prefix or "",
                "peer_reviewed_only": filters.peer_reviewed_only,
                "keys": list(filters.metadata),
                "values": list(filters.metadata.values()),
                "candidates": _CANDIDATES,
                "hits": limit,
            },
        )
        return [Hit(row.id, row.score) for row in rows]


def _beginning(word: str) -> str:
    """A word of a tsquery, quoted so that none of its characters is an operator; ``:*`` takes longer ones too."""
    quoted = word.replace("\\", "\\\\").replace("'", "''")
    return f"'{quoted}':*"
