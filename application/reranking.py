"""A reranker that is asked within a question's time."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Final, TypeAlias

from application.ports import Clock
from application.rerank_pace import RerankPace
from domain.errors import PortError
from domain.retrieval.model import FoundPassage, Ranked
from domain.retrieval.ports import Reranker

NO_RERANKER_S: Final = 0.01
"""When less is left, none is asked: a call that nobody waits for costs as much as any."""

_Told: TypeAlias = "asyncio.Future[Sequence[Ranked] | None]"
"""What the reranker says; None: not in time."""

_log = logging.getLogger("ibid.retrieval")


@dataclass(frozen=True, slots=True)
class Reranking:
    """The reranker, and how long after the question arrived it may answer: all that comes before it counts as well."""

    reranker: Reranker
    budget_s: float
    pace: RerankPace = field(default_factory=RerankPace)
    _late: "set[asyncio.Future[None]]" = field(default_factory=set)

    def worth(self, left_s: float, now_s: float) -> bool:
        """Whether passages are read and sent to it: fewer are read where they are not."""
        return left_s >= NO_RERANKER_S and self.pace.worth(left_s, now_s)

    async def ranked(
        self, text: str, passages: Sequence[FoundPassage], left_s: float, clock: Clock
    ) -> Sequence[Ranked] | None:
        """How the reranker orders the passages; None: not in time. Raises what it raises."""
        if self.pace.sure(left_s):
            return await self._asked_here(text, passages, left_s, clock)
        return await self._asked_beside(text, passages, left_s, clock)

    async def _asked_here(
        self, text: str, passages: Sequence[FoundPassage], left_s: float, clock: Clock
    ) -> Sequence[Ranked] | None:
        """Broken off if it is late after all. Without a task, which takes two turns of a busy loop."""
        began_ms = clock.elapsed_ms()
        try:
            async with asyncio.timeout(left_s) as limit:
                ranked = await self._asked(text, passages)
        except TimeoutError:
            if not limit.expired():
                raise
            self.pace.took(inf)
            return None
        self.pace.took((clock.elapsed_ms() - began_ms) / 1_000)
        return ranked

    async def _asked_beside(
        self, text: str, passages: Sequence[FoundPassage], left_s: float, clock: Clock
    ) -> Sequence[Ranked] | None:
        """In a task of its own, which comes to its end whoever still waits for it."""
        loop = asyncio.get_running_loop()
        told: _Told = loop.create_future()
        ranking = asyncio.ensure_future(self._to_the_end(text, passages, told, clock))
        at_the_latest = loop.call_later(left_s, _tell, told, None)
        try:
            return await told
        finally:
            at_the_latest.cancel()
            if not ranking.done():
                # It is paid for; broken off, it would cost the next question a new connection, and be late again.
                self._late.add(ranking)
                ranking.add_done_callback(self._come_too_late)

    async def _to_the_end(self, text: str, passages: Sequence[FoundPassage], told: "_Told", clock: Clock) -> None:
        """
        Whoever still waits for it: how long it takes is what the next question goes by.

        Tells who waits, which is a turn of a busy loop sooner than waiting for this task.
        """
        began_ms = clock.elapsed_ms()
        try:
            ranked = await self._asked(text, passages)
        except Exception as error:
            if told.done():
                raise
            told.set_exception(error)
            return
        self.pace.took((clock.elapsed_ms() - began_ms) / 1_000)
        _tell(told, ranked)

    async def _asked(self, text: str, passages: Sequence[FoundPassage]) -> Sequence[Ranked]:
        return await self.reranker.rerank(text, list(map(_shown, passages)), keep=len(passages))

    def _come_too_late(self, ranking: "asyncio.Future[None]") -> None:
        self._late.discard(ranking)
        error = None if ranking.cancelled() else ranking.exception()
        # What the service did wrong, the reranker's policy has logged and counted.
        if error is not None and not isinstance(error, PortError):
            _log.error("a late reranking failed", exc_info=error)


def _tell(told: _Told, ranked: Sequence[Ranked] | None) -> None:
    if not told.done():
        told.set_result(ranked)


def _shown(passage: FoundPassage) -> str:
    """A passage as a reranker reads it: where it stands, then what it says."""
    source = passage.source
    return "\n".join((source.document.title, *source.section.heading_path, source.passage.text))
