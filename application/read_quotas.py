"""What is left of the providers' plans, and when it comes back: for the operator, and for `ibid doctor`."""

from collections.abc import Sequence
from dataclasses import dataclass

from domain.access.model import Principal, Scope
from domain.access.ports import Footprint, ProviderBudgets
from domain.access.quotas import AllowanceLeft, Plan, StorageLeft


@dataclass(frozen=True, slots=True)
class Quotas:
    """``allowances`` are empty on a paid plan, and ``storage`` where everything is on this machine."""

    plan: Plan
    allowances: Sequence[AllowanceLeft]
    storage: Sequence[StorageLeft]


@dataclass(frozen=True, slots=True)
class ReadQuotas:
    """Asks the database, and each store outside for its size. Raises ScopeMissing or PortUnavailable."""

    plan: Plan
    budgets: ProviderBudgets
    footprints: Sequence[Footprint]

    async def execute(self, principal: Principal) -> Quotas:
        principal.require(Scope.ADMIN)
        storage = [await footprint.storage() for footprint in self.footprints]
        return Quotas(self.plan, await self.budgets.left(), storage)
