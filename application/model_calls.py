"""The calls that one answer takes, as they are booked: how each ended, how long it took, what it cost."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from application.model_costs import ModelCosts
from application.ports import Clock
from domain.conversation.calls import CallEnd, Message
from domain.conversation.model import Attempt, AttemptOutcome, Usage
from domain.conversation.ports import ChatModel

SPENT_WITHIN_S: Final = 2.0
"""How long the end of an answer waits to hear what a broken call has cost; mostly it was heard long before."""

_WELL: Final = frozenset({AttemptOutcome.OK, AttemptOutcome.CANCELLED})

_log = logging.getLogger("ibid.model")


@dataclass(slots=True)
class Call:
    """One call, under way or over; its outcome stays "cancelled" when nobody is left to see the end."""

    model: str
    began_ms: float
    text: list[str] = field(default_factory=list)
    shown: bool = False
    outcome: AttemptOutcome = AttemptOutcome.CANCELLED
    ms: int = 0
    usage: Usage = field(default_factory=Usage)


@dataclass(slots=True)
class CallBook:
    """``messages`` are what every call sends."""

    chat_model: ChatModel
    clock: Clock
    costs: ModelCosts
    messages: Sequence[Message]
    calls: list[Call] = field(default_factory=list)
    _asking: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        return tuple(Attempt(call.model, call.outcome.value, call.ms, call.usage) for call in self.calls)

    @property
    def usage(self) -> Usage:
        return Usage.total(call.usage for call in self.calls)

    def begin(self, model: str) -> Call:
        call = Call(model, self.clock.elapsed_ms())
        self.calls.append(call)
        return call

    def strike(self, call: Call) -> None:
        """It was never made."""
        self.calls.remove(call)

    def end(self, call: Call, end: CallEnd) -> None:
        """A failed call without text costs nothing, unless its provider says otherwise."""
        self._close(call, end.outcome, end.usage or (self._estimate(call) if call.text else Usage()), end.call_id)
        if end.usage is not None:
            self.costs.known(call.model, end.usage)
        elif end.call_id is not None and call.text:
            self._asking.append(asyncio.create_task(self._ask(call, end.call_id)))

    def cancelled(self, call: Call) -> None:
        self._close(call, AttemptOutcome.CANCELLED, self._estimate(call), None)

    async def hear_costs(self) -> None:
        """Wait a little for what is not known yet; what stays unknown is an estimate, and says so."""
        if self._asking:
            await asyncio.wait(self._asking, timeout=SPENT_WITHIN_S)

    def stop_asking(self) -> None:
        for asking in self._asking:
            asking.cancel()

    async def _ask(self, call: Call, call_id: str) -> None:
        if (usage := await self.chat_model.spent(call_id)) is not None:
            call.usage = usage

    def _close(self, call: Call, outcome: AttemptOutcome, usage: Usage, call_id: str | None) -> None:
        call.outcome, call.usage = outcome, usage
        call.ms = round(self.clock.elapsed_ms() - call.began_ms)
        level = logging.INFO if outcome in _WELL else logging.WARNING
        tokens = usage.prompt_tokens + usage.completion_tokens
        told = {"model": call.model, "outcome": outcome.value, "ms": call.ms, "call_id": call_id}
        _log.log(level, "model called", extra={**told, "tokens": tokens, "cost_usd": usage.cost_usd})

    def _estimate(self, call: Call) -> Usage:
        return self.costs.estimate(call.model, self.messages, "".join(call.text))
