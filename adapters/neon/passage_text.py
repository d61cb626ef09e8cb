"""Passages by their words, in PostgreSQL alone: for when the passage index is away."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import ARRAY, Integer, Text, bindparam, text

from adapters.neon.transaction import Transaction
from domain.access.readable import ReadableCollections
from domain.library.ports import PassageText
from domain.retrieval.model import Hit, SearchFilters

_CANDIDATES: Final = 2_000
"""Passages ranked at most, 0.05 ms each; those with every word go first."""

_SEARCH = text(
    """
    WITH asked AS (SELECT to_tsquery('simple', :all_words) AS every, to_tsquery('simple', :any_word) AS some),
    readable AS MATERIALIZED (
        SELECT id, version FROM documents
        WHERE collection = ANY(:readable) AND forgotten_at IS NULL AND version IS NOT NULL
          AND starts_with(uri, :uri_prefix)
          AND (peer_reviewed IS TRUE OR NOT :peer_reviewed_only)
          AND NOT EXISTS (
            SELECT FROM unnest(CAST(:keys AS text[]), CAST(:values AS text[])) AS wanted(key, value)
            WHERE json_typeof(metadata -> wanted.key) IS NULL
               OR json_typeof(metadata -> wanted.key) NOT IN ('string', 'number', 'boolean')
               OR metadata ->> wanted.key <> wanted.value
          )
    ),
    found AS (
        (SELECT p.id, p.text FROM asked, passages p JOIN readable r ON (p.document_id, p.version) = (r.id, r.version)
         WHERE to_tsvector('simple'::regconfig, "left"(p.text, 100000)) @@ asked.every LIMIT :candidates)
        UNION
        (SELECT p.id, p.text FROM asked, passages p JOIN readable r ON (p.document_id, p.version) = (r.id, r.version)
         WHERE to_tsvector('simple'::regconfig, "left"(p.text, 100000)) @@ asked.some LIMIT :candidates)
    )
    SELECT id, ts_rank(to_tsvector('simple'::regconfig, "left"(found.text, 100000)), asked.some) AS score
    FROM found, asked ORDER BY score DESC, id LIMIT :hits
    """
).bindparams(
    bindparam("all_words", type_=Text()),
    bindparam("any_word", type_=Text()),
    bindparam("readable", type_=ARRAY(Text())),
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
        self, words: Sequence[Sequence[str]], readable: ReadableCollections, filters: SearchFilters, *, limit: int
    ) -> Sequence[Hit]:
        asked = [f"({' | '.join(map(_beginning, forms))})" for forms in words if forms]
        if not asked or not readable:
            return ()
        rows = await self._transaction.run(
            _SEARCH,
            {
                "all_words": " & ".join(asked),
                "any_word": " | ".join(asked),
                "readable": list(readable),
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
