"""API keys on PostgreSQL."""

from uuid import UUID

from sqlalchemy import LargeBinary, Uuid, bindparam, delete, insert, select, tuple_

from adapters.neon.cursors import Position, decode, encode
from adapters.neon.frequent import Frequent
from adapters.neon.tables import TIME, api_keys
from adapters.neon.transaction import AnyRow, Transaction
from domain.access.model import ApiKey, Scope
from domain.access.ports import ApiKeys
from domain.errors import ApiKeyNotFound
from domain.library.model import Page

_LISTING = "API keys"

_k = api_keys.c
_ADD = insert(api_keys)
_FIND = Frequent(select(api_keys).where(_k.secret_sha256 == bindparam("secret", type_=LargeBinary())))
_GET = select(api_keys).where(_k.id == bindparam("key"))
_REMOVE = delete(api_keys).where(_k.id == bindparam("key")).returning(_k.id)
_NEWEST = select(api_keys).order_by(_k.created_at.desc(), _k.id.desc()).limit(bindparam("rows"))
_OLDER = _NEWEST.where(
    tuple_(_k.created_at, _k.id) < tuple_(bindparam("at", type_=TIME), bindparam("last", type_=Uuid()))
)


class NeonApiKeys(ApiKeys):
    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def add(self, key: ApiKey) -> None:
        row = {
            "id": key.id,
            "secret_sha256": key.secret_sha256,
            "name": key.name,
            "tenant": key.tenant,
            "scopes": sorted(key.scopes),
            "collections": None if key.collections is None else sorted(key.collections),
            "created_at": key.created_at,
            "expires_at": key.expires_at,
        }
        await self._transaction.run(_ADD, row)

    async def find(self, secret_sha256: bytes) -> ApiKey | None:
        found = await self._transaction.fetch(_FIND, {"secret": secret_sha256})
        return _key_of(found[0]) if found else None

    async def get(self, key_id: UUID) -> ApiKey:
        row = (await self._transaction.run(_GET, {"key": key_id})).one_or_none()
        if row is None:
            raise ApiKeyNotFound(key_id)
        return _key_of(row)

    async def list(self, *, limit: int, cursor: str | None) -> Page[ApiKey]:
        wanted: dict[str, object] = {"rows": limit + 1}
        if cursor is not None:
            wanted["at"], wanted["last"] = decode(_LISTING, cursor)
        rows = await self._transaction.run(_NEWEST if cursor is None else _OLDER, wanted)
        found = [_key_of(row) for row in rows]
        last = found[limit - 1] if len(found) > limit else None
        return Page(found[:limit], encode(_LISTING, Position(last.created_at, last.id)) if last else None)

    async def remove(self, key_id: UUID) -> None:
        if (await self._transaction.run(_REMOVE, {"key": key_id})).one_or_none() is None:
            raise ApiKeyNotFound(key_id)


def _key_of(row: AnyRow) -> ApiKey:
    return ApiKey(
        id=row.id,
        secret_sha256=row.secret_sha256,
        name=row.name,
        tenant=row.tenant,
        scopes=frozenset(map(Scope, row.scopes)),
        collections=None if row.collections is None else frozenset(row.collections),
        created_at=row.created_at,
        expires_at=row.expires_at,
    )
