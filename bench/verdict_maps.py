"""
How well scores could be calibrated over all kinds of pairs at once: ``python -m bench.verdict_maps``.

First how often a pair of WiCE or of a kind of SciFact's is supported, by the shipped verifier's score. Then the
calibration error: the shipped one; and, on claims that were kept out (five folds by claim), that of two monotone maps
from score to chance: one learnt on the kind for itself, which so knows its base rate, one learnt as the shipped line
is, on WiCE and on SciFact's three kinds of texts together. What lies between the two is the price of not knowing the
kind. Last, the least that the worst kind could have by any one map from these ranges of scores to chances, monotone or
not, that had seen all answers: of WiCE and of the kinds that leave out one of the three.
"""

import sys
from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import pairwise
from random import Random
from typing import Final, TypeAlias

from bench.verdict_data import SENTENCES, TOGETHER, WICE, labelled_sets
from bench.verdict_quality import best
from domain.evaluation.classification import calibration_error

_FOLDS: Final = 5
_EDGES: Final = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
_STEPS: Final = 20_000

Scored: TypeAlias = tuple[str, float, bool]
"""A claim, its score, and whether it is supported."""
Map: TypeAlias = Callable[[float], float]


def monotone_map(weighted: Sequence[tuple[float, bool, float]]) -> Map:
    """The rising steps that fit (score, supported, weight) best, by pooling adjacent violators."""
    blocks: list[list[float]] = []  # lowest score, weight, weight supported
    for score, supported, weight in sorted(weighted):
        blocks.append([score, weight, weight * supported])
        while len(blocks) > 1 and blocks[-2][2] * blocks[-1][1] >= blocks[-1][2] * blocks[-2][1]:
            _, more, more_supported = blocks.pop()
            blocks[-1][1] += more
            blocks[-1][2] += more_supported
    lowest = [block[0] for block in blocks]
    chances = [block[2] / block[1] for block in blocks]
    return lambda score: chances[max(0, bisect_right(lowest, score) - 1)]


def kept_out(sets: dict[str, list[Scored]], fold_of: dict[str, int], learnt_on: Sequence[str], of: str) -> float:
    """The calibration error of one kind by maps learnt on the other folds of ``learnt_on``."""
    chances, truth = [], []
    for fold in range(_FOLDS):
        known = [
            (score, supported, 1 / len(sets[name]))
            for name in learnt_on
            for claim, score, supported in sets[name]
            if fold_of[claim] != fold
        ]
        found = monotone_map(known)
        for claim, score, supported in sets[of]:
            if fold_of[claim] == fold:
                chances.append(found(score))
                truth.append(supported)
    return calibration_error(chances, truth)


def _place(score: float) -> int:
    return bisect_right(_EDGES, score)


def rates(rows: Sequence[Scored]) -> list[tuple[float, float]]:
    """For each range of scores: the share of the kind's pairs in it, and the share of these that is supported."""
    groups: list[list[bool]] = [[] for _ in range(len(_EDGES) + 1)]
    for _, score, supported in rows:
        groups[_place(score)].append(supported)
    return [(len(group) / len(rows), sum(group) / len(group) if group else 0.0) for group in groups]


def least_worst(tables: Sequence[list[tuple[float, float]]]) -> float:
    """The least worst error of any one chance for each range of scores, by steps down the worst kind's slope."""
    chances = [0.5] * (len(_EDGES) + 1)
    least = 1.0
    for step in range(_STEPS):
        errors = [
            sum(share * abs(chance - rate) for (share, rate), chance in zip(table, chances, strict=True))
            for table in tables
        ]
        least = min(least, max(errors))
        worst = tables[errors.index(max(errors))]
        pace = 0.5 / (1 + step) ** 0.5
        chances = [
            min(1.0, max(0.0, chance - pace * share * (1 if chance > rate else -1)))
            for (share, rate), chance in zip(worst, chances, strict=True)
        ]
    return least


def main() -> None:
    sets: dict[str, list[Scored]] = {
        name: [(one.claim, best(one)[0].score, one.supported) for one in rows] for name, rows in labelled_sets().items()
    }
    claims = sorted({claim for rows in sets.values() for claim, _, _ in rows})
    Random(0).shuffle(claims)  # noqa: S311 - folds, not secrets
    fold_of = {claim: place % _FOLDS for place, claim in enumerate(claims)}
    edges = [0.0, *_EDGES, 1.0]
    ranges = " | ".join(f"{low:.1f} to {high:.1f}" for low, high in pairwise(edges))
    sys.stdout.write(f"| supported, of pairs that score | {ranges} | all |\n|{'---|' * (len(edges) + 1)}\n")
    for name, rows in sets.items():
        cells = [f"{rate:.2f} ({share * len(rows):.0f})" for share, rate in rates(rows)]
        base = sum(supported for _, _, supported in rows) / len(rows)
        sys.stdout.write(f"| {name} | {' | '.join(cells)} | {base:.2f} |\n")
    sys.stdout.write(
        "\n| calibration error | shipped | own map, kept out | one common map, kept out |\n|---|---|---|---|\n"
    )
    for name, rows in sets.items():
        shipped = calibration_error([score for _, score, _ in rows], [supported for _, _, supported in rows])
        own, common = (kept_out(sets, fold_of, learnt_on, name) for learnt_on in ([name], [WICE, TOGETHER]))
        sys.stdout.write(f"| {name} | {shipped:.3f} | {own:.3f} | {common:.3f} |\n")
    least = least_worst([rates(rows) for name, rows in sets.items() if name not in (TOGETHER, SENTENCES)])
    sys.stdout.write(f"\nThe worst kind by the best of all maps, all answers seen: {least:.3f}\n")


if __name__ == "__main__":
    main()
