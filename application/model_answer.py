"""The answer that models write: one after the other until one's text stands, the extractive writer when none's does."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Final

from application.answer_cache import AnswerCache, KeptAnswer, cache_key
from application.model_calls import Call, CallBook
from application.model_costs import ModelCosts
from application.ports import AnswerWriter, Clock
from application.shared_writing import SharedWriting
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
_RETRY_AFTER_S: Final = 0.15
_LONGEST_WAIT_S: Final = 1.0
_LONGEST_LAST_WAIT_S: Final = 5.0
"""A busy model is waited for so long; the last of the list longer, since only quotations come after it."""
_DAILY_LIMIT_FROM_S: Final = 300.0
"""A provider that asks for so long a wait has closed for the day: OpenRouter's limits are by minute and by day."""
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
    shared: SharedWriting = field(default_factory=SharedWriting)

    def draft(self, task: AnswerTask) -> "ModelDraft":
        prompt = fit_prompt(
            task.question,
            task.evidence,
            history=task.history,
            standalone=task.standalone,
            instructions=task.instructions,
            budget_tokens=self.prompt_tokens,
        )
        if prompt.evidence or not task.evidence:
            return ModelDraft(self, task, prompt)
        return ModelDraft(self, task, replace(prompt, evidence=task.evidence, degraded=()), sendable=False)

    def key(self, task: AnswerTask, prompt: FittedPrompt) -> bytes:
        evidence = (f"{piece.passage_id}/{piece.document.version}" for piece in prompt.evidence)
        messages = (message.content for message in prompt.messages)
        return cache_key(messages, evidence, self.models, task.access, [str(self.answer_tokens)])


@dataclass(slots=True)
class ModelDraft(Draft):
    by: ModelDrafting
    task: AnswerTask
    prompt: FittedPrompt
    sendable: bool = True
    """False: the best evidence is longer than any prompt, so that no model is asked and it is quoted from instead."""
    _model: str = ""
    _cached: bool = False
    _missing: str | None = None
    _void: bool = False
    _next_model: int = 0
    _began_ms: float = 0.0
    _last_end: CallEnd | None = None
    _quoted: SingleDraft | None = None
    _book: CallBook = field(init=False)

    def __post_init__(self) -> None:
        self._book = CallBook(self.by.chat_model, self.by.clock, self.by.costs, self.prompt.messages)

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
        return (*self._book.attempts, *(self._quoted.attempts if self._quoted else ()))

    @property
    def usage(self) -> Usage:
        return Usage(cached=True) if self._cached else self._book.usage

    async def write(self) -> AsyncGenerator[str | Retracted, None]:
        key = self.by.key(self.task, self.prompt)
        if (kept := self.by.cache.get(key)) is not None:
            self._cached, self._model = True, kept.model
            if kept.text:
                yield kept.text
            return
        self._began_ms = self.by.clock.elapsed_ms()
        async with aclosing(self._with_another(key)) as pieces:
            async for piece in pieces:
                yield piece
        if self._model:
            return
        own = self.by.shared.begin(key)
        try:
            while not self._model and (chosen := await self._choose()) is not None:
                async with aclosing(self._pieces(*chosen)) as pieces:
                    async for piece in pieces:
                        own.add(piece)
                        yield piece
            self._keep(key)
            self.by.shared.end(key, own, self._model)
            if not self._model:
                async with aclosing(self._quotations()) as pieces:
                    async for piece in pieces:
                        yield piece
            await self._book.hear_costs()
        finally:
            self.by.shared.end(key, own, own.model)
            self._book.stop_asking()

    async def _with_another(self, key: bytes) -> AsyncGenerator[str | Retracted, None]:
        """What is being written for somebody who asked the same; ``_model`` says afterwards whether it stands."""
        if (ahead := self.by.shared.find(key)) is None:
            return
        async with aclosing(ahead.read()) as pieces:
            async for piece in pieces:
                self._void = isinstance(piece, str)
                yield piece
        if ahead.model:
            self._void, self._cached, self._model = False, True, ahead.model

    def _keep(self, key: bytes) -> None:
        """For whoever asks the same later; an answer cut at its limit may come out whole then."""
        if self._model and (last := self._book.calls[-1]).outcome is AttemptOutcome.OK:
            self.by.cache.put(key, KeptAnswer("".join(last.text) if last.shown else "", self._model))

    async def _choose(self) -> tuple[str, Reservation] | None:
        """The model to call next, its call reserved; None: no more calls."""
        late = self.by.clock.elapsed_ms() - self._began_ms > BEGIN_WITHIN_S * 1000
        if late or not self.sendable or len(self._book.calls) >= MAX_CALLS:
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
        tries = sum(call.model == model for call in self._book.calls)
        return wait_s if tries < TRIES and wait_s <= longest_s else None

    async def _pieces(self, model: str, reservation: Reservation) -> AsyncGenerator[str | Retracted, None]:
        """One call's text; ``_model`` says afterwards whether it stands."""
        call, opening = self._book.begin(model), Opening()
        self._last_end = None
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
                self._book.cancelled(call)

    def _asked(self, call: Call) -> ModelCall:
        left_s = FIRST_TEXT_WITHIN_S - (call.began_ms - self._began_ms) / 1000
        return ModelCall(call.model, self.prompt.messages, self.by.answer_tokens, min(self.by.silent_s, left_s))

    async def _ended(self, call: Call, end: CallEnd, reservation: Reservation) -> None:
        self._last_end = end
        if not end.sent:
            self._book.strike(call)
            await self.by.budgets.settle(reservation, made=False)
            return
        if end.stands:
            self._model = call.model
        elif call.shown:
            self._void = True
        self._book.end(call, end)
        if end.outcome is AttemptOutcome.RATE_LIMITED and (end.retry_after_s or 0) >= _DAILY_LIMIT_FROM_S:
            await self.by.budgets.exhaust(ProviderCall.MODEL, Window.DAY)

    async def _quotations(self) -> AsyncGenerator[str | Retracted, None]:
        """What the extractive writer makes of the same evidence, when no model's text stands."""
        self._missing = self._missing or "model_unavailable"
        _log.warning("no model answered", extra={"degraded": self._missing, "calls": len(self._book.calls)})
        task = replace(self.task, evidence=self.evidence)
        self._quoted = SingleDraft(self.by.otherwise, self.by.clock, task)
        self._model = self._quoted.model
        if self._void:
            yield Retracted(self._model)
        async with aclosing(self._quoted.write()) as pieces:
            async for piece in pieces:
                yield piece
