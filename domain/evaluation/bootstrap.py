"""Whether a difference between two runs over the same questions is more than chance."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from statistics import fmean
from typing import Final

RESAMPLES: Final = 4_000
CONFIDENCE: Final = 0.95
_SEED: Final = 20261121
"""Fixed: the same two runs give the same interval every time."""


@dataclass(frozen=True, slots=True)
class Change:
    """The mean change from one run to another, and the interval that holds it 95 times in 100."""

    mean: float
    low: float
    high: float

    @property
    def certain(self) -> bool:
        """Whether the interval leaves no change out."""
        return self.low > 0 or self.high < 0


def paired_change(before: Sequence[float], after: Sequence[float], *, resamples: int = RESAMPLES) -> Change:
    """
    The change of a mean, question by question; both runs hold the same questions in the same order, at least one.

    Percentile bootstrap over the questions (Efron & Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13).
    """
    changes = [new - old for old, new in zip(before, after, strict=True)]
    chance = Random(_SEED)  # noqa: S311  resampling, nothing secret
    means = sorted(fmean(chance.choices(changes, k=len(changes))) for _ in range(resamples))
    outside = int(resamples * (1 - CONFIDENCE) / 2)
    return Change(fmean(changes), means[outside], means[-1 - outside])
