"""The memory that the passages take on the server, by estimate: the server tells nobody."""

from typing import Final

from adapters.qdrant.index import QdrantIndex
from domain.access.ports import Footprint
from domain.access.quotas import StorageLeft

_GRAPH_AND_FIELDS: Final = 700
"""Bytes a passage: some 32 links of 4 bytes with their lists, the payload indexes, some 60 terms of 8 bytes."""


class QdrantFootprint(Footprint):
    def __init__(self, index: QdrantIndex, *, dimensions: int, small: bool, limit: int | None) -> None:
        """``small``: vectors are kept in memory at one byte a number, else at four."""
        self._index = index
        self._bytes_each = _GRAPH_AND_FIELDS + dimensions * (1 if small else 4)
        self._limit = limit

    async def storage(self) -> StorageLeft:
        return StorageLeft("qdrant", await self._index.count() * self._bytes_each, self._limit)
