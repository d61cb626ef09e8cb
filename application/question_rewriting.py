"""Follow-ups made understandable by themselves: by a model where one is set, in time and within budget."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from application.model_costs import ModelCosts
from domain.access.ports import ProviderBudgets
from domain.access.quotas import ProviderCall
from domain.conversation.calls import ModelCall
from domain.conversation.model import AttemptOutcome, Question
from domain.conversation.ports import ChatModel, QuestionRewriter, Rewritten
from domain.conversation.prompt import Exchange
from domain.conversation.rewriting import may_lean_on_history, read_rewritten, rewriting_messages
from domain.errors import QuotaSpent

REWRITE_WITHIN_S: Final = 3.0
"""Of the 30 s to the first text; a question is searched for as it was asked when it takes longer."""
_MAX_TOKENS: Final = 256

_log = logging.getLogger("ibid.model")


@dataclass(frozen=True, slots=True)
class AsAsked(QuestionRewriter):
    """Leaves every question as it is."""

    async def rewrite(self, question: Question, history: Sequence[Exchange], *, language: str) -> Rewritten:
        return Rewritten(question.text)


@dataclass(frozen=True, slots=True)
class ModelRewriter(QuestionRewriter):
    """
    Asks one model, once, about a question that may lean on what was said before.

    ``otherwise`` rewrites when the model does not answer in time or says nothing of use, or the plan has no call left.
    """

    chat_model: ChatModel
    budgets: ProviderBudgets
    otherwise: QuestionRewriter
    model: str
    costs: ModelCosts

    async def rewrite(self, question: Question, history: Sequence[Exchange], *, language: str) -> Rewritten:
        if not may_lean_on_history(question.text, language=language):
            return Rewritten(question.text)
        try:
            reservation = await self.budgets.reserve(ProviderCall.MODEL)
        except QuotaSpent:
            return await self._otherwise(question, history, language)
        call = ModelCall(self.model, rewriting_messages(question, history), _MAX_TOKENS, REWRITE_WITHIN_S)
        try:
            async with asyncio.timeout(REWRITE_WITHIN_S):
                text, end = await self.chat_model.whole(call)
        except TimeoutError:
            return await self._otherwise(question, history, language, spent_on=call)
        if not end.sent:
            await self.budgets.settle(reservation, made=False)
        usage = end.usage or self.costs.estimate(self.model, call.messages if text else (), text)
        rewritten = read_rewritten(text) if end.outcome is AttemptOutcome.OK else None
        told = {"model": self.model, "outcome": end.outcome.value, "used": rewritten is not None}
        _log.log(logging.INFO if rewritten else logging.WARNING, "question rewritten", extra=told)
        if rewritten is None:
            return replace(await self._otherwise(question, history, language), usage=usage)
        return Rewritten(rewritten, usage=usage)

    async def _otherwise(
        self, question: Question, history: Sequence[Exchange], language: str, *, spent_on: ModelCall | None = None
    ) -> Rewritten:
        rewritten = replace(await self.otherwise.rewrite(question, history, language=language), skipped=True)
        if spent_on is None:
            return rewritten
        _log.warning("question rewritten", extra={"model": self.model, "outcome": "timeout", "used": False})
        return replace(rewritten, usage=self.costs.estimate(self.model, spent_on.messages, ""))
