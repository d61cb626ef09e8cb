"""What the providers' free plans allow, and the arithmetic of staying inside them."""

from bisect import insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from domain.errors import QuotaSpent


class Plan(StrEnum):
    FREE = "free"
    PAID = "paid"


class ProviderCall(StrEnum):
    """A kind of call that a plan counts."""

    EMBED = "embed"
    RERANK = "rerank"
    INQUIRY = "inquiry"
    """About Cohere's models, in a diagnosis."""
    MODEL = "model"
    JUDGE = "judge"
    """A model, asked about an answer that is written already: what answers themselves may need goes before it."""


PROVIDER: Final[Mapping[ProviderCall, str]] = {
    ProviderCall.EMBED: "cohere",
    ProviderCall.RERANK: "cohere",
    ProviderCall.INQUIRY: "cohere",
    ProviderCall.MODEL: "openrouter",
    ProviderCall.JUDGE: "openrouter",
}
"""Whose allowances a call draws on."""


class Window(StrEnum):
    """
    How long spending counts: the last 60 seconds, or the day or month of UTC.

    A provider may count its minutes from any second, so a minute slides here and is never exceeded wherever it begins.
    """

    MINUTE = "minute"
    DAY = "day"
    MONTH = "month"


_MINUTE_S: Final = 61
"""One second more than a minute: spending is kept by whole seconds."""
_KEPT_BACK: Final = 0.9
"""Of what a month's pace leaves unused, what optional calls keep their hands off: enough for 30 questions a day."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """So much of one provider in a window, drawn on by some kinds of call, by each call or by each of its inputs."""

    name: str
    calls: frozenset[ProviderCall]
    limit: int
    window: Window
    per_input: bool = False
    optional: frozenset[ProviderCall] = frozenset()
    """Calls that keep back what those of the rest of the window will need; see ``usable``."""

    def amount(self, inputs: int) -> int:
        return inputs if self.per_input else 1


@dataclass(frozen=True, slots=True)
class Spending:
    """An amount of one allowance, booked at a slot: the second, day or month that it belongs to, in Unix time."""

    allowance: str
    slot: int
    amount: int


@dataclass(frozen=True, slots=True)
class Reservation:
    """What a call has taken before it is made. Empty when nothing limits it."""

    provider: str
    spendings: tuple[Spending, ...] = ()


@dataclass(frozen=True, slots=True)
class AllowanceLeft:
    """
    ``resets_at``: when all of it is there again; None while none of it is used. ``calls`` draw on it, each by one or,
    ``per_input``, by its inputs.
    """

    provider: str
    name: str
    window: Window
    limit: int
    used: int
    resets_at: datetime | None
    calls: frozenset[ProviderCall] = frozenset()
    per_input: bool = False

    @property
    def left(self) -> int:
        return max(0, self.limit - self.used)


@dataclass(frozen=True, slots=True)
class StorageLeft:
    """How much of a store's plan is taken, in bytes; ``limit`` None: no plan limits it."""

    provider: str
    used: int
    limit: int | None


NEON_FREE_BYTES: Final = 512 * 1024 * 1024
"""Of storage in a project. Source: Neon's plans page, read 2026-11."""
QDRANT_FREE_BYTES: Final = 1024 * 1024 * 1024
"""Of memory on the free cluster. Source: Qdrant Cloud's documentation, read 2026-11."""

MODEL_CALLS_PER_DAY: Final = 50
"""Of OpenRouter's free models, for an account that never bought 10 credits. Source: its limits page, read 2026-11."""

Ledger = tuple[Spending, ...]
"""What one provider was asked for, oldest slot first for each allowance; only what still counts need be kept."""


def free_allowances(*, model_calls_per_day: int, cohere_calls_per_month: int) -> tuple[Allowance, ...]:
    """
    The free plans of Cohere (trial key) and OpenRouter (``:free`` models).

    Cohere: 1,000 calls a month of any kind, 10 reranks and 2,000 embedded inputs a minute. OpenRouter: 20 calls a
    minute; 50 a day, or 1,000 for an account that ever bought 10 credits. Source: both providers' rate-limit pages,
    read 2026-11.
    """
    embed, rerank = ProviderCall.EMBED, ProviderCall.RERANK
    reranks, judges = frozenset({rerank}), frozenset({ProviderCall.JUDGE})
    any_kind = frozenset({embed, rerank, ProviderCall.INQUIRY})
    models = frozenset({ProviderCall.MODEL}) | judges
    return (
        Allowance("cohere_calls_per_month", any_kind, cohere_calls_per_month, Window.MONTH, optional=reranks),
        Allowance("cohere_reranks_per_minute", reranks, 10, Window.MINUTE),
        Allowance("cohere_inputs_per_minute", frozenset({embed}), 2_000, Window.MINUTE, per_input=True),
        Allowance("openrouter_calls_per_minute", models, 20, Window.MINUTE),
        Allowance("openrouter_calls_per_day", models, model_calls_per_day, Window.DAY, optional=judges),
    )


def spend(
    ledger: Ledger, allowances: Iterable[Allowance], call: ProviderCall, *, inputs: int, at: datetime
) -> tuple[Ledger, Reservation]:
    """Take from every allowance that ``call`` draws on, all or nothing. Raises QuotaSpent."""
    spendings: list[Spending] = []
    for allowance in allowances:
        if call not in allowance.calls:
            continue
        amount = allowance.amount(inputs)
        if used(ledger, allowance, at) + amount > usable(allowance, call, at):
            back = available_at(ledger, allowance, amount, at)
            raise QuotaSpent(PROVIDER[call], allowance.name, retry_after_s=max(0.0, (back - at).total_seconds()))
        spendings.append(Spending(allowance.name, _slot(allowance.window, at), amount))
    return _booked(ledger, spendings), Reservation(PROVIDER[call], tuple(spendings))


