"""One service outside, and the one policy by which it is called."""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, NoReturn, TypeVar

from adapters.resilience.breaker import Breaker, BreakerState, Permit
from adapters.resilience.bulkhead import Bulkhead
from adapters.resilience.faults import Blame, Fault
from application.deadline import seconds_left
from domain.errors import PortError, PortUnavailable
from domain.quick_init import quick_init

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

    Services that are reached by one account (models of one provider, embedding and reranking by one key) share the
    breaker ``account``: a refused account opens that one, and with it closes the way to all of them.

    What an adapter raises inside decides: a ``Fault`` says all, a plain port error is read by ``Fault.of``, and
    running out of time is PortUnavailable. Out come port errors alone. Anything else is a bug: it passes as it is and
    tells the breaker nothing.
    """

    name: str
    policy: Policy
    breaker: Breaker
    bulkhead: Bulkhead
    account: Breaker | None = None
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

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
                async with Attempt(self, left_s, plain=False):
                    return await work(left_s)
            except Fault as fault:
                wait_s = _wait_s(fault, number)
                in_time = time.monotonic() + wait_s < ends_at
                well = self.breaker.state is BreakerState.CLOSED
                if not (fault.retryable and number < self.policy.attempts and in_time and well):
                    raise fault.error from fault.__cause__
            await self.sleep(wait_s)

    def attempt(self, timeout_s: float) -> "Attempt":
        """``async with`` it: one call within ``timeout_s``, never repeated: for streams. Raises PortError."""
        return Attempt(self, seconds_left(timeout_s), plain=True)

    def admit(self) -> "_Admission":
        of_account = self.account.admit() if self.account is not None else None
        try:
            return _Admission(self.breaker, self.breaker.admit(), self.account, of_account)
        except PortUnavailable:
            if self.account is not None and of_account is not None:
                self.account.abandoned(of_account)
            raise

    def fault(self, error: Fault | PortError | TimeoutError) -> Fault:
        if isinstance(error, Fault):
            return error
        return Fault.of(error if isinstance(error, PortError) else PortUnavailable(self.name, "did not answer in time"))


class Attempt:
    """
    One call: a slot of the bulkhead, leave of the breakers, and so much time. What fails comes out as a Fault, or,
    ``plain``, as its port error.
    """

    __slots__ = ("_admission", "_dependency", "_limit", "_plain", "_timeout_s")

    def __init__(self, dependency: Dependency, timeout_s: float, *, plain: bool) -> None:
        self._dependency = dependency
        self._plain = plain
        self._timeout_s = timeout_s

    async def __aenter__(self) -> None:
        bulkhead = self._dependency.bulkhead
        await bulkhead.enter(self._timeout_s)
        try:
            self._admission = self._dependency.admit()
        except BaseException:
            bulkhead.leave()
            raise
        self._limit = asyncio.timeout(self._timeout_s)
        await self._limit.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            try:
                await self._limit.__aexit__(kind, error, trace)
            except TimeoutError as late:
                error = late
            if error is None:
                self._admission.answered()
            elif isinstance(error, Fault | PortError | TimeoutError):
                self._failed(error)
            else:
                self._admission.abandoned()
        finally:
            self._dependency.bulkhead.leave()

    def _failed(self, error: Fault | PortError | TimeoutError) -> NoReturn:
        fault = self._dependency.fault(error)
        self._admission.failed(fault)
        told = {"port": self._dependency.name, "reason": str(fault.error), "blame": fault.blame.value}
        _log.warning("call failed", extra=told)
        cause = error if isinstance(error, TimeoutError) else error.__cause__
        raise (fault.error if self._plain else fault) from cause


@quick_init
@dataclass(frozen=True, slots=True)
class _Admission:
    """Leave of a service's breaker for one call, and of its account's if there is one; each is told its concern."""

    breaker: Breaker
    permit: Permit
    account: Breaker | None
    of_account: Permit | None

    def answered(self) -> None:
        self.breaker.answered(self.permit)
        if self.account is not None and self.of_account is not None:
            self.account.answered(self.of_account)

    def abandoned(self) -> None:
        self.breaker.abandoned(self.permit)
        if self.account is not None and self.of_account is not None:
            self.account.abandoned(self.of_account)

    def failed(self, fault: Fault) -> None:
        if self.account is None or self.of_account is None:
            self.breaker.failed(self.permit, fault)
        elif fault.blame is Blame.ACCOUNT:
            self.account.failed(self.of_account, fault)
            self.breaker.abandoned(self.permit)
        else:
            self.breaker.failed(self.permit, fault)
            self.account.abandoned(self.of_account)


def _wait_s(fault: Fault, number: int) -> float:
    """Before the attempt after ``number``: half of it is chance, so that callers who failed together part ways."""
    longest_s: float = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2 ** (number - 1))
    wait_s = longest_s * random.uniform(0.5, 1)  # noqa: S311  not a secret
    return wait_s if fault.retry_after_s is None else fault.retry_after_s + wait_s


@dataclass(frozen=True, slots=True)
class Dependencies:
    """Every service that this process calls, by name: for readiness, diagnostics, and metrics to come."""

    now: Callable[[], float] = time.monotonic
    known: dict[str, Dependency] = field(default_factory=dict)
    accounts: dict[str, Breaker] = field(default_factory=dict)

    def add(self, name: str, policy: Policy, *, account: str | None = None) -> Dependency:
        """The dependency of this name, made at the first call. ``account``: the name of the breaker that it shares."""
        if name not in self.known:
            shared = None if account is None else self.accounts.setdefault(account, Breaker(account, now=self.now))
            bulkhead = Bulkhead(name, width=policy.width, queue=policy.queue)
            self.known[name] = Dependency(name, policy, Breaker(name, now=self.now), bulkhead, shared)
        return self.known[name]

    def states(self) -> Mapping[str, BreakerState]:
        held = {name: one.breaker.state for name, one in self.known.items()}
        return {name: breaker.state for name, breaker in self.accounts.items()} | held
