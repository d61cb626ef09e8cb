"""What Cohere's refusals mean."""

import re
from collections.abc import Mapping
from typing import Final

from adapters.resilience.faults import Blame, Fault, fault_of_status
from domain.errors import QuotaSpent

_MONTH: Final = re.compile(rb"per month|/ ?month|monthly", re.IGNORECASE)
MONTHLY: Final = "cohere_calls_per_month"
_ASK_AGAIN_S: Final = 3_600.0


def fault_of_refusal(port: str, status: int, headers: Mapping[str, str], body: bytes) -> Fault:
    """
    The fault of a status other than 200. A month that is used up is told from a minute by the text alone.

    Trial keys: "You are using a Trial key, which is limited to 1000 API calls / month". Source: Cohere's errors page,
    read 2026-11. No word of the body passes on.
    """
    if status == 429 and _MONTH.search(body):
        return Fault(QuotaSpent(port, MONTHLY, retry_after_s=_ASK_AGAIN_S), blame=Blame.ACCOUNT, retryable=False)
    return fault_of_status(port, status, headers)
