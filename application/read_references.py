"""Read the bibliography of an answer, in any style."""

from dataclasses import dataclass, replace
from uuid import UUID

from application.ports import UnitOfWorkFactory
from domain.access.model import Principal, Scope
from domain.grounding.model import Reference
from domain.grounding.ports import ReferenceFormatter


@dataclass(frozen=True, slots=True)
class ReadReferences:
    unit_of_work: UnitOfWorkFactory
    formatter: ReferenceFormatter

    async def execute(self, principal: Principal, turn_id: UUID, *, style: str | None = None) -> tuple[Reference, ...]:
        """
        A turn's references, as they were written, or in ``style``.

        Raises ScopeMissing, TurnNotFound (unknown, or another owner's), or OutOfRange for an unknown style.
        """
        principal.require(Scope.ASK)
        async with self.unit_of_work() as uow:
            turn = await uow.turns.get(turn_id, principal.owner)
        if style is None:
            return turn.references
        return tuple(replace(one, formatted=self.formatter.format(one.csl, style=style)) for one in turn.references)
