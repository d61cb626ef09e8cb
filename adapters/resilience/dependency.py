"""One service outside, and the one policy by which it is called."""

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, TypeVar

from adapters.resilience.breaker import Breaker, BreakerState
from adapters.resilience.bulkhead import Bulkhead
from adapters.resilience.faults import Fault
from application.deadline import seconds_left
from domain.errors import PortError, PortUnavailable

T = TypeVar("T")

_FIRST_WAIT_S: Final = 0.2
_LONGEST_WAIT_S: Final = 2.0

_log = logging.getLogger("ibid.resilience")


@dataclass(frozen=True, slots=True)
class Policy:
    """
    ``timeout_s``: for one call with its retries, unless the caller's own deadline is nearer. ``attempts``: at most so
    many. ``width``: calls side by side; ``queue`` more wait for their turn.
    """

    timeout_s: float
    attempts: int = 2
    width: int = 64
    queue: int = 1024


@dataclass(frozen=True, slots=True)
class Dependency:
    """
    A service behind its bulkhead and its breaker. Adapters call it by ``call``, or by ``attempt`` what is streamed.

    What an adapter raises inside decides: a ``Fault`` says all, a plain port error is read by ``Fault.of``, and
    running out of time is PortUnavailable. Out come port errors alone. Anything else is a bug: it passes as it is and
    tells the breaker nothing.
    """

    name: str
    policy: Policy
    breaker: Breaker
    bulkhead: Bulkhead
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    @staticmethod
    def named(name: str, policy: Policy, *, now: Callable[[], float] = time.monotonic) -> "Dependency":
        bulkhead = Bulkhead(name, width=policy.width, queue=policy.queue)
        return Dependency(name, policy, Breaker(name, now=now), bulkhead)

    async def call(self, work: Callable[[float], Awaitable[T]], *, timeout_s: float | None = None) -> T:
        """
        Await ``work(seconds it may take)``, and once more if that may help and there is time; the only retry loop.

        Between attempts: what the service asked for, else 0.1 to 0.2 s, doubling. A wait that ends beyond the
        deadline is not begun. Raises PortError.
        """
        ends_at = time.monotonic() + seconds_left(timeout_s or self.policy.timeout_s)
        number = 0
        while True:
            number += 1
            left_s = ends_at - time.monotonic()
            try:
                async with self._attempt(left_s):
                    return await work(left_s)
            except Fault as fault:
                wait_s = _wait_s(fault, number)
                in_time = time.monotonic() + wait_s < ends_at
                well = self.breaker.state is BreakerState.CLOSED
                if not (fault.retryable and number < self.policy.attempts and in_time and well):
                    raise fault.error from fault.__cause__
            await self.sleep(wait_s)

    @asynccontextmanager
    async def attempt(self, timeout_s: float) -> AsyncIterator[None]:
        """One call within ``timeout_s``, never repeated: for streams. Raises PortError."""
        try:
            async with self._attempt(seconds_left(timeout_s)):
                yield
        except Fault as fault:
            raise fault.error from fault.__cause__

    @asynccontextmanager
    async def _attempt(self, timeout_s: float) -> AsyncIterator[None]:
        async with self.bulkhead.slot(wait_s=timeout_s):
            permit = self.breaker.admit()
            try:
                async with asyncio.timeout(timeout_s):
                    yield
            except (Fault, PortError, TimeoutError) as error:
                fault = self._fault(error)
                self.breaker.failed(permit, fault)
                told = {"port": self.name, "reason": str(fault.error), "blame": fault.blame.value}
                _log.warning("call failed", extra=told)
                raise fault from error.__cause__
            except BaseException:
                self.breaker.abandoned(permit)
                raise
            self.breaker.answered(permit)

    def _fault(self, error: Fault | PortError | TimeoutError) -> Fault:
        if isinstance(error, Fault):
            return error
        return Fault.of(error if isinstance(error, PortError) else PortUnavailable(self.name, "did not answer in time"))


def _wait_s(fault: Fault, number: int) -> float:
    """Before the attempt after ``number``: half of it is chance, so that callers who failed together part ways."""
    longest_s: float = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2 ** (number - 1))
    wait_s = longest_s * random.uniform(0.5, 1)  # noqa: S311  not a secret
    return wait_s if fault.retry_after_s is None else fault.retry_after_s + wait_s


@dataclass(frozen=True, slots=True)
class Dependencies:
    """Every service that this process calls, by name: for readiness, diagnostics, and metrics to come."""

    known: dict[str, Dependency] = field(default_factory=dict)

    def add(self, name: str, policy: Policy) -> Dependency:
        """The dependency of this name, made at the first call; two adapters of one account share it."""
        if name not in self.known:
            self.known[name] = Dependency.named(name, policy)
        return self.known[name]

    def states(self) -> Mapping[str, BreakerState]:
        return {name: one.breaker.state for name, one in self.known.items()}
