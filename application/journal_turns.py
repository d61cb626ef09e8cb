"""Let the other processes of a service know of this one's running turns, and hear from them which to end."""

import asyncio
import logging
from dataclasses import dataclass, field
from itertools import islice
from typing import Final
from uuid import UUID

from application.ports import Clock, JournalEntry, UnitOfWorkFactory
from application.turn_stream import TurnStream
from application.turn_streams import TurnStreams
from domain.errors import PortError

BATCH_S: Final = 1.0
"""How long events may wait: one statement a second for all turns together, and none while nothing runs."""

MOST_AT_ONCE: Final = 40
"""
Turns in one statement; of more, each is written once in a second all the same, by several statements spread over it.

With a thousand users two hundred and thirty turns have something to say, which took PostgreSQL 15 to 50 ms on end:
whoever asked meanwhile waited for the core.
"""

_log = logging.getLogger("ibid.ask")


@dataclass(slots=True)
class JournalTurns:
    """
    Writes what running turns have told, a batch a second, beside the turns and never in their way.

    A turn of less than a second is not written at all: it has ended before anybody could look for it elsewhere.
    """

    unit_of_work: UnitOfWorkFactory
    streams: TurnStreams
    clock: Clock
    holder: str
    most_at_once: int = MOST_AT_ONCE
    _written: dict[UUID, tuple[TurnStream, int]] = field(default_factory=dict)
    """The turns and how many of their events are written; who has waited longest stands first."""

    async def run(self) -> None:
        while True:
            await asyncio.sleep(BATCH_S / max(1, self._batches))
            await self.write()

    async def write_all(self) -> None:
        """What is left when no turn runs any more."""
        for _ in range(max(1, self._batches)):
            await self.write()

    async def write(self) -> None:
        """One batch of what is new, of those who have waited longest, then the turns that were asked to end."""
        running = list(self.streams.running())
        for stream in running:
            self._written.setdefault(stream.turn_id, (stream, 0))
        for turn_id in [one for one in self._written if not self.streams.knows(one)]:
            del self._written[turn_id]  # discarded, it need never end
        if not self._written:
            return
        looked_at = list(islice(self._written.items(), self.most_at_once))
        entries = [entry for _, (stream, count) in looked_at if (entry := _fresh(stream, count))]
        try:
            async with self.unit_of_work() as uow:
                if entries:
                    await uow.turn_journal.append(entries, at=self.clock.now())
                cancelled = await uow.turns.to_be_cancelled(self.holder) if running else ()
                await uow.commit()
        except PortError as error:
            # The turns go on; who follows them elsewhere gets the events later, or the end alone.
            _log.warning("events could not be written for other processes", exc_info=error)
            return
        for turn_id, state in looked_at:
            del self._written[turn_id]
            self._written[turn_id] = state
        self._note(entries)
        for stream in running:
            if stream.turn_id in cancelled:
                stream.cancel()

    @property
    def _batches(self) -> int:
        """How many it takes to come to every turn once."""
        return -(-len(self._written) // self.most_at_once)

    def _note(self, entries: list[JournalEntry]) -> None:
        for entry in entries:
            stream, count = self._written[entry.turn_id]
            self._written[entry.turn_id] = (stream, count + len(entry.frames))
            if entry.last:
                del self._written[entry.turn_id]


def _fresh(stream: TurnStream, count: int) -> JournalEntry | None:
    frames = stream.frames(count)
    if stream.ended and frames:
        frames[-1] = b""  # the stored turn says it, which is what its readers are told of the end
    return JournalEntry(stream.turn_id, count + 1, frames, stream.ended) if frames else None
