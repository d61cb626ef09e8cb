"""How many requests a caller may send, and how many it has sent."""

from dataclasses import dataclass
from typing import Final

from domain.errors import RateExceeded

WINDOW_S: Final = 60
"""The length of a window; it begins with the first request of a caller, so that no burst straddles two of them."""


@dataclass(frozen=True, slots=True)
class RateStanding:
    """
    Where a caller stands in its window, the present request counted.

    ``used`` is ``limit`` + 1 for every request beyond the limit; ``reset_s`` is whole seconds until the next window.
    """

    limit: int
    used: int
    reset_s: int

    @property
    def remaining(self) -> int:
        return max(0, self.limit - self.used)

    def require(self) -> None:
        """Raise RateExceeded when the present request is beyond the limit."""
        if self.used > self.limit:
            raise RateExceeded(self.limit, retry_after_s=self.reset_s)
