"""Measures of how well scores tell true from false."""

from collections.abc import Sequence
from typing import Final

_BINS: Final = 10


def auroc(scores: Sequence[float], truth: Sequence[bool]) -> float:
    """The chance that a true one scores above a false one, ties counting half."""
    true = sum(truth)
    false = len(truth) - true
    ranked = sorted(zip(scores, truth, strict=True))
    wins, below, at = 0.0, 0, 0
    while at < len(ranked):
        end = at
        while end < len(ranked) and ranked[end][0] == ranked[at][0]:
            end += 1
        trues = sum(is_true for _, is_true in ranked[at:end])
        wins += trues * (below + (end - at - trues) / 2)
        below += end - at - trues
        at = end
    return wins / (true * false)


def f1_at(threshold: float, scores: Sequence[float], truth: Sequence[bool]) -> tuple[float, float, float]:
    """F1, precision and recall of taking for true what scores at least ``threshold``."""
    taken = [score >= threshold for score in scores]
    hits = sum(one and other for one, other in zip(taken, truth, strict=True))
    return 2 * hits / max(1, sum(taken) + sum(truth)), hits / max(1, sum(taken)), hits / max(1, sum(truth))


def best_f1(scores: Sequence[float], truth: Sequence[bool]) -> tuple[float, float]:
    """The best F1 that a threshold could have, and the threshold."""
    best = max(sorted(set(scores)), key=lambda threshold: f1_at(threshold, scores, truth)[0])
    return f1_at(best, scores, truth)[0], best


def calibration_error(scores: Sequence[float], truth: Sequence[bool]) -> float:
    """Expected calibration error over ten equal bins (Guo et al. 2017): |mean score - share true|, by bin size."""
    bins: list[list[tuple[float, bool]]] = [[] for _ in range(_BINS)]
    for score, is_true in zip(scores, truth, strict=True):
        bins[min(_BINS - 1, int(score * _BINS))].append((score, is_true))
    gaps = (abs(sum(score for score, _ in one) - sum(is_true for _, is_true in one)) for one in bins)
    return sum(gaps) / len(scores)
