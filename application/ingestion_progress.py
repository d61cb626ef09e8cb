"""How far an ingestion is: told as it goes on, to whoever follows it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from application.ports import Clock, Ingestion, Outcome, UnitOfWorkFactory
from application.read_ingestions import whose
from domain.access.model import Owner, Principal

LOOK_EVERY_S: Final = 1.0
"""For news of a worker in another process, and only while somebody follows an ingestion that has not ended."""

AT_MOST_EVERY_S: Final = 0.2


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """``news``: something has changed; ``end``: there is no more to come."""

    news: asyncio.Event = field(default_factory=asyncio.Event)
    end: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(slots=True)
class IngestionNews:
    """Wakes those who follow an ingestion when the worker of this process has got on with it."""

    _waiting: dict[UUID, set[Told]] = field(default_factory=dict, init=False)
    _closed: bool = field(default=False, init=False)

    def tell(self, ingestion_id: UUID, *, ended: bool = False) -> None:
        for told in self._waiting.get(ingestion_id, ()):
            told.news.set()
            if ended:
                told.end.set()

    def close(self) -> None:
        """The service stops: nobody waits any more."""
        self._closed = True
        for ingestion_id in self._waiting:
            self.tell(ingestion_id, ended=True)

    @property
    def closed(self) -> bool:
        return self._closed

    @contextmanager
    def of(self, ingestion_id: UUID) -> Iterator[Told]:
        """What is told of the ingestion from now on."""
        told = Told()
        waiting = self._waiting.setdefault(ingestion_id, set())
        waiting.add(told)
        try:
            yield told
        finally:
            waiting.discard(told)
            if not waiting:
                self._waiting.pop(ingestion_id, None)


@dataclass(frozen=True, slots=True)
class Progress:
    """``per_second`` documents since the follower began, None until there is a rate; ``remaining_s`` by that rate."""

    ingestion: Ingestion
    done: int
    per_second: float | None
    remaining_s: float | None


@dataclass(frozen=True, slots=True)
class FollowIngestion:
    """The progress of one ingestion: at once, then whenever it has changed, and last when it has ended."""

    unit_of_work: UnitOfWorkFactory
    news: IngestionNews
    clock: Clock

    async def execute(self, principal: Principal, ingestion_id: UUID) -> AsyncIterator[Progress]:
        """Raises IngestionNotFound before the first. Ends early, without an end, when the service stops."""
        owner = whose(principal)
        return self._follow(await self._read(ingestion_id, owner), owner)

    async def _follow(self, ingestion: Ingestion, owner: Owner | None) -> AsyncIterator[Progress]:
        began_ms, began_at = self.clock.elapsed_ms(), done(ingestion)
        yield Progress(ingestion, began_at, None, None)
        with self.news.of(ingestion.id) as told:
            told.news.set()  # what has come since the ingestion was read was told to nobody
            while not ingestion.status.is_final and not self.news.closed:
                with suppress(TimeoutError):
                    await asyncio.wait_for(told.news.wait(), LOOK_EVERY_S)
                told.news.clear()
                before, ingestion = ingestion, await self._read(ingestion.id, owner)
                if ingestion != before:
                    seconds = (self.clock.elapsed_ms() - began_ms) / 1_000
                    yield _progress(ingestion, done(ingestion) - began_at, seconds)
                    if not ingestion.status.is_final:
                        with suppress(TimeoutError):  # the end is told at once
                            await asyncio.wait_for(told.end.wait(), AT_MOST_EVERY_S)

    async def _read(self, ingestion_id: UUID, owner: Owner | None) -> Ingestion:
        async with self.unit_of_work() as uow:
            return await uow.ingestions.get(ingestion_id, owner)


def _progress(ingestion: Ingestion, worked: int, seconds: float) -> Progress:
    so_far = done(ingestion)
    rate = worked / seconds if worked > 0 and seconds > 0 else None
    remaining = None if rate is None else (ingestion.counts["total"] - so_far) / rate
    return Progress(ingestion, so_far, rate, remaining)


def done(ingestion: Ingestion) -> int:
    """How many of the requested documents something has become of."""
    return sum(
        count for name, count in ingestion.counts.items() if name not in ("total", Outcome.REMOVED, Outcome.PENDING)
    )
