"""How well a verifier's scores tell supported claims from the rest."""

from collections.abc import Sequence
from dataclasses import dataclass

from domain.evaluation.classification import auroc, calibration_error, confusion


@dataclass(frozen=True, slots=True)
class ClaimFigures:
    """``auroc`` is None where all claims are of one kind; from ``threshold`` on a score counts as supported."""

    n: int
    auroc: float | None
    f1: float
    precision: float
    recall: float
    accuracy: float
    threshold: float
    ece: float


def claim_figures(scores: Sequence[float], supported: Sequence[bool], *, threshold: float) -> ClaimFigures:
    """``supported`` against the rest; a claim's score, 0 to 1, is that of its best passage."""
    decided = confusion([score >= threshold for score in scores], supported)
    return ClaimFigures(
        n=len(scores),
        auroc=auroc(scores, supported),
        f1=decided.f1,
        precision=decided.precision,
        recall=decided.recall,
        accuracy=decided.accuracy,
        threshold=threshold,
        ece=calibration_error(scores, supported),
    )
