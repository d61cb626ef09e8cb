"""Say what a turn was worth to the one who asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from application.ports import Clock, IdSource, KeyedRequest, UnitOfWorkFactory
from domain.access.model import Principal, Scope
from domain.conversation.model import Feedback, FeedbackReason, Rating


@dataclass(frozen=True, slots=True)
class GiveFeedbackCommand:
    """``keyed``: what the request's idempotency key says of it, if it came with one."""

    principal: Principal
    turn_id: UUID
    rating: Rating
    reasons: Sequence[FeedbackReason] = ()
    comment: str | None = None
    keyed: KeyedRequest | None = None


@dataclass(frozen=True, slots=True)
class GiveFeedbackResult:
    feedback: Feedback
    replayed: bool


@dataclass(frozen=True, slots=True)
class GiveFeedback:
    """Feedback takes the place of what the same owner said of the turn before."""

    unit_of_work: UnitOfWorkFactory
    clock: Clock
    ids: IdSource

    async def execute(self, command: GiveFeedbackCommand) -> GiveFeedbackResult:
        """Raises ScopeMissing, TurnNotFound, a Refused that names the field, or IdempotencyKeyReused."""
        command.principal.require(Scope.ASK)
        owner, turn_id, now = command.principal.owner, command.turn_id, self.clock.now()
        given = Feedback.given(turn_id, command.rating, command.reasons, command.comment, now)
        async with self.unit_of_work() as uow:
            if command.keyed is not None:
                effect = self.ids.new()
                if effect != await uow.idempotency_keys.claim(command.keyed, effect, turn=turn_id, at=now):
                    return GiveFeedbackResult(await uow.feedbacks.get(turn_id, owner), replayed=True)
            stored = await uow.feedbacks.put(given, owner)
            await uow.commit()
        return GiveFeedbackResult(stored, replayed=False)
