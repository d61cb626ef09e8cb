"""
Fits the weights of domain/grounding/calibration.py and cross-validates them: ``python -m bench.verdict_fit``.

First a logistic over the signals, with weights common to WiCE and to SciFact and an intercept for each set. Of
SciFact's cited sentences, which all are on the claim's subject, only the signals of wording are learnt, four times as
heavily as the rest: they are what tells support from contradiction. Then four numbers that turn its logit into a
chance, steeper and lower the longer the text is. Last, one straight line from the chance's logit to another one, which
moves no pair past another: the scores, rules applied, are to be true of WiCE and of all that a text may be to a claim
of SciFact's, each set weighing alike. Everything is done anew in each of five folds, by claim, three times.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final, TypeAlias

import numpy as np

from bench.grounding_data import ANALYZER
from bench.verdict_data import (
    ASIDE,
    CONTRADICTED,
    FOREIGN,
    SENTENCES,
    TOGETHER,
    UNRELATED,
    WICE,
    Labelled,
    labelled_sets,
)
from domain.evaluation.claims import claim_figures
from domain.grounding.calibration import SUPPORTED_CHANCE, lowered
from domain.grounding.claims import without_markers
from domain.grounding.model import Verdict
from domain.grounding.overlap import length_weights, terms_of
from domain.grounding.ports import CitedText
from domain.grounding.signals import Signals, signals_of
from domain.grounding.sources import source_of
from domain.grounding.verdicts import best_left, judgement

Array: TypeAlias = "np.ndarray[Any, np.dtype[np.float64]]"

_WORDING_FROM: Final = Signals._fields.index("opposite")
_LENGTH: Final = Signals._fields.index("length")
_LEARNT_FROM: Final = {WICE: 1.0, UNRELATED: 1.0, CONTRADICTED: 4.0}
_CALIBRATED_ON: Final = {WICE: 1.0, CONTRADICTED: 1.0, ASIDE: 1.0, FOREIGN: 0.5}
_TRUE_OF: Final = (WICE, TOGETHER)
_ROUNDS: Final = 6
"""Times that the line is drawn anew: the rules bound the scores that it has moved."""
_FOLDS, _TIMES = 5, 3
_SPLITS: Final = 20


@dataclass(frozen=True, slots=True)
class Counted:
    """A claim's signals, a row a text; the best verdict that the rules leave each; and the scores that are certain."""

    signals: Array
    left: Sequence[Verdict]
    certain: Sequence[float | None]
    supported: bool


Sets: TypeAlias = dict[str, list[Counted]]


class Fit:
    """What is learnt: a weight for each signal, and the numbers that make a chance of their sum."""

    def __init__(self, sets: Sets) -> None:
        self.weights, self.intercept = _learn(sets)
        rows, truth, heft = [], [], []
        for name, weight in _CALIBRATED_ON.items():
            for one in sets[name]:
                rows.append(self._spread(_best(one.signals)))
                truth.append(one.supported)
                heft.append(weight / len(sets[name]))
        found = _logistic(np.array(rows), np.array(truth, float), np.array(heft), np.full(3, 0.1))
        self.calibration = found[[3, 0, 1, 2]]
        for _ in range(_ROUNDS):
            self._straighten(sets)

    def _straighten(self, sets: Sets) -> None:
        """Moves the logits of the chances by the line that makes the scores, rules applied, most likely."""
        open_ones = [
            (one, 1 / len(sets[name]))
            for name in _TRUE_OF
            for one in sets[name]
            if one.certain == [None] * len(one.left)
        ]
        scores = np.array([self.score(one) for one, _ in open_ones])
        truth = np.array([one.supported for one, _ in open_ones], float)
        heft = np.array([weight for _, weight in open_ones])
        slope, shift = _logistic(np.log(scores / (1 - scores))[:, None], truth, heft, np.array([0.001]))
        self.calibration = self.calibration * slope
        self.calibration[0] += shift

    def chance(self, one: Counted) -> float:
        """The chance of the best of a claim's texts, by the signals alone."""
        return float(self._chances(one).max())

    def score(self, one: Counted) -> float:
        """The same with the rules, as the shipped verifier has it."""
        scores = [
            lowered(chance, left) if certain is None else certain
            for chance, left, certain in zip(self._chances(one).tolist(), one.left, one.certain, strict=True)
        ]
        return max(scores)

    def _chances(self, one: Counted) -> Array:
        rows = np.array([self._spread(row) for row in one.signals])
        logits: Array = self.calibration[0] + rows @ self.calibration[1:]
        chances: Array = 1 / (1 + np.exp(-logits))
        return chances

    def _spread(self, signals: Array) -> Array:
        logit, length = float(signals @ self.weights + self.intercept), float(signals[_LENGTH])
        return np.array([logit, length, logit * length])


