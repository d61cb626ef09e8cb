"""Ask every part that the service stands on, once and now: what answers, what is wrong, how to mend it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from application.ports import Clock, UnitOfWorkFactory
from domain.access.model import Principal, Scope
from domain.errors import PortError
from domain.retrieval.model import Purpose
from domain.retrieval.ports import Embedder, PassageWriter, Reranker

PATIENCE_S: Final = 10.0
"""Longest wait for one part: twice what a slow provider takes for one text."""


class Outcome(StrEnum):
    OK = "ok"
    FAILED = "failed"
    UNUSED = "unused"
    """Not configured; ``mend`` says what to set to have it."""


@dataclass(frozen=True, slots=True)
class Unsound:
    """It answers, and is not what the settings need: what is wrong, and what mends just this."""

    detail: str
    mend: str


class Probe(Protocol):
    """One part, and how to ask it something small. ``mend`` is what its operator can do when it fails."""

    part: str
    mend: str

    async def ask(self) -> str | Unsound | None:
        """What stands there and answered, in a few words without a secret; None: not configured. Raises PortError."""


@dataclass(frozen=True, slots=True)
class Finding:
    part: str
    outcome: Outcome
    detail: str
    mend: str
    ms: int


@dataclass(frozen=True, slots=True)
class DatabaseProbe:
    unit_of_work: UnitOfWorkFactory
    mend: str
    part: str = "database"

    async def ask(self) -> str:
        async with self.unit_of_work() as uow:
            held = len(await uow.collections.all())
        return f"answers, and holds {held:,} collection{'' if held == 1 else 's'}"


@dataclass(frozen=True, slots=True)
class EmbedderProbe:
    embedder: Embedder
    mend: str
    part: str = "embedder"

    async def ask(self) -> str:
        [vector] = await self.embedder.embed(["Does this answer?"], purpose=Purpose.QUESTION)
        return f"{self.embedder.name}, {len(vector)} numbers a text"


@dataclass(frozen=True, slots=True)
class IndexProbe:
    passages: PassageWriter
    mend: str
    part: str = "index"

    async def ask(self) -> str:
        return f"holds {await self.passages.count():,} passages"


@dataclass(frozen=True, slots=True)
class RerankerProbe:
    """``reranker`` None: none is set."""

    reranker: Reranker | None
    mend: str
    part: str = "reranker"

    async def ask(self) -> str | None:
        if self.reranker is None:
            return None
        await self.reranker.rerank("Does this answer?", ["It does.", "It does not."], keep=1)
        return self.reranker.name


@dataclass(frozen=True, slots=True)
class Diagnose:
    """All probes side by side, each for ``patience_s`` at most. Raises ScopeMissing unless the caller has ``admin``."""

    probes: Sequence[Probe]
    clock: Clock
    patience_s: float = PATIENCE_S

    async def execute(self, principal: Principal) -> list[Finding]:
        principal.require(Scope.ADMIN)
        return list(await asyncio.gather(*(self._finding(probe) for probe in self.probes)))

    async def _finding(self, probe: Probe) -> Finding:
        began = self.clock.elapsed_ms()
        mend = ""
        try:
            async with asyncio.timeout(self.patience_s):
                told = await probe.ask()
            if told is None:
                outcome, detail, mend = Outcome.UNUSED, "not configured", probe.mend
            elif isinstance(told, Unsound):
                outcome, detail, mend = Outcome.FAILED, told.detail, told.mend
            else:
                outcome, detail = Outcome.OK, told
        except PortError as error:
            outcome, detail, mend = Outcome.FAILED, str(error), probe.mend
        except TimeoutError:
            outcome, detail, mend = Outcome.FAILED, f"did not answer within {self.patience_s:.0f} seconds", probe.mend
        return Finding(probe.part, outcome, detail, mend, round(self.clock.elapsed_ms() - began))
