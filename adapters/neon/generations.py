"""Generations of collections on PostgreSQL: which there are, what each holds, and which of them is the active one."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import ARRAY, Integer, Text, Uuid, bindparam, text

from adapters.neon.activation import add_passages
from adapters.neon.tables import TIME
from adapters.neon.transaction import AnyRow, Transaction
from domain.errors import CollectionNotFound
from domain.library.generations import Generation, GenerationState, IndexPlace, LiveGeneration
from domain.library.ports import CutVersion, Generations

_collection = bindparam("collection", type_=Text())
_number = bindparam("number", type_=Integer())
_at = bindparam("at", type_=TIME)
_job = bindparam("job", type_=Uuid())

_LIVE = text('SELECT * FROM index_generations ORDER BY collection COLLATE "C", number')
_LIVE_OF = text("SELECT * FROM index_generations WHERE collection = :collection ORDER BY number").bindparams(
    _collection
)
_ACTIVE = text("SELECT * FROM index_generations WHERE collection = :collection AND state = 'active'").bindparams(
    _collection
)
_BEGIN = text(
    """
    INSERT INTO index_generations (collection, number, embedder, dimensions, slot, chunk_chars, state, since, job)
    SELECT name,
           1 + coalesce((SELECT max(number) FROM index_generations g WHERE g.collection = collections.name), 0),
           :embedder, :dimensions, :slot, :chunk_chars, :state, :at, :job
    FROM collections WHERE name = :collection
    ON CONFLICT DO NOTHING RETURNING number
    """
).bindparams(_collection, _at, _job, bindparam("state", type_=Text()), bindparam("embedder", type_=Text()))
_UNKNOWN = text(
    """
    SELECT c.name, kept.embedder, kept.dimensions
    FROM collections c
    LEFT JOIN LATERAL (
        SELECT e.embedder, octet_length(e.steps) AS dimensions
        FROM embeddings e
        JOIN (SELECT p.input_hash FROM documents d
              JOIN passages p ON p.document_id = d.id AND p.version = d.version
              WHERE d.collection = c.name AND d.forgotten_at IS NULL AND p.input_hash IS NOT NULL
              LIMIT 1) one ON e.input_hash = one.input_hash
    ) kept ON true
    WHERE NOT EXISTS (SELECT FROM index_generations g WHERE g.collection = c.name)
      AND EXISTS (SELECT FROM documents d
                  WHERE d.collection = c.name AND d.forgotten_at IS NULL AND d.version IS NOT NULL)
    ORDER BY c.name COLLATE "C", kept.embedder
    """
)
# Weaker than what a document's foreign key asks for, and all the same in the way of whoever holds the collection.
_SHARE = text("SELECT FROM collections WHERE name = :collection FOR KEY SHARE").bindparams(_collection)
_GIVE = text("UPDATE index_generations SET job = :job WHERE collection = :collection AND number = :number").bindparams(
    _collection, _number, _job
)
_given = "unnest(CAST(:ids AS uuid[]), CAST(:versions AS text[])) AS given(id, version)"
# Whoever makes another version the active one waits until it is noted, and then takes the note away.
_UNCHANGED = text(
    f"""
    SELECT d.id FROM documents d JOIN {_given} ON d.id = given.id AND d.version = given.version
    WHERE d.forgotten_at IS NULL ORDER BY d.uri_hash, d.id FOR SHARE OF d
    """  # noqa: S608  a constant of this module
).bindparams(bindparam("ids", type_=ARRAY(Uuid())), bindparam("versions", type_=ARRAY(Text())))
_NOTE = text(
    f"""
    INSERT INTO generation_documents (document_id, number, version) SELECT id, :number, version FROM {_given}
    ON CONFLICT (document_id, number) DO UPDATE SET version = excluded.version
    """  # noqa: S608  a constant of this module
).bindparams(_number, bindparam("ids", type_=ARRAY(Uuid())), bindparam("versions", type_=ARRAY(Text())))
_LACKING = text(
    """
    SELECT d.uri FROM documents d
    WHERE d.collection = :collection AND d.forgotten_at IS NULL AND d.version IS NOT NULL
      AND NOT EXISTS (SELECT FROM generation_documents n
                      WHERE n.document_id = d.id AND n.number = :number AND n.version = d.version)
      AND NOT EXISTS (SELECT FROM index_generations g
                      WHERE g.collection = d.collection AND g.number = :number AND g.state = 'active')
    ORDER BY d.id LIMIT :rows
    """
).bindparams(_collection, _number, bindparam("rows", type_=Integer()))
HOLDS: Final = """
    d.collection = g.collection AND d.forgotten_at IS NULL AND d.version IS NOT NULL
    AND (g.state = 'active' OR EXISTS (
        SELECT FROM generation_documents n
        WHERE n.document_id = d.id AND n.number = g.number AND n.version = d.version))
