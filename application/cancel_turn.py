"""End a running turn before its time."""

from dataclasses import dataclass
from uuid import UUID

from application.ports import Clock, UnitOfWorkFactory
from application.turn_streams import TurnStreams
from domain.access.model import Principal, Scope
from domain.conversation.model import Turn, TurnStatus


@dataclass(frozen=True, slots=True)
class CancelTurn:
    """A turn of another process is ended by that process, within a second or two."""

    unit_of_work: UnitOfWorkFactory
    streams: TurnStreams
    clock: Clock

    async def execute(self, principal: Principal, turn_id: UUID) -> Turn:
        """The turn as it stands: ``running`` when it is about to end, else what it ended as. Raises TurnNotFound."""
        principal.require(Scope.ASK)
        async with self.unit_of_work() as uow:
            turn = await uow.turns.get(turn_id, principal.owner)
            stream = self.streams.find(turn_id, principal.owner)
            if stream is not None:
                stream.cancel()
            elif turn.status is TurnStatus.RUNNING:
                await uow.turns.ask_to_cancel(turn_id, principal.owner, at=self.clock.now())
                await uow.commit()
        return turn
