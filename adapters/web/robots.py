"""robots.txt as RFC 9309 has it: read by Protego, kept for an hour."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from protego import Protego

KEPT_S: Final = 3_600.0
MAX_BYTES: Final = 500 * 1024
"""RFC 9309, section 2.5: at least 500 KiB must be read; the rest need not."""
MAX_DELAY_S: Final = 60.0
_HOSTS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Rules:
    """One site's rules for one agent. ``delay_s``: seconds that it wants between two requests."""

    rules: Protego | None
    agent: str
    delay_s: float = 0.0

    def allow(self, address: str) -> bool:
        return self.rules is None or bool(self.rules.can_fetch(address, self.agent))


def read_rules(content: bytes, agent: str) -> Rules:
    rules = Protego.parse(content[:MAX_BYTES].decode("utf-8", "replace"))
    return Rules(rules, agent, min(float(rules.crawl_delay(agent) or 0.0), MAX_DELAY_S))


class KeptRules:
    """What was read of each site, for a while."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[float, Rules]] = OrderedDict()

    def of(self, origin: str, *, now: float) -> Rules | None:
        at, rules = self._kept.get(origin, (0.0, None))
        return rules if rules is not None and now - at < KEPT_S else None

    def keep(self, origin: str, rules: Rules, *, now: float) -> None:
        self._kept[origin] = (now, rules)
        if len(self._kept) > _HOSTS:
            self._kept.popitem(last=False)
