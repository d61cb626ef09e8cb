"""Let the other processes of a service know of this one's running turns, and hear from them which to end."""

import asyncio
import logging
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from application.ports import Clock, JournalEntry, UnitOfWorkFactory
from application.turn_stream import TurnStream
from application.turn_streams import TurnStreams
from domain.errors import PortError

BATCH_S: Final = 1.0
"""How long events may wait: one statement a second for all turns together, and none while nothing runs."""

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
    _written: dict[UUID, tuple[TurnStream, int]] = field(default_factory=dict)
    _writing: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def run(self) -> None:
        while True:
            await asyncio.sleep(BATCH_S)
            await self.write()

    async def write(self) -> None:
        """One batch of everything that is new, then the turns that were asked to end."""
        async with self._writing:  # the last of a service that stops may be asked for while another is under way
            await self._write()

    async def _write(self) -> None:
        running = list(self.streams.running())
        for stream in running:
            self._written.setdefault(stream.turn_id, (stream, 0))
        for turn_id in [one for one in self._written if not self.streams.knows(one)]:
            del self._written[turn_id]  # discarded, it need never end
        if not self._written:
            return
        entries = [entry for stream, count in self._written.values() if (entry := _fresh(stream, count))]
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
        self._note(entries)
        for stream in running:
            if stream.turn_id in cancelled:
                stream.cancel()

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
