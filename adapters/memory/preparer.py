"""Preparing documents in a thread of this process."""

import asyncio
from collections.abc import Sequence

from application.prepare_documents import (
    PartsFactory,
    Preparation,
    PreparedDocument,
    Preparer,
    Recutting,
    Unprepared,
    prepare,
)


class InThreadPreparer(Preparer):
    def __init__(self, parts: PartsFactory) -> None:
        self._parts = parts()

    async def prepare(self, preparations: Sequence[Preparation | Recutting]) -> Sequence[PreparedDocument | Unprepared]:
        return await asyncio.to_thread(lambda: [prepare(one, self._parts) for one in preparations])
