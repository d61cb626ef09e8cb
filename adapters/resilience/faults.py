"""What a failed call says: of the service, of our account there, or of this one request."""

from collections.abc import Mapping
from enum import Enum
from typing import Final

from adapters.resilience.retry_after import retry_after_s
from domain.errors import PortError, PortRefused, PortReplyInvalid, PortUnavailable


class Blame(Enum):
    """Whom a failure tells against, which is what the breaker goes by."""

    SERVICE = "service"
    """Late, broken, overloaded: counted, and many of them open the breaker."""
    ACCOUNT = "account"
    """A bad key, no money: no other call will fare better, so the breaker opens at once."""
    REQUEST = "request"
    """This request alone: the service is well, and the breaker takes it for an answer."""


class Fault(Exception):
    """
    A failed attempt on its way from an adapter to the policy, which raises ``error`` in its place.

    ``retryable``: another attempt may succeed; an ``error`` with ``retry_after_s`` is not retried before that.
    """

    def __init__(self, error: PortError, *, blame: Blame, retryable: bool) -> None:
        super().__init__(str(error))
        self.error = error
        self.blame = blame
        self.retryable = retryable

    @property
    def retry_after_s(self) -> float | None:
        return self.error.retry_after_s if isinstance(self.error, PortUnavailable) else None

    @staticmethod
    def of(error: PortError) -> "Fault":
        """What a plain port error is taken for: only PortRefused is the request's own, only PortUnavailable passes."""
        blame = Blame.REQUEST if isinstance(error, PortRefused) else Blame.SERVICE
        return Fault(error, blame=blame, retryable=isinstance(error, PortUnavailable))


_ACCOUNT: Final = frozenset({401, 402, 403, 498})
"""No or bad key, no money, key without the right, token on a deny list (498 is Cohere's; wire notes, read 2026-11)."""
_PASSING: Final = frozenset({408, 409, 425, 429, 499})


def fault_of_status(port: str, status: int, headers: Mapping[str, str]) -> Fault:
    """
    The fault of an HTTP status other than 2xx, as most services mean it; an adapter asks only where its own differs.

    The message names the status and quotes nothing of the reply, which may echo a user's text. ``headers`` is a
    mapping that ignores case, or has lower-case names.
    """
    if status in _ACCOUNT:
        return Fault(PortRefused(port, f"refused our account (HTTP {status})"), blame=Blame.ACCOUNT, retryable=False)
    if status in _PASSING or status >= 500:
        hint = retry_after_s(headers)
        error = PortUnavailable(port, f"did not answer (HTTP {status})", retry_after_s=hint)
        return Fault(error, blame=Blame.SERVICE, retryable=status != 501)
    if status >= 400:
        return Fault(PortRefused(port, f"refused a request (HTTP {status})"), blame=Blame.REQUEST, retryable=False)
    # A redirect, or a success that the adapter does not know: not the service that we were told of.
    return Fault.of(PortReplyInvalid(port, f"answered with an unexpected status (HTTP {status})"))
