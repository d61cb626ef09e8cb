"""Documents on PostgreSQL: registering, listing, reading and forgetting them."""

from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    Boolean,
    ColumnElement,
    Executable,
    Integer,
    LargeBinary,
    Text,
    Uuid,
    any_,
    bindparam,
    cast,
    delete,
    exists,
    func,
    literal,
    literal_column,
    null,
    select,
    tuple_,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.sql.elements import Grouping

from adapters.neon.activation import Activating, mark_stale, stale_key
from adapters.neon.cursors import Position, decode, encode
from adapters.neon.frequent import Frequent
from adapters.neon.known_passages import KnownPassage, KnownPassages
from adapters.neon.library_state import LIBRARY_STATE
from adapters.neon.rows import (
    DOCUMENT_COLUMNS,
    PASSAGE_COLUMNS,
    active_version_of,
    cuts_of,
    document_of,
    known_of,
    passages_of,
    uri_hash,
)
from adapters.neon.statements import each, given, given_like
from adapters.neon.tables import (
    PAST_REQUEST,
    TIME,
    collections,
    document_versions,
    documents,
    generation_documents,
    index_generations,
    passages,
    stale_passages,
)
from adapters.neon.transaction import AnyRow, Rows, Transaction
from domain.access.readable import ReadableCollections
from domain.errors import DocumentNotFound, DocumentVersionGone, DocumentVersionNotFound
from domain.library.chunking import CHUNK_CHARS
from domain.library.generations import GenerationState, IndexPlace, LiveGeneration, StalePassage
from domain.library.model import UNTOLD, Document, DocumentVersion, Page, PassageInDocument, SpanOfVersion
from domain.library.ports import Activation, Documents, Switched

_d = documents.c
_known = _d.forgotten_at.is_(None)
_active = _d.version.is_not(None)
_readable = _d.collection == any_(bindparam("readable", type_=ARRAY(Text)))
_ids = bindparam("ids", type_=ARRAY(Uuid()))