"""
"""When the generation g holds the document d."""
_HELD = text(
    f"""
    SELECT DISTINCT p.id FROM passages p
    JOIN documents d ON d.id = p.document_id AND d.version = p.version
    JOIN index_generations g ON {HOLDS} AND p.chunk_chars = g.chunk_chars
    WHERE p.id = ANY(:ids) AND g.embedder = :embedder AND g.dimensions = :dimensions AND g.slot = :slot
    """  # noqa: S608  a constant of this module
).bindparams(bindparam("ids", type_=ARRAY(Uuid())))
_COUNTS = text(
    f"""
    SELECT g.embedder, g.dimensions, g.slot, count(p.id) AS passages
    FROM index_generations g
    LEFT JOIN documents d ON {HOLDS}
    LEFT JOIN passages p ON p.document_id = d.id AND p.version = d.version AND p.chunk_chars = g.chunk_chars
    GROUP BY g.embedder, g.dimensions, g.slot
    """  # noqa: S608  a constant of this module
)
_NOTE_ALL = text(
    """
    INSERT INTO generation_documents (document_id, number, version)
    SELECT d.id, g.number, d.version
    FROM documents d JOIN index_generations g ON g.collection = d.collection AND g.state = 'active'
    WHERE d.collection = :collection AND d.forgotten_at IS NULL AND d.version IS NOT NULL
    ON CONFLICT (document_id, number) DO UPDATE SET version = excluded.version
    """
).bindparams(_collection)
_KEEP_ACTIVE = text(
    "UPDATE index_generations SET state = 'kept', since = :at, job = NULL "
    "WHERE collection = :collection AND state = 'active'"
).bindparams(_collection, _at)
_ACTIVATE = text(
    "UPDATE index_generations SET state = 'active', since = :at, job = NULL "
    "WHERE collection = :collection AND number = :number"
).bindparams(_collection, _number, _at)
_FORGET_NOTES = text(
    """
    DELETE FROM generation_documents n USING documents d
    WHERE d.id = n.document_id AND d.collection = :collection AND n.number = :number
    """
).bindparams(_collection, _number)
_DROP = text(
    "DELETE FROM index_generations WHERE collection = :collection AND number = :number AND state <> 'active'"
).bindparams(_collection, _number)
_DROP_CUTS = text(
    """
    DELETE FROM passages p USING documents d
    WHERE d.id = p.document_id AND d.collection = :collection
      AND EXISTS (SELECT FROM index_generations g WHERE g.collection = :collection AND g.state = 'active')
      AND NOT EXISTS (SELECT FROM index_generations g
                      WHERE g.collection = :collection AND g.chunk_chars = p.chunk_chars)
    """
).bindparams(_collection)


def generation_of(row: AnyRow) -> Generation:
    """From the columns of index_generations."""
    return Generation(row.number, IndexPlace(row.embedder, row.dimensions, row.slot), row.chunk_chars)


class NeonGenerations(Generations):
    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def live(self, collection: str | None = None) -> Sequence[LiveGeneration]:
        if collection is None:
            rows = await self._transaction.run(_LIVE)
        else:
            rows = await self._transaction.run(_LIVE_OF, {"collection": collection})
        return [
            LiveGeneration(row.collection, generation_of(row), GenerationState(row.state), row.since, row.job)
            for row in rows
        ]

    async def adopt(self, collection: str, place: IndexPlace, chunk_chars: int, *, at: datetime) -> Generation | None:
        await self._begin(collection, place, chunk_chars, GenerationState.ACTIVE, job=None, at=at)
        return await self._active(collection)

    async def _begin(
        self,
        collection: str,
        place: IndexPlace,
        chunk_chars: int,
        state: GenerationState,
        *,
        job: UUID | None,
        at: datetime,
    ) -> int | None:
        self._transaction.changes_collections()
        new = {"collection": collection, "state": state.value, "job": job, "at": at, "chunk_chars": chunk_chars}
        number = (await self._transaction.run(_BEGIN, {**new, **_columns(place)})).scalar_one_or_none()
        return None if number is None else int(number)

    async def _active(self, collection: str) -> Generation | None:
        row = (await self._transaction.run(_ACTIVE, {"collection": collection})).one_or_none()
        return None if row is None else generation_of(row)

    async def unknown(self) -> Mapping[str, Sequence[IndexPlace]]:
        found: dict[str, list[IndexPlace]] = {}
        for row in await self._transaction.run(_UNKNOWN):
            places = found.setdefault(row.name, [])
            if row.embedder is not None:
                places.append(IndexPlace(row.embedder, row.dimensions))
        return found

    async def hold_active(self, collection: str) -> Generation | None:
        # The lock first, in a statement of its own: the next one then sees what whoever held it has done.
        await self._transaction.run(_SHARE, {"collection": collection})
        return await self._active(collection)

    async def begin(self, collection: str, place: IndexPlace, chunk_chars: int, *, job: UUID, at: datetime) -> int:
        number = await self._begin(collection, place, chunk_chars, GenerationState.BUILDING, job=job, at=at)
        if number is None:
            raise CollectionNotFound(collection)
        return number

    async def give(self, collection: str, number: int, job: UUID) -> None:
        await self._transaction.run(_GIVE, {"collection": collection, "number": number, "job": job})

    async def note(self, of: LiveGeneration, cut: Sequence[CutVersion]) -> None:
        if not cut:
            return
        given_ids = [one.version.document_id for one in cut]
        rows = {"ids": given_ids, "versions": [one.version.version for one in cut]}
        unchanged = set((await self._transaction.run(_UNCHANGED, rows)).scalars())
        kept = [one for one in cut if one.version.document_id in unchanged]
        chunk_chars = of.generation.chunk_chars
        await add_passages(self._transaction, [(one.version, one.input_hashes, chunk_chars) for one in kept])
        noted = {
            "ids": [one.version.document_id for one in kept],
            "versions": [one.version.version for one in kept],
            "number": of.generation.number,
        }
        if kept:
            await self._transaction.run(_NOTE, noted)

    async def lacking(self, of: LiveGeneration, *, limit: int) -> Sequence[str]:
        wanted = {"collection": of.collection, "number": of.generation.number, "rows": limit}
        return list((await self._transaction.run(_LACKING, wanted)).scalars())

    async def held(self, place: IndexPlace, passage_ids: Sequence[UUID]) -> Sequence[UUID]:
        if not passage_ids:
            return []
        return list((await self._transaction.run(_HELD, {"ids": list(passage_ids), **_columns(place)})).scalars())

    async def passage_counts(self) -> Mapping[IndexPlace, int]:
        rows = await self._transaction.run(_COUNTS)
        return {IndexPlace(row.embedder, row.dimensions, row.slot): int(row.passages) for row in rows}

    async def switch(self, collection: str, number: int, *, at: datetime) -> None:
        self._transaction.changes_collections()
        this = {"collection": collection, "number": number}
        await self._transaction.run(_NOTE_ALL, {"collection": collection})
        await self._transaction.run(_KEEP_ACTIVE, {"collection": collection, "at": at})
        await self._transaction.run(_ACTIVATE, {**this, "at": at})
        await self._transaction.run(_FORGET_NOTES, this)

    async def drop(self, collection: str, number: int) -> None:
        this = {"collection": collection, "number": number}
        if (await self._transaction.run(_DROP, this)).rowcount:
            await self._transaction.run(_FORGET_NOTES, this)
            await self._transaction.run(_DROP_CUTS, {"collection": collection})


def _columns(place: IndexPlace) -> dict[str, str | int]:
    return {"embedder": place.embedder, "dimensions": place.dimensions, "slot": place.slot}
