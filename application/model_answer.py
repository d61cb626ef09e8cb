"""The answer that models write: one after the other until one's text stands, the extractive writer when none's does."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Final

from application.answer_cache import AnswerCache, KeptAnswer, cache_key
from application.model_costs import ModelCosts
from application.ports import AnswerWriter, Clock
from application.writing import AnswerTask, Draft, Drafting, Retracted, SingleDraft
from domain.access.ports import ProviderBudgets
from domain.access.quotas import ProviderCall, Reservation, Window
from domain.conversation.calls import CallEnd, ModelCall
from domain.conversation.model import Attempt, AttemptOutcome, Usage
from domain.conversation.no_answer import Opening
from domain.conversation.ports import ChatModel
from domain.conversation.prompt import FittedPrompt, fit_prompt
from domain.errors import QuotaSpent
from domain.grounding.model import Evidence

TRIES: Final = 2
"""Calls of one model before its first text, at most."""
MAX_CALLS: Final = 6
"""Calls for one answer, at most."""
BEGIN_WITHIN_S: Final = 28.0
FIRST_TEXT_WITHIN_S: Final = 30.0
"""Of the first call: no other begins, and no silence is borne, for longer (reliability notes, section 3)."""
SILENT_S: Final = 20.0
SPENT_WITHIN_S: Final = 2.0
_RETRY_AFTER_S: Final = 0.15
_LONGEST_WAIT_S: Final = 1.0
_LONGEST_LAST_WAIT_S: Final = 5.0
"""A busy model is waited for so long; the last of the list longer, since only quotations come after it."""
_DAILY_LIMIT_FROM_S: Final = 300.0
"""A provider that asks for so long a wait has closed for the day: OpenRouter's limits are by minute and by day."""
_WELL: Final = frozenset({AttemptOutcome.OK, AttemptOutcome.CANCELLED})

_log = logging.getLogger("ibid.model")


@dataclass(frozen=True, slots=True)
class ModelDrafting(Drafting):
    """
    ``models`` first choice first; ``prompt_tokens`` bounds what is sent, ``answer_tokens`` what comes back;
    ``silent_s`` is how long one model may take to begin.
    """

    chat_model: ChatModel
    budgets: ProviderBudgets
    otherwise: AnswerWriter
    clock: Clock
    models: tuple[str, ...]
    answer_tokens: int
    prompt_tokens: int
    silent_s: float = SILENT_S
    cache: AnswerCache = field(default_factory=AnswerCache)
    costs: ModelCosts = field(default_factory=ModelCosts)

    def draft(self, task: AnswerTask) -> "ModelDraft":
        prompt = fit_prompt(
            task.question,
            task.evidence,
            history=task.history,
            standalone=task.standalone,
            instructions=task.instructions,
            budget_tokens=self.prompt_tokens,
        )
        return ModelDraft(self, task, prompt)

    def key(self, task: AnswerTask, prompt: FittedPrompt) -> bytes:
        evidence = (f"{piece.passage_id}/{piece.document.version}" for piece in prompt.evidence)
        messages = (message.content for message in prompt.messages)
        return cache_key(messages, evidence, self.models, task.access, [str(self.answer_tokens)])


@dataclass(slots=True)
class _Call:
    """One call, under way or over; its outcome stays "cancelled" when nobody is left to see the end."""

    model: str
    began_ms: float
    text: list[str] = field(default_factory=list)
    shown: bool = False
    outcome: AttemptOutcome = AttemptOutcome.CANCELLED
    ms: int = 0
    usage: Usage = field(default_factory=Usage)

    @property
    def attempt(self) -> Attempt:
        return Attempt(self.model, self.outcome.value, self.ms, self.usage)


