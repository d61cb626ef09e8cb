"""Providers' budgets in this process's memory."""

from collections.abc import Iterable, Sequence

from application.ports import Clock
from domain.access.ports import ProviderBudgets
from domain.access.quotas import (
    PROVIDER,
    Allowance,
    AllowanceLeft,
    Ledger,
    ProviderCall,
    Reservation,
    Window,
    exhaust,
    give_back,
    left,
    of_provider,
    spend,
    still_counting,
)


class InMemoryProviderBudgets(ProviderBudgets):
    """Exact within one process; nothing is awaited, so no two calls ever meet."""

    def __init__(self, allowances: Iterable[Allowance], clock: Clock) -> None:
        held = tuple(allowances)
        self._allowances = {name: of_provider(name, held) for name in sorted(set(PROVIDER.values()))}
        self._ledgers: dict[str, Ledger] = dict.fromkeys(self._allowances, ())
        self._clock = clock

    async def reserve(self, call: ProviderCall, *, inputs: int = 1) -> Reservation:
        provider, at = PROVIDER[call], self._clock.now()
        allowances = self._allowances[provider]
        ledger = still_counting(self._ledgers[provider], allowances, at)
        self._ledgers[provider], reservation = spend(ledger, allowances, call, inputs=inputs, at=at)
        return reservation

    async def settle(self, reservation: Reservation, *, made: bool) -> None:
        if not made:
            self._ledgers[reservation.provider] = give_back(self._ledgers[reservation.provider], reservation)

    async def exhaust(self, call: ProviderCall, window: Window) -> None:
        provider = PROVIDER[call]
        ledger, allowances = self._ledgers[provider], self._allowances[provider]
        self._ledgers[provider] = exhaust(ledger, allowances, call, window, self._clock.now())

    async def left(self) -> Sequence[AllowanceLeft]:
        at = self._clock.now()
        return [
            one
            for provider, allowances in self._allowances.items()
            for one in left(self._ledgers[provider], provider, allowances, at)
        ]