def _best(signals: Array) -> Array:
    """The text that holds most of the claim."""
    best: Array = signals[signals[:, 0].argmax()]
    return best


def _learn(sets: Sets) -> tuple[Array, float]:
    rows, truth, heft = [], [], []
    for place, (name, weight) in enumerate(_LEARNT_FROM.items()):
        for one in sets[name]:
            row = _best(one.signals).copy()
            if name == CONTRADICTED:
                row[:_WORDING_FROM] = 0
            rows.append(np.concatenate([row, np.eye(len(_LEARNT_FROM))[place]]))
            truth.append(one.supported)
            heft.append(weight / len(sets[name]))
    table = np.array(rows)
    spread = table.std(0) + 1e-9
    spread[len(Signals._fields) :] = 1
    ridge = np.array([1.0] * _WORDING_FROM + [2.0] * (len(Signals._fields) - _WORDING_FROM) + [0.01] * 3)
    found = _logistic(table / spread, np.array(truth, float), np.array(heft), ridge, bias=False) / spread
    intercepts = found[len(Signals._fields) :]
    return found[: len(Signals._fields)], float(intercepts[1])


def _logistic(rows: Array, truth: Array, heft: Array, ridge: Array, *, bias: bool = True) -> Array:
    """Penalised maximum likelihood by Newton's steps; the bias, if any, comes last and is not penalised."""
    if bias:
        rows, ridge = np.c_[rows, np.ones(len(rows))], np.append(ridge, 0.0)
    heft = heft * len(heft) / heft.sum()
    found = np.zeros(rows.shape[1])
    for _ in range(50):
        chance = 1 / (1 + np.exp(-rows @ found))
        gradient = rows.T @ (heft * (truth - chance)) - ridge * found
        curvature = (rows * (heft * chance * (1 - chance))[:, None]).T @ rows + np.diag(ridge)
        step = np.linalg.solve(curvature, gradient)
        found += step
        if np.abs(step).max() < 1e-7:
            break
    return found


def _counted(one: Labelled) -> Counted:
    claim = without_markers(one.claim)
    terms = terms_of(claim, ANALYZER, "en")
    weights = length_weights(terms)
    rows, left, certain = [], [], []
    for text in one.texts:
        source = source_of(text, ANALYZER, "en")
        place = source.best_sentence(weights)
        rows.append(signals_of(claim, terms, weights, source, place, language="en"))
        left.append(best_left(claim, terms, weights, source, place, "en"))
        score = judgement(one.claim, [CitedText(text)], analyzer=ANALYZER, language="en").score
        certain.append(score if score in _CERTAIN else None)
    return Counted(np.array(rows), left, certain, one.supported)


_CERTAIN: Final = (0.0, 0.99)
"""Of a claim that obeys its text, and of one in its very words."""


def cross_validated(sets: dict[str, list[Labelled]]) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """The mean chance of each claim in the folds that it was kept out of, and its mean score, rules applied."""
    counted = {name: [_counted(one) for one in rows] for name, rows in sets.items()}
    chances = {name: [0.0] * len(rows) for name, rows in sets.items()}
    scores = {name: [0.0] * len(rows) for name, rows in sets.items()}
    claims = sorted({one.claim for rows in sets.values() for one in rows})
    for seed in range(_TIMES):
        Random(seed).shuffle(claims)  # noqa: S311 - folds, not secrets
        fold_of = {claim: place % _FOLDS for place, claim in enumerate(claims)}
        for fold in range(_FOLDS):
            fit = Fit(
                {
                    name: [counted[name][at] for at, one in enumerate(rows) if fold_of[one.claim] != fold]
                    for name, rows in sets.items()
                }
            )
            for name, rows in sets.items():
                for at, one in enumerate(rows):
                    if fold_of[one.claim] == fold:
                        chances[name][at] += fit.chance(counted[name][at]) / _TIMES
                        scores[name][at] += fit.score(counted[name][at]) / _TIMES
    return chances, scores


