"""One call of Cohere's API, of whatever kind: sent, metered, and its refusals understood."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from adapters.cohere.refusals import MONTHLY, fault_of_refusal
from adapters.resilience.faults import Blame, Fault
from adapters.resilience.http_client import JsonPosts, translated
from adapters.resilience.metered import MeteredCalls
from domain.access.quotas import Window
from domain.errors import PortReplyInvalid, QuotaSpent

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class CohereCalls:
    """``posts`` carries the address and the key; ``port`` is what failures are told of."""

    posts: JsonPosts
    calls: MeteredCalls
    port: str
    path: str

    async def make(self, body: bytes, read: Callable[[bytes], T], *, inputs: int, timeout_s: float) -> T:
        """What ``read`` makes of the reply; it raises ``nonsense``. Raises PortError."""

        async def work(_: float) -> T:
            with translated(self.port):
                response = await self.posts.post(self.path, body)
            if response.status_code != 200:
                raise fault_of_refusal(self.port, response.status_code, response.headers, response.content)
            return read(response.content)

        return await metered(self.calls, self.port, work, inputs=inputs, timeout_s=timeout_s)

    def nonsense(self, what: str) -> Fault:
        return Fault(PortReplyInvalid(self.port, f"its answer {what}"), blame=Blame.SERVICE, retryable=False)


async def metered(
    calls: MeteredCalls, port: str, work: Callable[[float], Awaitable[T]], *, inputs: int, timeout_s: float
) -> T:
    """``calls.run``, and the month is noted as used up when Cohere says so. Raises PortError."""
    try:
        return await calls.run(work, inputs=inputs, timeout_s=timeout_s)
    except QuotaSpent as spent:
        if spent.port == port and spent.allowance == MONTHLY:
            # Cohere counts more than we did: another service has the same key.
            await calls.budgets.exhaust(calls.call, Window.MONTH)
        raise
