"""How well scores, 0 to 1, tell what is so from what is not."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

BINS: Final = 10


@dataclass(frozen=True, slots=True)
class Confusion:
    """Counts of a decision; a ratio of nothing is 0."""

    true_positives: int
    false_positives: int
    false_negatives: int
    true_negatives: int

    @property
    def precision(self) -> float:
        return _ratio(self.true_positives, self.true_positives + self.false_positives)

    @property
    def recall(self) -> float:
        return _ratio(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        return _ratio(2 * self.true_positives, 2 * self.true_positives + self.false_positives + self.false_negatives)

    @property
    def accuracy(self) -> float:
        right = self.true_positives + self.true_negatives
        return _ratio(right, right + self.false_positives + self.false_negatives)


def confusion(decided: Sequence[bool], truth: Sequence[bool]) -> Confusion:
    pairs = list(zip(decided, truth, strict=True))
    return Confusion(
        pairs.count((True, True)), pairs.count((True, False)), pairs.count((False, True)), pairs.count((False, False))
    )


def auroc(scores: Sequence[float], truth: Sequence[bool]) -> float | None:
    """
    The chance that one that is so scores above one that is not, a tie counting half; None when either kind is missing.

    By rank sums: Hanley & McNeil, The meaning and use of the area under a ROC curve, 1982.
    """
    positives = sum(truth)
    negatives = len(truth) - positives
    if not positives or not negatives:
        return None
    ranked = sorted(zip(scores, truth, strict=True), key=lambda pair: pair[0])
    rank_sum, place = 0.0, 0
    while place < len(ranked):
        after = place
        while after < len(ranked) and ranked[after][0] == ranked[place][0]:
            after += 1
        rank_sum += (place + after + 1) / 2 * sum(positive for _, positive in ranked[place:after])
        place = after
    return (rank_sum - positives * (positives + 1) / 2) / (positives * negatives)


def calibration_error(scores: Sequence[float], truth: Sequence[bool], *, bins: int = BINS) -> float:
    """
    Expected calibration error: by how much scores and the share that is so differ, over bins of equal width.

    Each bin counts by how many scores fall into it. Source: Guo et al., On Calibration of Modern Neural Networks, 2017.
    """
    score_sums, true_counts = [0.0] * bins, [0] * bins
    for score, positive in zip(scores, truth, strict=True):
        place = min(int(score * bins), bins - 1)
        score_sums[place] += score
        true_counts[place] += positive
    gaps = (abs(score_sum - so) for score_sum, so in zip(score_sums, true_counts, strict=True))
    return _ratio(sum(gaps), len(scores))


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
