"""Collections on PostgreSQL."""

from collections.abc import Sequence

from sqlalchemy import Text, bindparam, delete, literal_column, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from adapters.neon.cursors import decode_name, encode_name
from adapters.neon.frequent import Frequent
from adapters.neon.generations import generation_of
from adapters.neon.presumed_collections import STANDING
from adapters.neon.tables import TIME, collections, index_generations
from adapters.neon.transaction import AnyRow, Transaction
from domain.errors import CollectionNotFound
from domain.grounding.model import Verification
from domain.library.model import Collection, Page, Visibility
from domain.library.ports import Collections

_LISTING = "collections"

_c = collections.c
# By code point on every server, whatever its own collation is.
_name = _c.name.collate("C")
_this = _c.name == bindparam("named")
_ADD = insert(collections).on_conflict_do_nothing().returning(_c.name)
_g = index_generations.c
_JOINED = select(collections, _g.number, _g.embedder, _g.dimensions, _g.slot, _g.chunk_chars).join_from(
    collections,
    index_generations,
    (_g.collection == _c.name) & (_g.state == literal_column("'active'")),
    isouter=True,
)
_ALL = Frequent(_JOINED.order_by(_name))
_ALL_STANDING = Frequent(_JOINED.add_columns(STANDING.label("standing")).order_by(_name))
_GET = _JOINED.where(_this)
# Stronger than the lock of a document's foreign key: whoever registers one waits.
_HOLD = _GET.with_for_update(of=collections)
_SETTINGS = ("title", "description", "visibility", "language", "trust", "instructions", "verification")
_CHANGE = update(collections).where(_this).values({name: bindparam(f"new_{name}") for name in _SETTINGS})
_REMOVE = delete(collections).where(_this)
_NEWEST = _JOINED.order_by(_c.created_at.desc(), _name.desc()).limit(bindparam("rows"))
_OLDER = _NEWEST.where(
    tuple_(_c.created_at, _name) < tuple_(bindparam("at", type_=TIME), bindparam("last", type_=Text()))
)


class NeonCollections(Collections):
    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def add(self, collection: Collection) -> bool:
        new = {name: getattr(collection, name) for name in ("name", "created_at", *_SETTINGS)}
        self._transaction.changes_collections()
        return (await self._transaction.run(_ADD, new)).one_or_none() is not None

    async def all(self) -> Sequence[Collection]:
        known = self._transaction.known
        if known is None:
            return await self._read()
        if (found := known.find()) is None:
            since = known.age
            found = await self._read()
            known.keep(found, since=since)
        return found

    async def presumed(self) -> tuple[Sequence[Collection], str | None]:
        presumed = self._transaction.presumed
        if presumed is None:
            return await self.all(), None
        if presumed.found is None:
            return await self._read(), None
        return presumed.found, presumed.standing

    async def _read(self) -> Sequence[Collection]:
        presumed = self._transaction.presumed
        rows = await self._transaction.fetch(_ALL if presumed is None else _ALL_STANDING, {})
        found = tuple([_collection_of(row) for row in rows])
        if presumed is not None and rows:
            presumed.keep(found, rows[0].standing)
        return found

    async def list(self, *, limit: int, cursor: str | None) -> Page[Collection]:
        wanted: dict[str, object] = {"rows": limit + 1}
        if cursor is not None:
            wanted["at"], wanted["last"] = decode_name(_LISTING, cursor)
        rows = await self._transaction.run(_NEWEST if cursor is None else _OLDER, wanted)
        found = [_collection_of(row) for row in rows]
        last = found[limit - 1] if len(found) > limit else None
        return Page(found[:limit], encode_name(_LISTING, last.created_at, last.name) if last else None)

    async def get(self, name: str) -> Collection:
        row = (await self._transaction.run(_GET, {"named": name})).one_or_none()
        if row is None:
            raise CollectionNotFound(name)
        return _collection_of(row)

    async def hold(self, name: str) -> Collection:
        row = (await self._transaction.run(_HOLD, {"named": name})).one_or_none()
        if row is None:
            raise CollectionNotFound(name)
        return _collection_of(row)

    async def change(self, collection: Collection) -> None:
        self._transaction.changes_collections()
        settings = {f"new_{name}": getattr(collection, name) for name in _SETTINGS}
        await self._transaction.run(_CHANGE, {"named": collection.name, **settings})

    async def remove(self, name: str) -> None:
        self._transaction.changes_collections()
        await self._transaction.run(_REMOVE, {"named": name})


def _collection_of(row: AnyRow) -> Collection:
    return Collection(
        row.name,
        row.created_at,
        row.title,
        row.description,
        Visibility(row.visibility),
        row.language,
        row.trust,
        row.instructions,
        Verification(row.verification),
        None if row.number is None else generation_of(row),
    )