_new = given_like(documents, "given", "id", "uri", "uri_hash")
_at = bindparam("at", type_=TIME)
_requested_at = bindparam("requested_at", type_=TIME)
_forgotten = documents.alias("forgotten")
_in_collection = bindparam("in_collection", type_=_d.collection.type)
_INSERTED = insert(documents).from_select(
    ["id", "collection", "uri", "uri_hash", "title", "metadata", "created_at", "updated_at", "requested_at"],
    select(
        _new.c.id,
        _in_collection,
        _new.c.uri,
        _new.c.uri_hash,
        _new.c.uri,
        literal("{}", _d.metadata.type),
        _at,
        _at,
        _requested_at,
    ).where(
        exists().where(collections.c.name == _in_collection),
        ~exists().where(
            _forgotten.c.collection == _in_collection,
            _forgotten.c.uri_hash == _new.c.uri_hash,
            _forgotten.c.forgotten_at > _requested_at,
            _forgotten.c.forgotten_at <= func.clock_timestamp(),
        ),
    ),
)
_REGISTER = _INSERTED.on_conflict_do_update(
    index_elements=["collection", "uri_hash"],
    index_where=_known,
    set_={"requested_at": func.greatest(PAST_REQUEST, _INSERTED.excluded.requested_at)},
).returning(_d.uri, _d.requested_at)
_BY_URI = select(*DOCUMENT_COLUMNS).where(
    _d.collection == bindparam("collection"),
    _d.uri_hash == any_(bindparam("hashes", type_=ARRAY(LargeBinary))),
    _known,
)
_URIS = (
    select(_d.uri)
    .where(
        _d.collection == bindparam("collection"),
        _known,
        _active,
        # A comparison with NULL is no hindrance: neither one that was never noted, nor no limit.
        (_d.requested_at <= bindparam("until", type_=TIME)).is_not(False),
    )
    .order_by(_d.uri.collate("C"))
)
_GET = select(*DOCUMENT_COLUMNS).where(_d.id == bindparam("id"), _known, _active, _readable)
_LIST = (
    select(*DOCUMENT_COLUMNS)
    .where(_known, _active, _readable)
    .order_by(_d.created_at.desc(), _d.id.desc())
    .limit(bindparam("rows"))
)
_TEXT = (
    select(_d.forgotten_at, _d.version, document_versions.c.text)
    .outerjoin_from(
        documents,
        document_versions,
        (document_versions.c.document_id == _d.id) & (document_versions.c.version == bindparam("version")),
    )
    .where(_d.id == bindparam("id"), _readable)
)
_spans = given("span", {"document_id": Uuid(), "version": Text(), "start": Integer(), "length": Integer()})
_PIECES = Frequent(
    select(
        _spans.c.document_id,
        _spans.c.version,
        _spans.c.start,
        _spans.c.length,
        func.substr(document_versions.c.text, _spans.c.start + 1, _spans.c.length).label("text"),
    )
    .join_from(
        _spans,
        document_versions,
        (document_versions.c.document_id == _spans.c.document_id) & (document_versions.c.version == _spans.c.version),
    )
    .join(documents, _d.id == _spans.c.document_id)
    .where(_known, _readable)
)
# By passage id, then by document id, whatever the planner believes: before its first statistics it would walk through
# every document of a collection (11 ms for 400 of them, where this takes less than 1).
_ROW = (passages.c.id, passages.c.document_id, passages.c.version, passages.c.chunk_chars)
# What may be read, and how long it is cut there: two lists, of which the place of one says the place of the other.
_names = bindparam("each_collection", type_=ARRAY(Text))
_lengths = Grouping(bindparam("each_chunk_chars", type_=ARRAY(Integer)))
# Another one for each content of a document's row: of its id, the transaction that wrote it, and the time that it was
# given. A crash, or a backup that is brought back, may let the number of a transaction come again.
_key: ColumnElement[Any] = func.uuid_send(_d.id)
for _part in (func.xidsend(literal_column("documents.xmin")), func.timestamptz_send(_d.updated_at)):
    _key = _key.op("||")(_part)