def give_back(ledger: Ledger, reservation: Reservation) -> Ledger:
    """The call was never made: nothing of it counts."""
    taken = {(one.allowance, one.slot): one.amount for one in reservation.spendings}
    kept = (replace(one, amount=one.amount - taken.get((one.allowance, one.slot), 0)) for one in ledger)
    return tuple(one for one in kept if one.amount > 0)


def exhaust(
    ledger: Ledger, allowances: Iterable[Allowance], call: ProviderCall, window: Window, at: datetime
) -> Ledger:
    """The provider says that nothing is left of this window, whatever was counted here."""
    rest = [
        Spending(one.name, _slot(one.window, at), one.limit - used(ledger, one, at))
        for one in allowances
        if call in one.calls and one.window is window and used(ledger, one, at) < one.limit
    ]
    return _booked(ledger, rest)


def used(ledger: Ledger, allowance: Allowance, at: datetime) -> int:
    since = _since(allowance.window, at)
    return sum(one.amount for one in ledger if one.allowance == allowance.name and one.slot >= since)


def usable(allowance: Allowance, call: ProviderCall, at: datetime) -> int:
    """
    How far ``call`` may draw on the allowance now.

    An optional call keeps back nine tenths of what the rest of the window is entitled to at an even pace. At the start
    of a month of 1,000 calls 100 reranks go through at once, on its last day all that is left; and 30 questions a day
    always find the 900 calls that embedding them takes.
    """
    if call not in allowance.optional:
        return allowance.limit
    start, end = _bounds(allowance.window, at)
    passed = (at - start) / (end - start)
    return int(allowance.limit * (1 - _KEPT_BACK * (1 - passed)))


def available_at(ledger: Ledger, allowance: Allowance, amount: int, at: datetime) -> datetime:
    """When ``amount`` more fits, as far as can be told: for a minute the second in which enough has left it."""
    if allowance.window is not Window.MINUTE:
        return _bounds(allowance.window, at)[1]
    over = used(ledger, allowance, at) + amount - allowance.limit
    slot = int(at.timestamp())
    for one in ledger:
        if one.allowance == allowance.name and one.slot >= _since(allowance.window, at):
            slot, over = one.slot, over - one.amount
            if over <= 0:
                break
    return datetime.fromtimestamp(slot + _MINUTE_S, UTC)


def left(ledger: Ledger, provider: str, allowances: Sequence[Allowance], at: datetime) -> tuple[AllowanceLeft, ...]:
    """What is left of each of this provider's allowances."""
    return tuple(
        AllowanceLeft(
            provider,
            one.name,
            one.window,
            one.limit,
            count,
            _resets_at(one.window, at) if count else None,
            one.calls,
            one.per_input,
        )
        for one in allowances
        for count in (used(ledger, one, at),)
    )


def still_counting(ledger: Ledger, allowances: Iterable[Allowance], at: datetime) -> Ledger:
    """The ledger without what no window reaches back to."""
    since = {one.name: _since(one.window, at) for one in allowances}
    return tuple(one for one in ledger if one.slot >= since.get(one.allowance, one.slot + 1))


def of_provider(provider: str, allowances: Iterable[Allowance]) -> tuple[Allowance, ...]:
    return tuple(one for one in allowances if any(PROVIDER[call] == provider for call in one.calls))


def _booked(ledger: Ledger, spendings: Iterable[Spending]) -> Ledger:
    merged = {(one.allowance, one.slot): one for one in ledger}
    for one in spendings:
        before = merged.get((one.allowance, one.slot))
        merged[one.allowance, one.slot] = one if before is None else replace(one, amount=before.amount + one.amount)
    booked: list[Spending] = []
    for one in merged.values():
        insort(booked, one, key=lambda spending: (spending.allowance, spending.slot))
    return tuple(booked)


def _slot(window: Window, at: datetime) -> int:
    return int(at.timestamp()) if window is Window.MINUTE else int(_bounds(window, at)[0].timestamp())


def _since(window: Window, at: datetime) -> int:
    """The first slot that counts; later ones count too, so that a clock set back gives nothing away."""
    return int(at.timestamp()) - _MINUTE_S + 1 if window is Window.MINUTE else _slot(window, at)


def _resets_at(window: Window, at: datetime) -> datetime:
    return at + timedelta(seconds=_MINUTE_S) if window is Window.MINUTE else _bounds(window, at)[1]


def end_of(window: Window, at: datetime) -> datetime:
    """When the window that holds ``at`` ends, in UTC."""
    return _bounds(window, at)[1]


def _bounds(window: Window, at: datetime) -> tuple[datetime, datetime]:
    """Where the window that holds ``at`` begins and ends, in UTC."""
    at = at.astimezone(UTC)
    if window is Window.MINUTE:
        return at - timedelta(minutes=1), at
    day = at.replace(hour=0, minute=0, second=0, microsecond=0)
    if window is Window.DAY:
        return day, day + timedelta(days=1)
    first = day.replace(day=1)
    return first, (first + timedelta(days=32)).replace(day=1)
