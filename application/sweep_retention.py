"""Remove what need not be kept: swept at the start and after work, never by a timer, so that idle stays idle."""

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from application.ports import Clock, RetentionRules, UnitOfWorkFactory
from domain.errors import PortError

AT_MOST_EVERY: Final = timedelta(hours=1)

_log = logging.getLogger("ibid.retention")


@dataclass(slots=True)
class SweepRetention:
    unit_of_work: UnitOfWorkFactory
    clock: Clock
    rules: RetentionRules = field(default_factory=RetentionRules)
    _swept_at: datetime | None = field(default=None, init=False)

    async def execute(self) -> None:
        """Sweep, unless that was done within the hour. A database that does not answer is left for the next time."""
        now = self.clock.now()
        if self._swept_at is not None and now - self._swept_at < AT_MOST_EVERY:
            return
        try:
            async with self.unit_of_work() as uow:
                removed = await uow.retention.sweep(self.rules, at=now)
                await uow.commit()
        except PortError as error:
            _log.warning("nothing was swept", exc_info=error)
            return
        self._swept_at = now
        if any(removed.values()):
            _log.info("swept", extra={name: count for name, count in removed.items() if count})