_rows = select(*_ROW, *PASSAGE_COLUMNS[1:]).where(passages.c.id == any_(_ids)).cte("found").prefix_with("MATERIALIZED")
_owner = select(*DOCUMENT_COLUMNS, _d.forgotten_at, _key.label("key")).where(_d.id == _rows.c.document_id)
_owners = _owner.offset(literal_column("0")).lateral("found_in")
# Those whose version is the active one, that may be read, and are cut as they are to be.
_PASSAGES_READ = (
    select(
        _owners.c.key,
        *(_rows.c[one.name] for one in PASSAGE_COLUMNS),
        *(_owners.c[one.name] for one in DOCUMENT_COLUMNS),
        _rows.c.chunk_chars,
        LIBRARY_STATE,
    )
    .join_from(_rows, _owners, _owners.c.version == _rows.c.version)
    .where(
        _owners.c.forgotten_at.is_(None),
        _rows.c.chunk_chars == _lengths[func.array_position(_names, _owners.c.collection, type_=Integer)],
    )
)
# Of passages that are known, only what their documents' rows are now: where those are the same, so is all else.
_DOCUMENTS_KNOWN = select(_key.label("key")).where(_d.id == any_(bindparam("known_documents", type_=ARRAY(Uuid()))))
_KNOWN_PASSAGES = Frequent(_DOCUMENTS_KNOWN.add_columns(LIBRARY_STATE))
_PASSAGES = Frequent(_PASSAGES_READ)
_PASSAGES_AND_KNOWN = Frequent(
    union_all(
        _PASSAGES_READ,
        _DOCUMENTS_KNOWN.add_columns(
            *(cast(null(), one.type) for one in (*PASSAGE_COLUMNS, *DOCUMENT_COLUMNS, passages.c.chunk_chars)),
            LIBRARY_STATE,
        ),
    )
)
_of_active = (passages.c.document_id == _d.id) & (passages.c.version == _d.version)
_WHOLE = (
    select(*DOCUMENT_COLUMNS, document_versions.c.text, document_versions.c.sections, document_versions.c.blocks)
    .join_from(
        documents,
        document_versions,
        (document_versions.c.document_id == _d.id) & (document_versions.c.version == _d.version),
    )
    .where(_known)
    .order_by(_d.id)
)
_ACTIVE_DOCUMENTS = _WHOLE.where(_d.id > bindparam("after", type_=Uuid())).limit(bindparam("rows"))
_n = generation_documents.c
_noted = exists().where(_n.document_id == _d.id, _n.number == bindparam("number"), _n.version == _d.version)
_HELD_DOCUMENTS = _ACTIVE_DOCUMENTS.where(
    _d.collection == bindparam("collection", type_=Text()), bindparam("every", type_=Boolean()) | _noted
)
_THESE_DOCUMENTS = _WHOLE.where(_d.id == any_(_ids))
_PASSAGES_OF_ACTIVE = (
    select(*PASSAGE_COLUMNS, passages.c.document_id)
    .join_from(documents, passages, _of_active)
    .where(_d.id == any_(_ids), passages.c.chunk_chars == bindparam("chunk_chars", type_=Integer()))
    .order_by(passages.c.document_id, passages.c.start)
)
_STALE = select(stale_passages)
_gone = given_like(stale_passages, "gone", "id", "place")
_among_gone = (stale_passages.c.id == _gone.c.id) & (stale_passages.c.place == _gone.c.place)
# In one order everywhere, as in every statement that locks several rows.
_TAKE_STALE = (
    select(stale_passages)
    .join_from(stale_passages, _gone, _among_gone)
    .order_by(stale_passages.c.id, stale_passages.c.place)
    .with_for_update(of=stale_passages)
)
_DISCARD = delete(stale_passages).where(_among_gone)
_LOCK = select(_d.id).where(_d.id == bindparam("id"), _known).with_for_update()
# Where each passage is: in every generation that is cut like it. Of a time before generations: in the one index.
_g = index_generations.c
_place = func.coalesce(cast(_g.slot, Text) + ":" + cast(_g.dimensions, Text) + ":" + _g.embedder, "").label("place")
_INDEXED_PASSAGES = (
    select(passages.c.id, _place)
    .distinct()
    .join_from(documents, passages, _of_active)
    .outerjoin(index_generations, (_g.collection == _d.collection) & (_g.chunk_chars == passages.c.chunk_chars))
)
_ACTIVE_PASSAGES = _INDEXED_PASSAGES.where(_d.id == bindparam("id"))
_COUNTS = (
    select(_d.collection, func.count())
    .where(_d.collection == any_(bindparam("names", type_=ARRAY(Text))), _known, _active)
    .group_by(_d.collection)
)
_of_collection = _d.collection == bindparam("collection")
_ANY_IN = select(_d.id).where(_of_collection, _known).limit(1)
_INPUTS_IN = (
    select(passages.c.input_hash)
    .distinct()
    .select_from(passages.join(documents, passages.c.document_id == _d.id))
    .where(
        passages.c.input_hash == any_(bindparam("hashes", type_=ARRAY(LargeBinary))),
        _d.collection == any_(bindparam("names", type_=ARRAY(Text))),
    )
)
# In the order of activating: two that lock the same documents at once wait for each other, and never lock up.
_LOCK_ALL = select(_d.id).where(_of_collection).order_by(_d.uri_hash, _d.id).with_for_update()
_ALL_PASSAGES = _INDEXED_PASSAGES.where(_of_collection)
_REMOVE_ALL = delete(documents).where(_of_collection)
_DROP_VERSIONS = delete(document_versions).where(document_versions.c.document_id == bindparam("id"))
_FORGET = (
    update(documents)
    .where(_d.id == bindparam("document_id"))
    .values(forgotten_at=_at, updated_at=_at, version=None, title="", url=None, peer_reviewed=None, metadata="{}")
)


