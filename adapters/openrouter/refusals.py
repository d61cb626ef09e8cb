"""What OpenRouter's errors mean, whether they come as a status, inside a 200, or in the middle of a stream."""

from collections.abc import Mapping
from typing import Any, Final

from adapters.openrouter.bodies import REPLY, ErrorBody
from adapters.resilience.faults import Blame, Fault, fault_of_status
from adapters.resilience.retry_after import retry_after_s
from adapters.resilience.unreadable import UNREADABLE
from domain.conversation.model import AttemptOutcome
from domain.errors import PortRefused, PortUnavailable

PORT: Final = "openrouter"

_STATUS_OF: Final[Mapping[str, int]] = {
    "rate_limit_exceeded": 429,
    "timeout": 504,
    "provider_unavailable": 502,
    "provider_overloaded": 503,
    "server": 500,
    "server_error": 500,
    "authentication": 401,
    "payment_required": 402,
    "permission_denied": 403,
    "not_found": 404,
    "capacity_exhausted": 429,
    "temporarily_unavailable": 503,
    "content_policy_violation": 400,
    "refusal": 400,
    "invalid_request": 400,
    "invalid_prompt": 400,
    "context_length_exceeded": 400,
    "max_tokens_exceeded": 400,
    "token_limit_exceeded": 400,
    "payload_too_large": 413,
    "unprocessable": 422,
}
"""Words that stand in a ``code`` or an ``error_type``, by the status that means the same. Source: OpenRouter's page on
errors and its API description, read 2026-08."""

_TIMEOUTS: Final = frozenset({408, 504, 524})
_MODERATION: Final = frozenset({"reasons", "flagged_input", "patterns"})


def outcome_of(status: int) -> AttemptOutcome:
    if status == 429:
        return AttemptOutcome.RATE_LIMITED
    if status in _TIMEOUTS:
        return AttemptOutcome.TIMEOUT
    return AttemptOutcome.REFUSED if 400 <= status < 500 else AttemptOutcome.ERROR


def refusal(status: int, headers: Mapping[str, str], content: bytes) -> tuple[AttemptOutcome, Fault]:
    """Of a reply with a status other than 200."""
    try:
        error = REPLY.decode(content).error or ErrorBody()
    except UNREADABLE:
        error = ErrorBody()
    return _meaning(status, error, headers)


def refusal_inside(error: ErrorBody) -> tuple[AttemptOutcome, Fault]:
    """Of an error within a reply of status 200, whose code is a number, a word, or missing."""
    kind = (error.metadata or {}).get("error_type") or error.error_type
    for code in (error.code, error.http_status, kind):
        status = _STATUS_OF.get(code) if isinstance(code, str) else code
        if isinstance(status, int) and 400 <= status < 600:
            return _meaning(status, error, {})
    return _meaning(500, error, {})


def _meaning(status: int, error: ErrorBody, headers: Mapping[str, str]) -> tuple[AttemptOutcome, Fault]:
    about = error.metadata or {}
    available = error.availability or {}
    after_s = _seconds(available.get("retry_after"))
    after_s = retry_after_s(headers) if after_s is None else after_s
    if status == 402 and (about.get("limit_source") == "openrouter_in_flight_budget" or "retry-after" in headers):
        passing = PortUnavailable(PORT, "has too much of our budget in flight (HTTP 402)", retry_after_s=after_s)
        return AttemptOutcome.RATE_LIMITED, Fault(passing, blame=Blame.REQUEST, retryable=True)
    if status == 403 and _MODERATION & about.keys():
        refused = PortRefused(PORT, "refused what was asked (HTTP 403, moderation or guardrail)")
        return AttemptOutcome.REFUSED, Fault(refused, blame=Blame.REQUEST, retryable=False)
    if status == 404 and available.get("code") == "privacy_restricted":
        hint = "no provider of this model keeps what it is sent to itself (HTTP 404); see IBID_DATA_COLLECTION"
        return AttemptOutcome.REFUSED, Fault(PortRefused(PORT, hint), blame=Blame.REQUEST, retryable=False)
    fault = fault_of_status(PORT, status, headers)
    if isinstance(fault.error, PortUnavailable):
        fault.error.retry_after_s = after_s
        fault.retryable = bool(available.get("retryable", status != 503 or after_s is not None))
    return outcome_of(status), fault


def _seconds(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and 0 <= value < 1e6 else None
