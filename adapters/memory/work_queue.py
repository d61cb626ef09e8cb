"""Work that waits inside this process."""

import asyncio
from uuid import UUID

from application.ports import WorkQueue


class InProcessWorkQueue(WorkQueue):
    """Loses its memory with the process: what must survive is in ``Ingestions.unfinished`` and is woken at start."""

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[UUID] = asyncio.Queue()
        self._known: set[UUID] = set()

    def wake(self, ingestion_id: UUID) -> None:
        if ingestion_id not in self._known:
            self._known.add(ingestion_id)
            self._waiting.put_nowait(ingestion_id)

    async def next(self) -> UUID:
        ingestion_id = await self._waiting.get()
        self._known.discard(ingestion_id)
        return ingestion_id