@dataclass(slots=True)
class ModelDraft(Draft):
    by: ModelDrafting
    task: AnswerTask
    prompt: FittedPrompt
    _model: str = ""
    _cached: bool = False
    _missing: str | None = None
    _void: bool = False
    _next_model: int = 0
    _began_ms: float = 0.0
    _calls: list[_Call] = field(default_factory=list)
    _last_end: CallEnd | None = None
    _quoted: SingleDraft | None = None
    _asking: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        return self.prompt.evidence

    @property
    def degraded(self) -> tuple[str, ...]:
        return (*self.prompt.degraded, *([self._missing] if self._missing else []))

    @property
    def model(self) -> str:
        return self._model

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        return (*(call.attempt for call in self._calls), *(self._quoted.attempts if self._quoted else ()))

    @property
    def usage(self) -> Usage:
        return Usage(cached=True) if self._cached else Usage.total(call.usage for call in self._calls)

    async def write(self) -> AsyncGenerator[str | Retracted, None]:
        key = self.by.key(self.task, self.prompt)
        if (kept := self.by.cache.get(key)) is not None:
            self._cached, self._model = True, kept.model
            if kept.text:
                yield kept.text
            return
        self._began_ms = self.by.clock.elapsed_ms()
        try:
            while not self._model and (chosen := await self._choose()) is not None:
                async with aclosing(self._pieces(*chosen)) as pieces:
                    async for piece in pieces:
                        yield piece
            if not self._model:
                async with aclosing(self._quotations()) as pieces:
                    async for piece in pieces:
                        yield piece
            elif self._calls[-1].outcome is AttemptOutcome.OK:
                shown = "".join(self._calls[-1].text) if self._calls[-1].shown else ""
                self.by.cache.put(key, KeptAnswer(shown, self._model))
            if self._asking:
                await asyncio.wait(self._asking, timeout=SPENT_WITHIN_S)
        finally:
            for asking in self._asking:
                asking.cancel()

    async def _choose(self) -> tuple[str, Reservation] | None:
        """The model to call next, its call reserved; None: no more calls."""
        late = self.by.clock.elapsed_ms() - self._began_ms > BEGIN_WITHIN_S * 1000
        if late or len(self._calls) >= MAX_CALLS:
            return None
        if (wait_s := self._worth_waiting()) is not None:
            await asyncio.sleep(wait_s)
        else:
            self._next_model += 1
        if self._next_model > len(self.by.models):
            return None
        try:
            reservation = await self.by.budgets.reserve(ProviderCall.MODEL)
        except QuotaSpent:
            self._missing = "model_quota"
            return None
        return self.by.models[self._next_model - 1], reservation

    def _worth_waiting(self) -> float | None:
        """Seconds until the last model is asked again; None: it is not."""
        end = self._last_end
        if end is None or not end.retryable or self._void:
            return None
        model = self.by.models[self._next_model - 1]
        wait_s = _RETRY_AFTER_S if end.retry_after_s is None else end.retry_after_s + _RETRY_AFTER_S
        longest_s = _LONGEST_WAIT_S if self._next_model < len(self.by.models) else _LONGEST_LAST_WAIT_S
        tries = sum(call.model == model for call in self._calls)
        return wait_s if tries < TRIES and wait_s <= longest_s else None

    async def _pieces(self, model: str, reservation: Reservation) -> AsyncGenerator[str | Retracted, None]:
        """One call's text; ``_model`` says afterwards whether it stands."""
        call, opening = self._begin(model), Opening()
        if self._void:
            self._void = False
            yield Retracted(model)
        try:
            async with aclosing(self.by.chat_model.stream(self._asked(call))) as pieces:
                async for piece in pieces:
                    if isinstance(piece, CallEnd):
                        await self._ended(call, piece, reservation)
                        shown = opening.rest() if piece.stands else ""
                    else:
                        call.text.append(piece)
                        shown = piece if call.shown else opening.add(piece)
                    if shown:
                        call.shown = True
                        yield shown
        finally:
            if self._last_end is None:
                self._book(call, AttemptOutcome.CANCELLED, self._estimate(call))

    def _begin(self, model: str) -> _Call:
        call = _Call(model, self.by.clock.elapsed_ms())
        self._calls.append(call)
        self._last_end = None
        return call

    def _asked(self, call: _Call) -> ModelCall:
        left_s = FIRST_TEXT_WITHIN_S - (call.began_ms - self._began_ms) / 1000
        return ModelCall(call.model, self.prompt.messages, self.by.answer_tokens, min(self.by.silent_s, left_s))

    async def _ended(self, call: _Call, end: CallEnd, reservation: Reservation) -> None:
        self._last_end = end
        if not end.sent:
            self._calls.remove(call)
            await self.by.budgets.settle(reservation, made=False)
            return
        if end.stands:
            self._model = call.model
        elif call.shown:
            self._void = True
        self._book(call, end.outcome, end.usage or (self._estimate(call) if call.text else Usage()), end.call_id)
        if end.usage is not None:
            self.by.costs.known(call.model, end.usage)
        elif end.call_id is not None and call.text:
            self._asking.append(asyncio.create_task(self._ask_what_was_spent(call, end.call_id)))
        if end.outcome is AttemptOutcome.RATE_LIMITED and (end.retry_after_s or 0) >= _DAILY_LIMIT_FROM_S:
            await self.by.budgets.exhaust(ProviderCall.MODEL, Window.DAY)

    def _book(self, call: _Call, outcome: AttemptOutcome, usage: Usage, call_id: str | None = None) -> None:
        call.outcome, call.usage = outcome, usage
        call.ms = round(self.by.clock.elapsed_ms() - call.began_ms)
        level = logging.INFO if outcome in _WELL else logging.WARNING
        told = {"model": call.model, "outcome": outcome.value, "ms": call.ms, "call_id": call_id}
        tokens = usage.prompt_tokens + usage.completion_tokens
        _log.log(level, "model called", extra={**told, "tokens": tokens, "cost_usd": usage.cost_usd})

    def _estimate(self, call: _Call) -> Usage:
        return self.by.costs.estimate(call.model, self.prompt.messages, "".join(call.text))

    async def _ask_what_was_spent(self, call: _Call, call_id: str) -> None:
        if (usage := await self.by.chat_model.spent(call_id)) is not None:
            call.usage = usage

    async def _quotations(self) -> AsyncGenerator[str | Retracted, None]:
        """What the extractive writer makes of the same evidence, when no model's text stands."""
        self._missing = self._missing or "model_unavailable"
        _log.warning("no model answered", extra={"degraded": self._missing, "calls": len(self._calls)})
        task = replace(self.task, evidence=self.evidence)
        self._quoted = SingleDraft(self.by.otherwise, self.by.clock, task)
        self._model = self._quoted.model
        if self._void:
            yield Retracted(self._model)
        async with aclosing(self._quoted.write()) as pieces:
            async for piece in pieces:
                yield piece
