"""Remove what need not be kept: at the start, after work and after a question; by no timer, so that idle stays idle."""

import logging
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from application.ports import SWEPT_AT_ONCE, Clock, RetentionRules, UnitOfWorkFactory
from domain.errors import PortError

AT_MOST_EVERY: Final = timedelta(hours=1)

_log = logging.getLogger("ibid.retention")


@dataclass(slots=True)
class SweepRetention:
    unit_of_work: UnitOfWorkFactory
    clock: Clock
    rules: RetentionRules = field(default_factory=RetentionRules)
    at_once: int = SWEPT_AT_ONCE
    _swept_at: datetime | None = field(default=None, init=False)
    _sweeping: bool = field(default=False, init=False)

    async def execute(self) -> bool:
        """
        Sweep, unless that was done within the hour or is being done. A database that does not answer is left for the
        next time. Returns whether it swept.
        """
        now = self.clock.now()
        if self._sweeping or (self._swept_at is not None and now - self._swept_at < AT_MOST_EVERY):
            return False
        self._sweeping = True
        try:
            return await self._sweep(now)
        finally:
            self._sweeping = False

    async def _sweep(self, now: datetime) -> bool:
        removed = Counter[str]()
        try:
            while True:
                async with self.unit_of_work() as uow:
                    batch = await uow.retention.sweep(self.rules, at=now, limit=self.at_once)
                    await uow.commit()
                removed.update(batch)
                if max(batch.values(), default=0) < self.at_once:
                    break
        except PortError as error:
            _log.warning("not everything was swept", exc_info=error)
            return False
        self._swept_at = now
        if any(removed.values()):
            _log.info("swept", extra={name: count for name, count in removed.items() if count})
        return True
