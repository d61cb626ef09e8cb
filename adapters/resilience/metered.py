"""Calls that a plan counts: each attempt is reserved before it is made, and given back when it never arrived."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import aiohttp
import httpx

from adapters.resilience.connections import Unreachable
from adapters.resilience.dependency import Dependency
from adapters.resilience.faults import Blame, Fault
from domain.access.ports import ProviderBudgets
from domain.access.quotas import ProviderCall, Reservation
from domain.errors import PortError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class MeteredCalls:
    """A dependency's calls of one kind, inside the plan's allowances."""

    dependency: Dependency
    budgets: ProviderBudgets
    call: ProviderCall

    async def run(self, work: Callable[[float], Awaitable[T]], *, inputs: int, timeout_s: float) -> T:
        """``Dependency.call``, reserved. Raises QuotaSpent before anything is sent, or what the call raises."""
        reservation: Reservation | None = await self.budgets.reserve(self.call, inputs=inputs)

        async def attempt(left_s: float) -> T:
            nonlocal reservation
            mine = reservation if reservation is not None else await self._reserved_again(inputs)
            reservation = None
            try:
                return await work(left_s)
            except PortError as error:
                if _never_arrived(error):
                    await self.budgets.settle(mine, made=False)
                raise

        try:
            return await self.dependency.call(attempt, timeout_s=timeout_s)
        finally:
            if reservation is not None:
                # Neither the breaker nor the bulkhead let the first attempt through.
                await self.budgets.settle(reservation, made=False)

    async def _reserved_again(self, inputs: int) -> Reservation:
        try:
            return await self.budgets.reserve(self.call, inputs=inputs)
        except PortError as error:
            # No word against the service: it was not asked.
            raise Fault(error, blame=Blame.REQUEST, retryable=False) from error


def _never_arrived(error: PortError) -> bool:
    """No connection came about: the service cannot have counted anything."""
    cause = error.__cause__
    # httpx-aiohttp 0.2 calls a refused connection a connect timeout.
    return isinstance(cause, Unreachable | aiohttp.ClientConnectorError | httpx.ConnectError) or (
        isinstance(cause, httpx.ConnectTimeout) and isinstance(cause.__cause__, aiohttp.ClientConnectorError)
    )
