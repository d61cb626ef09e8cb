"""Claims judged by a language model beside their words: in few calls, within the plan, nothing taken on trust."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final

from application.model_costs import ModelCosts
from domain.access.ports import ProviderBudgets
from domain.access.quotas import ProviderCall
from domain.conversation.calls import CallEnd, Message, ModelCall
from domain.conversation.judging import PROMPT_VERSION, SCHEMA, judging_messages, read_verdicts
from domain.conversation.model import AttemptOutcome, Usage
from domain.conversation.ports import ChatModel
from domain.errors import PortReplyInvalid, PortUnavailable
from domain.grounding.model import Verdict, Verifier
from domain.grounding.ports import CitedClaim, ClaimVerifier, Judgement
from domain.grounding.second_opinion import is_open, talks_to_judge, with_opinion

CLAIMS_A_CALL: Final = 16
CHARS_A_CALL: Final = 48_000
"""Of claims and passages, some 12,000 tokens: as much as a prompt for an answer. One claim goes whatever it has."""
_TOKENS: Final = (256, 48)
"""Of the reply: to begin with, and for each claim; a verdict takes some 15, and models that think aloud take more."""
_KEPT: Final = 1_000
"""Replies kept: an answer that is kept, and given again, is not judged again for money."""

_log = logging.getLogger("ibid.model")

Book = Callable[[Usage], None]


@dataclass(frozen=True, slots=True)
class ModelJudge(ClaimVerifier):
    """
    Asks ``model`` about what ``words`` leave open; ``domain/grounding/second_opinion.py`` says what its word counts.

    ``silent_s``: how long a call may take to begin. All or nothing: the calls of one answer run side by side, and
    when one of them comes to nothing the others are given up.
    """

    words: ClaimVerifier
    chat_model: ChatModel
    budgets: ProviderBudgets
    model: str
    costs: ModelCosts
    silent_s: float = 20.0
    _kept: OrderedDict[bytes, tuple[Verdict, ...]] = field(default_factory=OrderedDict)

    @property
    def verifier(self) -> Verifier:
        by = self.words.verifier
        return Verifier(self.model, f"{PROMPT_VERSION}+{by.name}-{by.version}")

    async def verify(
        self, claims: Sequence[CitedClaim], *, language: str, book: Book = lambda usage: None
    ) -> Sequence[Judgement]:
        judged = list(await self.words.verify(claims, language=language))
        asked = [place for place, words in enumerate(judged) if is_open(words)]
        parts = _parts(claims, asked)
        calls = [asyncio.create_task(self._ask([claims[place] for place in part], book)) for part in parts]
        try:
            opinions = await asyncio.gather(*calls)
        finally:
            for call in calls:
                call.cancel()
            # A call that was given up books what it has cost before this returns.
            await asyncio.gather(*calls, return_exceptions=True)
        for part, verdicts in zip(parts, opinions, strict=True):
            for place, verdict in zip(part, verdicts, strict=True):
                raising = not talks_to_judge(claims[place])
                judged[place] = with_opinion(judged[place], verdict, may_raise=raising)
        return judged

    async def _ask(self, claims: Sequence[CitedClaim], book: Book) -> tuple[Verdict, ...]:
        messages = judging_messages(claims)
        key = _key(messages)
        if (kept := self._kept.get(key)) is not None:
            self._kept.move_to_end(key)
            return kept
        most = _TOKENS[0] + _TOKENS[1] * len(claims)
        text, end = await self._called(ModelCall(self.model, messages, most, self.silent_s, SCHEMA), book)
        if not end.stands or end.outcome is not AttemptOutcome.OK:
            raise PortUnavailable(self.model, f"judged nothing: {end.outcome.value}", retry_after_s=end.retry_after_s)
        verdicts = read_verdicts(text, len(claims))
        if verdicts is None:
            raise PortReplyInvalid(self.model, "answered with something else than the verdicts that were asked for")
        self._kept[key] = verdicts
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return verdicts

    async def _called(self, call: ModelCall, book: Book) -> tuple[str, CallEnd]:
        reservation = await self.budgets.reserve(ProviderCall.JUDGE)
        try:
            text, end = await self.chat_model.whole(call)
        except asyncio.CancelledError:
            book(self.costs.estimate(self.model, call.messages, ""))
            raise
        if not end.sent:
            await self.budgets.settle(reservation, made=False)
            raise PortUnavailable(self.model, "is left alone for a while after it failed")
        usage = end.usage or self.costs.estimate(self.model, call.messages if text else (), text)
        if end.usage is not None:
            self.costs.known(self.model, end.usage)
        book(usage)
        told = {"model": self.model, "outcome": end.outcome.value, "call_id": end.call_id, "cost_usd": usage.cost_usd}
        _log.log(logging.INFO if end.stands else logging.WARNING, "judge called", extra=told)
        return text, end


def _parts(claims: Sequence[CitedClaim], places: Sequence[int]) -> list[list[int]]:
    """The places of the claims that go into each call, in order."""
    parts: list[list[int]] = []
    texts: set[str] = set()
    for place in places:
        claim = claims[place]
        new = {claim.text, *(one.text for one in claim.cited)}
        full = parts and (len(parts[-1]) == CLAIMS_A_CALL or sum(map(len, texts | new)) > CHARS_A_CALL)
        if not parts or full:
            parts.append([])
            texts = set()
        parts[-1].append(place)
        texts |= new
    return parts


def _key(messages: Sequence[Message]) -> bytes:
    return blake2b("\0".join(message.content for message in messages).encode("utf-8", "surrogatepass")).digest()
