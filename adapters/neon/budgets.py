"""Providers' budgets in PostgreSQL: one row a provider, changed by comparing versions."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeVar

import msgspec
from sqlalchemy import BigInteger, Text, bindparam, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.neon.frequent import Frequent
from adapters.neon.tables import provider_spending
from adapters.neon.transaction import Transaction
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

T = TypeVar("T")

_LEDGER: Final = msgspec.json.Decoder(Ledger)

_s = provider_spending.c
_provider = bindparam("of_provider", type_=Text())
_READ = Frequent(select(_s.version, _s.ledger).where(_s.provider == _provider))
_MAKE = insert(provider_spending).on_conflict_do_nothing()
_CHANGE = Frequent(
    update(provider_spending)
    .where(_s.provider == _provider, _s.version == bindparam("known", type_=BigInteger()))
    .values(version=_s.version + 1, ledger=bindparam("changed", type_=_s.ledger.type))
    .returning(_s.version)
)


class NeonProviderBudgets(ProviderBudgets):
    """
    Exact among any number of processes: a change takes hold only on the version that it was reckoned from.

    The last version seen is remembered, so that a reservation is one statement as long as no other process made one
    in between. Within a process they stand in line.
    """

    def __init__(self, engine: AsyncEngine, allowances: Iterable[Allowance], clock: Clock) -> None:
        """``engine`` runs each statement as its own transaction."""
        held = tuple(allowances)
        self._engine = engine
        self._allowances = {name: of_provider(name, held) for name in sorted(set(PROVIDER.values()))}
        self._known: dict[str, tuple[int, Ledger]] = {}
        self._line = {name: asyncio.Lock() for name in self._allowances}
        self._clock = clock

    async def reserve(self, call: ProviderCall, *, inputs: int = 1) -> Reservation:
        provider = PROVIDER[call]
        allowances = self._allowances[provider]
        if not any(call in one.calls for one in allowances):
            return Reservation(provider)

        def change(ledger: Ledger) -> tuple[Ledger, Reservation]:
            at = self._clock.now()
            return spend(still_counting(ledger, allowances, at), allowances, call, inputs=inputs, at=at)

        return await self._changed(provider, change)

    async def settle(self, reservation: Reservation, *, made: bool) -> None:
        if not made and reservation.spendings:
            await self._changed(reservation.provider, lambda ledger: (give_back(ledger, reservation), None))

    async def exhaust(self, call: ProviderCall, window: Window) -> None:
        provider = PROVIDER[call]
        allowances = self._allowances[provider]
        if allowances:
            at = self._clock.now()
            await self._changed(provider, lambda ledger: (exhaust(ledger, allowances, call, window, at), None))

    async def left(self) -> Sequence[AllowanceLeft]:
        found: list[AllowanceLeft] = []
        for provider, allowances in self._allowances.items():
            if allowances:
                async with self._line[provider]:
                    _, ledger = await self._read(provider)
                found += left(ledger, provider, allowances, self._clock.now())
        return found

    async def _changed(self, provider: str, change: Callable[[Ledger], tuple[Ledger, T]]) -> T:
        async with self._line[provider]:
            known = self._known.pop(provider, None)
            fresh = known is None
            while True:
                version, before = known if known is not None else await self._read(provider)
                try:
                    after, result = change(before)
                except Exception:
                    self._known[provider] = version, before
                    if fresh:
                        raise
                    # Another process may have given something back since.
                    known, fresh = None, True
                    continue
                changed = await self._write(provider, version, after)
                if changed is not None:
                    self._known[provider] = changed, after
                    return result
                known, fresh = None, True

    async def _read(self, provider: str) -> tuple[int, Ledger]:
        statement = Transaction(self._engine)
        try:
            found = await statement.fetch(_READ, {"of_provider": provider})
            if not found:
                await statement.run(_MAKE, {"provider": provider, "version": 0, "ledger": "[]"})
                found = await statement.fetch(_READ, {"of_provider": provider})
        finally:
            await statement.close()
        [row] = found
        return row.version, _LEDGER.decode(row.ledger)

    async def _write(self, provider: str, version: int, ledger: Ledger) -> int | None:
        statement = Transaction(self._engine)
        changed = msgspec.json.encode(ledger).decode()
        try:
            done = await statement.fetch(_CHANGE, {"of_provider": provider, "known": version, "changed": changed})
            return done[0].version if done else None
        finally:
            await statement.close()
