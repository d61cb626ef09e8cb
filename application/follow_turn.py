"""Find the events of a turn, wherever it runs or ran."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final
from uuid import UUID

from application.events import TurnDone, TurnFailed
from application.ports import Clock, JournalEntry, UnitOfWorkFactory
from application.turn_stream import TurnStream
from application.turn_streams import TurnStreams
from domain.access.model import Principal, Scope
from domain.conversation.model import Turn, TurnStatus
from domain.errors import PortError, TurnFailedBefore, TurnNotFound

POLL_S: Final = 0.5
"""How often another process's running turn is looked after, while somebody follows it here."""
UNFOLLOWED_POLLS: Final = 10
"""Looks after which a turn that nobody follows any more is left alone."""
MISSING_POLLS: Final = 4
"""Looks for the last events of a turn that has ended; its process writes them within a second, unless it crashed."""

_log = logging.getLogger("ibid.ask")


class FollowTurn:
    """
    The stream of a turn: this process's own; or one that relays another process's journal; or one of its end alone.

    ``pause`` is what passes between two looks into the journal.
    """

    def __init__(
        self,
        *,
        unit_of_work: UnitOfWorkFactory,
        streams: TurnStreams,
        clock: Clock,
        pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._streams = streams
        self._clock = clock
        self._pause = pause
        self._relays: dict[UUID, TurnStream] = {}

    async def execute(self, principal: Principal, turn_id: UUID) -> TurnStream:
        """Raises ScopeMissing or TurnNotFound: unknown, or another owner's."""
        principal.require(Scope.ASK)
        stream = self._streams.find(turn_id, principal.owner)
        if stream is not None:
            return stream
        async with self._unit_of_work() as uow:
            turn = await uow.turns.get(turn_id, principal.owner)
            if turn.status is TurnStatus.RUNNING:
                return self._relays.get(turn_id) or self._relayed(turn)
            entry = self._streams.kept(turn) or await uow.turn_journal.read(turn_id, after=0)
        if not entry.last:
            return TurnStream.of_end(turn, end_of(turn), self._streams.encode)
        stream = TurnStream(turn, self._streams.encode)
        self._finish(turn, entry, stream)
        return stream

    def _relayed(self, turn: Turn) -> TurnStream:
        stream = self._relays[turn.id] = TurnStream.of_relay(turn, self._streams.encode)
        task = stream.run(lambda events: self._relay(turn, events))
        task.add_done_callback(lambda _: self._relays.pop(turn.id, None))
        return stream

    async def _relay(self, turn: Turn, stream: TurnStream) -> None:
        seen, alone, missing = 0, 0, 0
        try:
            while alone < UNFOLLOWED_POLLS:
                turn, entry = await self._look(turn, seen)
                seen += len(entry.frames)
                if entry.last or (turn.status is not TurnStatus.RUNNING and missing >= MISSING_POLLS):
                    self._finish(turn, entry, stream)
                    return
                if entry.frames:
                    stream.relay(entry.frames)
                missing += turn.status is not TurnStatus.RUNNING
                alone = 0 if stream.followed else alone + 1
                await self._pause(POLL_S)
        except (PortError, TurnNotFound) as error:  # the latter: deleted, with its conversation
            _log.warning("a turn of another process could not be followed", extra={"turn_id": str(turn.id)})
            stream.emit(TurnFailed(turn.id, error))

    async def _look(self, turn: Turn, seen: int) -> tuple[Turn, JournalEntry]:
        async with self._unit_of_work() as uow:
            # The turn before its journal: what is written last is not missed then.
            turn = await uow.turns.get(turn.id, turn.owner)
            if turn.status is TurnStatus.RUNNING:
                await uow.turns.interrupt_lost(now=self._clock.now(), lost_holders_all_but=None)
                await uow.commit()
            entry = await uow.turn_journal.read(turn.id, after=seen)
            if entry.last and turn.status is TurnStatus.RUNNING:
                turn = await uow.turns.get(turn.id, turn.owner)  # it has ended between the two
            return turn, entry

    @staticmethod
    def _finish(turn: Turn, entry: JournalEntry, stream: TurnStream) -> None:
        if entry.last:
            stream.relay(entry.frames[:-1])
        elif entry.frames:
            stream.relay(entry.frames)
        stream.emit(end_of(turn))


def end_of(turn: Turn) -> TurnDone | TurnFailed:
    """What a stored turn ends with. One that has ended and still runs there could not be stored: it failed."""
    failed = turn.status in (TurnStatus.FAILED, TurnStatus.RUNNING)
    return TurnFailed(turn.id, TurnFailedBefore()) if failed else TurnDone(turn)
