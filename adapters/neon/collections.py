"""Collections on PostgreSQL."""

from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from adapters.neon.tables import collections
from adapters.neon.transaction import Transaction
from domain.grounding.model import Verification
from domain.library.model import Collection, Visibility
from domain.library.ports import Collections

_ADD = insert(collections).on_conflict_do_nothing()
# By code point on every server, whatever its own collation is.
_ALL = select(collections).order_by(collections.c.name.collate("C"))


class NeonCollections(Collections):
    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def add(self, collection: Collection) -> None:
        await self._transaction.run(_ADD, asdict(collection))

    async def all(self) -> Sequence[Collection]:
        found = await self._transaction.run(_ALL)
        return [
            Collection(
                row.name,
                row.created_at,
                row.title,
                row.description,
                Visibility(row.visibility),
                row.language,
                row.trust,
                row.instructions,
                Verification(row.verification),
            )
            for row in found
        ]