class NeonDocuments(Documents):
    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._activating = Activating(transaction)

    async def register(
        self,
        collection: str,
        uris: Sequence[str],
        *,
        ids: Sequence[UUID],
        at: datetime,
        requested_at: datetime | None = None,
    ) -> Set[str]:
        if not uris:
            return frozenset()
        # In one order everywhere: two that register the same uris at once wait for each other, and never lock up.
        by_hash: dict[bytes, tuple[UUID, str, bytes]] = {}
        for uri, new_id in zip(uris, ids, strict=True):
            by_hash.setdefault(digest := uri_hash(uri), (new_id, uri, digest))
        new = each(("id", "uri", "uri_hash"), [by_hash[digest] for digest in sorted(by_hash)])
        wanted = {"in_collection": collection, "at": at, "requested_at": requested_at, **new}
        last = {row.uri: row.requested_at for row in await self._transaction.run(_REGISTER, wanted)}
        if requested_at is None:
            return frozenset()
        return {uri for uri in uris if uri not in last or last[uri] > requested_at}

    async def by_uri(self, collection: str, uris: Sequence[str]) -> Mapping[str, Document]:
        if not uris:
            return {}
        wanted = {"collection": collection, "hashes": [uri_hash(uri) for uri in uris]}
        found = [document_of(row) for row in await self._transaction.run(_BY_URI, wanted)]
        return {document.uri: document for document in found}

    async def wanted(self, activations: Sequence[Activation], *, place: IndexPlace | None = None) -> Set[UUID]:
        found = await self._activating.wanted(activations)
        passages = [
            StalePassage(passage.id, place)
            for one in activations
            for passage in one.version.passages
            if one.document.id in found
        ]
        await self.discard_stale(await self.take_stale(passages))
        return found

    async def activate(self, activations: Sequence[Activation], *, place: IndexPlace | None = None) -> Switched:
        return await self._activating.activate(activations, place)

    async def stale(self) -> Sequence[StalePassage]:
        return _stale_of(await self._transaction.run(_STALE))

    async def take_stale(self, passages: Sequence[StalePassage]) -> Sequence[StalePassage]:
        if not passages:
            return []
        wanted = each(("id", "place"), ((one.id, stale_key(one.place)) for one in passages))
        return _stale_of(await self._transaction.run(_TAKE_STALE, wanted))

    async def discard_stale(self, passages: Iterable[StalePassage]) -> None:
        gone = [(one.id, stale_key(one.place)) for one in passages]
        if gone:
            await self._transaction.run(_DISCARD, each(("id", "place"), gone))

    async def get(self, document_id: UUID, readable: ReadableCollections) -> Document:
        row = (await self._transaction.run(_GET, {"id": document_id, "readable": list(readable)})).one_or_none()
        if row is None:
            raise DocumentNotFound(document_id)
        return document_of(row)

    async def list(
        self, readable: ReadableCollections, *, collection: str | None, uri: str | None, limit: int, cursor: str | None
    ) -> Page[Document]:
        names = [name for name in readable if collection in (None, name)]
        wanted: dict[str, Any] = {"readable": names, "rows": limit + 1}
        listing = f"documents of {collection} at {uri}"
        statement = _LIST
        if uri is not None:
            statement = statement.where(_d.uri_hash == bindparam("hash"))
            wanted["hash"] = uri_hash(uri)
        if cursor is not None:
            wanted["before"], wanted["last"] = decode(listing, cursor)
            place = tuple_(bindparam("before", type_=TIME), bindparam("last", type_=Uuid()))
            statement = statement.where(tuple_(_d.created_at, _d.id) < place)
        found = [document_of(row) for row in await self._transaction.run(statement, wanted)]
        last = found[limit - 1] if len(found) > limit else None
        return Page(found[:limit], encode(listing, Position(last.created_at, last.id)) if last else None)

    async def text(self, document_id: UUID, version: str, readable: ReadableCollections) -> str:
        wanted = {"id": document_id, "version": version, "readable": list(readable)}
        row = (await self._transaction.run(_TEXT, wanted)).one_or_none()
        if row is None or (row.version is None and row.forgotten_at is None):
            raise DocumentNotFound(document_id)
        if row.forgotten_at is not None:
            raise DocumentVersionGone(document_id)
        if row.text is None:
            raise DocumentVersionNotFound(version)
        return str(row.text)

    async def passages(
        self,
        passage_ids: Sequence[UUID],
        readable: ReadableCollections,
        *,
        cuts: Mapping[str, int] | None = None,
        state: str = UNTOLD,
    ) -> Mapping[UUID, PassageInDocument]:
        if not passage_ids or not readable:
            return {}
        lengths = dict(cuts_of(readable, cuts))
        if (kept := self._transaction.known_passages) is None:
            cut = each(("collection", "chunk_chars"), lengths.items())
            return passages_of(await self._transaction.fetch(_PASSAGES, {"ids": list(passage_ids), **cut}))
        known, unknown = kept.find(passage_ids)
        if not unknown and state != UNTOLD and kept.stand_in(state, known):
            found = _cut_as(lengths, known)
            if len(found) == len(known):
                return found
        found = await self._standing(kept, known, unknown, lengths)
        if len(found) < len(passage_ids) and (changed := [one for one, _ in known if one not in found]):
            kept.drop(changed)
            found |= await self._standing(kept, (), changed, lengths)
        return found

    async def _standing(
        self,
        kept: KnownPassages,
        known: Sequence[tuple[UUID, KnownPassage]],
        unknown: Sequence[UUID],
        lengths: Mapping[str, int],
    ) -> dict[UUID, PassageInDocument]:
        """
        Those that may be read now: of the known ones, those that are what they were; the texts of the others.

        A version never changes, so one that is still the active one holds what was read of it; and a document that is
        the same row is in the same collection. As long as no document changes, none of that has to be asked again.
        """
        owners = {one.key: one.passage.document.id for _, one in known}
        wanted: dict[str, Any] = {"known_documents": list(owners.values())} if known else {}
        if unknown:
            wanted |= {"ids": list(unknown), **each(("collection", "chunk_chars"), lengths.items())}
            rows = await self._transaction.fetch(_PASSAGES_AND_KNOWN if known else _PASSAGES, wanted)
        else:
            rows = await self._transaction.fetch(_KNOWN_PASSAGES, wanted)
        standing = {row[0] for row in rows}
        the_same = [(passage_id, one) for passage_id, one in known if one.key in standing]
        told = [(passage_id, one.key) for passage_id, one in the_same]
        found = _cut_as(lengths, the_same)
        if unknown:
            read = [row for row in rows if row[1] is not None]
            new = passages_of(read)
            kept.keep([known_of(row, new[row[1]]) for row in read])
            told += [(row[1], row[0]) for row in read]
            found |= new
        if rows:
            kept.stood(rows[0][-1], told)
        return found

    async def pieces(
        self, spans: Sequence[SpanOfVersion], readable: ReadableCollections
    ) -> Mapping[SpanOfVersion, str]:
        rows = [(span.document_id, span.version, span.start, span.end - span.start) for span in spans]
        if not rows or not readable:
            return {}
        wanted = each(("document_id", "version", "start", "length"), rows) | {"readable": list(readable)}
        return {
            SpanOfVersion(document_id, version, start, start + length): text
            for document_id, version, start, length, text in await self._transaction.fetch(_PIECES, wanted)
        }

    async def active(
        self, after: UUID | None, *, limit: int, of: LiveGeneration | None = None
    ) -> Sequence[tuple[Document, DocumentVersion]]:
        wanted: dict[str, Any] = {"after": after or UUID(int=0), "rows": limit}
        if of is None:
            return await self._whole(_ACTIVE_DOCUMENTS, wanted, CHUNK_CHARS)
        wanted |= {"collection": of.collection, "number": of.generation.number}
        wanted["every"] = of.state is GenerationState.ACTIVE
        return await self._whole(_HELD_DOCUMENTS, wanted, of.generation.chunk_chars)

    async def read(
        self, document_ids: Sequence[UUID], *, chunk_chars: int
    ) -> Sequence[tuple[Document, DocumentVersion]]:
        return await self._whole(_THESE_DOCUMENTS, {"ids": list(document_ids)}, chunk_chars) if document_ids else []

    async def _whole(
        self, statement: Executable, wanted: Mapping[str, Any], chunk_chars: int
    ) -> Sequence[tuple[Document, DocumentVersion]]:
        rows = (await self._transaction.run(statement, wanted)).all()
        held: dict[UUID, list[AnyRow]] = {row.id: [] for row in rows}
        if held:
            cut = {"ids": list(held), "chunk_chars": chunk_chars}
            for row in await self._transaction.run(_PASSAGES_OF_ACTIVE, cut):
                held[row.document_id].append(row)
        return [active_version_of(row, held[row.id]) for row in rows]

    async def uris(self, collection: str, *, requested_until: datetime | None = None) -> Sequence[str]:
        wanted = {"collection": collection, "until": requested_until}
        return list((await self._transaction.run(_URIS, wanted)).scalars())

    async def counts(self, collections: Sequence[str]) -> Mapping[str, int]:
        rows = await self._transaction.run(_COUNTS, {"names": list(collections)})
        return {row[0]: row[1] for row in rows}

    async def any_in(self, collection: str) -> bool:
        return (await self._transaction.run(_ANY_IN, {"collection": collection})).one_or_none() is not None

    async def inputs_in(self, collections: Set[str], input_hashes: Sequence[bytes]) -> Set[bytes]:
        if not (collections and input_hashes):
            return frozenset()
        wanted = {"names": sorted(collections), "hashes": list(input_hashes)}
        return frozenset((await self._transaction.run(_INPUTS_IN, wanted)).scalars())

    async def remove_all(self, collection: str) -> Sequence[StalePassage]:
        wanted = {"collection": collection}
        await self._transaction.run(_LOCK_ALL, wanted)
        removed = _stale_of(await self._transaction.run(_ALL_PASSAGES, wanted))
        await mark_stale(self._transaction, removed)
        await self._transaction.run(_REMOVE_ALL, wanted)
        return removed

    async def forget(self, document_id: UUID, *, at: datetime) -> Sequence[StalePassage]:
        if (await self._transaction.run(_LOCK, {"id": document_id})).one_or_none() is None:
            raise DocumentNotFound(document_id)
        removed = _stale_of(await self._transaction.run(_ACTIVE_PASSAGES, {"id": document_id}))
        await mark_stale(self._transaction, removed)
        await self._transaction.run(_DROP_VERSIONS, {"id": document_id})
        await self._transaction.run(_FORGET, {"document_id": document_id, "at": at})
        return removed


def _cut_as(lengths: Mapping[str, int], known: Sequence[tuple[UUID, KnownPassage]]) -> dict[UUID, PassageInDocument]:
    length_in = lengths.get
    return {
        passage_id: one.passage
        for passage_id, one in known
        if length_in(one.passage.document.collection) == one.chunk_chars
    }


def _stale_of(rows: Rows) -> list[StalePassage]:
    return [StalePassage(row.id, IndexPlace.of_key(row.place) if row.place else None) for row in rows]