def common_logistic(sets: dict[str, list[Labelled]]) -> dict[str, list[float]]:
    """
    The kept-out chances of one logistic learnt on all kinds alike, as rich as the signals allow: what any could do.

    All signals, the squares of those of cover and length, and the products of cover and of length with the others.
    """
    counted = {name: [_counted(one) for one in rows] for name, rows in sets.items()}
    tables = {name: np.array([_rich(_best(one.signals)) for one in rows]) for name, rows in counted.items()}
    truths = {name: np.array([one.supported for one in rows], float) for name, rows in counted.items()}
    every = np.concatenate(list(tables.values()))
    mean, spread = every.mean(0), every.std(0) + 1e-9
    claims = sorted({one.claim for rows in sets.values() for one in rows})
    Random(0).shuffle(claims)  # noqa: S311 - folds, not secrets
    fold_of = {claim: place % _FOLDS for place, claim in enumerate(claims)}
    folds = {name: np.array([fold_of[one.claim] for one in rows]) for name, rows in sets.items()}
    chances = {name: np.zeros(len(rows)) for name, rows in sets.items()}
    for fold in range(_FOLDS):
        known = {name: folds[name] != fold for name in sets}
        rows = np.concatenate([(tables[name][known[name]] - mean) / spread for name in sets])
        truth = np.concatenate([truths[name][known[name]] for name in sets])
        heft = np.concatenate([np.full(known[name].sum(), 1 / len(truths[name])) for name in sets])
        found = _logistic(rows, truth, heft, np.ones(rows.shape[1]))
        for name in sets:
            out = (tables[name][~known[name]] - mean) / spread
            chances[name][~known[name]] = 1 / (1 + np.exp(-(out @ found[:-1] + found[-1])))
    return {name: found.tolist() for name, found in chances.items()}


def _rich(signals: Array) -> Array:
    first = signals[: _LENGTH + 1]
    return np.concatenate([signals, first**2, signals[0] * first[1:], signals[_LENGTH] * signals[_LENGTH + 1 :]])


def threshold_by_halves(chances: Sequence[float], truth: Sequence[bool]) -> tuple[float, float]:
    """The mean threshold that is best for F1 on one half of the claims, and the mean F1 that it has on the other."""
    places = list(range(len(chances)))
    chosen, reached = [], []
    for seed in range(_SPLITS):
        Random(seed).shuffle(places)  # noqa: S311 - halves, not secrets
        for half, rest in ((places[::2], places[1::2]), (places[1::2], places[::2])):
            known, right = [chances[at] for at in half], [truth[at] for at in half]
            best = max(range(5, 100), key=lambda at: claim_figures(known, right, threshold=at / 100).f1) / 100
            chosen.append(best)
            others = claim_figures([chances[at] for at in rest], [truth[at] for at in rest], threshold=best)
            reached.append(others.f1)
    return float(np.mean(chosen)), float(np.mean(reached))


def main() -> None:
    sets = labelled_sets()
    chances, scores = cross_validated(sets)
    truths = {name: [one.supported for one in rows] for name, rows in sets.items()}
    threshold, f1 = threshold_by_halves(chances[WICE], truths[WICE])
    print(f"{WICE}: a threshold chosen on half of the kept-out claims is {threshold:.2f}, F1 on the others {f1:.3f}")
    for what, found in (("signals alone", chances), ("rules included", scores)):
        print(f"Kept out, {what}:")
        for name in sets:
            report(name, found[name], truths[name])
        for names in ((WICE, TOGETHER), (WICE, TOGETHER, SENTENCES)):
            pooled = [chance for name in names for chance in found[name]]
            report(" + ".join(names), pooled, [so for name in names for so in truths[name]])
    kinds = {name: rows for name, rows in sets.items() if name not in (TOGETHER, SENTENCES)}
    print("One logistic over all signals and their products, learnt on all one-sided kinds alike, kept out:")
    for name, rich in common_logistic(kinds).items():
        report(name, rich, truths[name])
    fit = Fit({name: [_counted(one) for one in rows] for name, rows in sets.items()})
    print("Weights:")
    for name, weight in zip(Signals._fields, fit.weights, strict=True):
        print(f"    {name}={weight:.2f},")
    print(f"intercept {fit.intercept:.2f}, calibration {[round(float(number), 4) for number in fit.calibration]}")


def report(name: str, chances: Sequence[float], truth: Sequence[bool]) -> None:
    found = claim_figures(chances, truth, threshold=SUPPORTED_CHANCE)
    best = max(claim_figures(chances, truth, threshold=at / 100).f1 for at in range(5, 100))
    print(
        f"{name:22} {found.n:5} AUROC {found.auroc:.3f}  F1 {found.f1:.3f} (precision {found.precision:.3f}, recall "
        f"{found.recall:.3f}; at the best threshold {best:.3f})  calibration error {found.ece:.3f}"
    )


if __name__ == "__main__":
    main()
