"""How long rerankings take, so that none is bought that would most likely come too late."""

from collections import deque
from math import inf
from typing import Final

KEPT: Final = 64
"""Rerankings that are remembered, the late ones among them."""
ENOUGH: Final = 8
"""Fewer say nothing yet."""
CHANCE: Final = 0.25
"""Of coming in time, below which none is asked for: three of four would be paid for, and counted by a plan, in vain."""
SURE_WITHIN: Final = 0.5
"""Of the time that is left: when the slowest of the latest took no more than this part, the next one comes in time."""
LOOKS_AGAIN_AFTER: Final = 10
LOOKS_AGAIN_AFTER_S: Final = 1.0
"""After so many that were not asked for, and so long, one is: the service may have become quicker."""


class RerankPace:
    """Of one reranker, in this process's memory."""

    def __init__(self) -> None:
        self._took_s: deque[float] = deque(maxlen=KEPT)
        self._quick_and_slowest_s: tuple[float, float] | None = None
        self._left_out = 0
        self._asked_at_s = 0.0

    def worth(self, left_s: float, now_s: float) -> bool:
        """
        Whether one that has ``left_s`` is to be asked for; whoever is told so asks. ``now_s``: by any one clock that
        only goes forward.
        """
        again = self._left_out >= LOOKS_AGAIN_AFTER and now_s - self._asked_at_s >= LOOKS_AGAIN_AFTER_S
        if left_s < self._quick_and_slowest()[0] and not again:
            self._left_out += 1
            return False
        self._left_out, self._asked_at_s = 0, now_s
        return True

    def sure(self, left_s: float) -> bool:
        """Whether one that has ``left_s`` will come in time, as far as the latest tell."""
        return self._quick_and_slowest()[1] <= left_s * SURE_WITHIN

    def took(self, seconds: float) -> None:
        """One was answered; infinity: it was not, in the time that it was given."""
        self._took_s.append(seconds)
        self._quick_and_slowest_s = None

    def _quick_and_slowest(self) -> tuple[float, float]:
        """Seconds within which the quickest quarter of the latest came, and all; 0 and infinity: little is known."""
        if len(self._took_s) < ENOUGH:
            return 0.0, inf
        if self._quick_and_slowest_s is None:
            in_order = sorted(self._took_s)
            self._quick_and_slowest_s = in_order[int(len(in_order) * CHANCE)], in_order[-1]
        return self._quick_and_slowest_s
