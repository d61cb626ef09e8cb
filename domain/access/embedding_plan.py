"""What embedding many texts will take of a plan, reckoned before the first of them is sent; and what it took."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from math import ceil
from typing import Final

from domain.access.quotas import AllowanceLeft, ProviderCall, Window, end_of

_MINUTE_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class EmbeddingPlan:
    """
    What is to be embedded, and whether the plan has as much left.

    ``documents`` that have changed were cut into ``passages``; ``inputs`` of these have no vector yet and go out in
    ``calls``, some ``tokens`` by estimate. ``seconds``: that the plan's rate alone makes it take. ``short_of`` names
    the allowance that will be used up before the end, ``resets_at`` when it comes back.
    """

    documents: int
    passages: int
    inputs: int
    calls: int
    tokens: int
    seconds: float = 0.0
    short_of: str | None = None
    resets_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Embedded:
    """
    What was embedded at a provider: ``texts`` in ``calls``, and ``reused`` for which there was a vector already.

    Of what went in: a call that failed, or whose vectors were of no use any more, is in the provider's spending alone.
    """

    calls: int = 0
    texts: int = 0
    reused: int = 0


def against(plan: EmbeddingPlan, left: Sequence[AllowanceLeft], at: datetime) -> EmbeddingPlan:
    """The same texts, and what they will take of what is left at that time."""
    seconds, short = 0.0, None
    for one in left:
        if ProviderCall.EMBED not in one.calls:
            continue
        amount = plan.inputs if one.per_input else plan.calls
        if one.window is not Window.MINUTE:
            short = one if short is None and amount > one.left else short
        elif one.limit:
            seconds = max(seconds, _MINUTE_S * ceil(max(0, amount - one.left) / one.limit))
    if short is None:
        return replace(plan, seconds=seconds)
    return replace(plan, seconds=seconds, short_of=short.name, resets_at=end_of(short.window, at))
