"""Pages that were fetched before, on PostgreSQL."""

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import ARRAY, LargeBinary, Text, and_, any_, bindparam, func, select
from sqlalchemy.dialects.postgresql import insert

from adapters.neon.rows import uri_hash
from adapters.neon.statements import each, given
from adapters.neon.tables import SqlType, documents, known_pages
from adapters.neon.transaction import Transaction
from domain.library.ports import KnownPage, KnownPages, Validators

_k, _d = known_pages.c, documents.c
_collection = bindparam("of_collection", type_=Text())

_GET = (
    select(_k.address, _k.found_at, _d.uri, _k.version, _k.pipeline, _k.etag, _k.last_modified, _k.links)
    .join(documents, and_(_d.id == _k.document_id, _d.version == _k.version))
    .where(_k.collection == _collection, _k.address_hash == any_(bindparam("hashes", type_=ARRAY(LargeBinary))))
)

_COLUMNS: Final[Mapping[str, SqlType]] = {
    "address_hash": LargeBinary(),
    "address": Text(),
    "found_at": Text(),
    "uri_hash": LargeBinary(),
    "version": Text(),
    "pipeline": Text(),
    "etag": Text(),
    "last_modified": Text(),
    # An array of arrays would have to be rectangular; no address holds a line break.
    "links": Text(),
}
_new = given("given", _COLUMNS)
_KEPT = ("document_id", "address", "found_at", "version", "pipeline", "etag", "last_modified", "links")
_insert = insert(known_pages).from_select(
    [
        "document_id",
        "collection",
        "address_hash",
        "address",
        "found_at",
        "version",
        "pipeline",
        "etag",
        "last_modified",
        "links",
    ],
    select(
        _d.id,
        _collection,
        *(
            _new.c[name]
            for name in ("address_hash", "address", "found_at", "version", "pipeline", "etag", "last_modified")
        ),
        func.string_to_array(_new.c.links, "\n"),
    ).join(documents, and_(_d.collection == _collection, _d.uri_hash == _new.c.uri_hash, _d.forgotten_at.is_(None))),
)
_PUT = _insert.on_conflict_do_update(
    index_elements=["collection", "address_hash"], set_={name: _insert.excluded[name] for name in _KEPT}
)


class NeonKnownPages(KnownPages):
    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def get(self, collection: str, addresses: Sequence[str]) -> Mapping[str, KnownPage]:
        wanted = {"of_collection": collection, "hashes": [uri_hash(address) for address in addresses]}
        rows = await self._transaction.run(_GET, wanted)
        return {
            row.address: KnownPage(
                row.address,
                row.found_at,
                row.uri,
                row.version,
                row.pipeline,
                Validators(row.etag, row.last_modified),
                tuple(row.links),
            )
            for row in rows
        }

    async def put(self, collection: str, pages: Sequence[KnownPage]) -> None:
        # One row an address, in one order everywhere: of two that put the same at once, one waits for the other.
        by_address = {page.address: page for page in pages}
        rows = [_row(by_address[address]) for address in sorted(by_address)]
        if rows:
            await self._transaction.run(_PUT, {"of_collection": collection, **each(tuple(_COLUMNS), rows)})


def _row(page: KnownPage) -> tuple[object, ...]:
    said = page.validators
    return (
        uri_hash(page.address),
        page.address,
        page.found_at,
        uri_hash(page.uri),
        page.version,
        page.pipeline,
        said.etag,
        said.last_modified,
        "\n".join(page.links),
    )
