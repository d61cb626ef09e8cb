"""From the signals of a claim to the chance that its text supports it."""

from collections.abc import Mapping
from math import exp
from typing import Final

from domain.grounding.model import Verdict
from domain.grounding.signals import Signals

# Learnt by bench/verdict_fit.py, 2026-11-21, on WiCE's 349 claims of Wikipedia and SciFact's training claims together;
# docs/evaluation.md has what they reach on claims that were kept out. The signs are what one would expect but for
# ``denied_oddly``, which takes back what ``turned`` says of the same denial.
_WEIGHTS: Final = Signals(
    cover=5.76,
    precision=1.26,
    alone=0.71,
    telling=1.76,
    length=-1.59,
    figures=-4.27,
    names=-2.98,
    asks=-2.65,
    opposite=-2.78,
    undirected=-0.24,
    other_words=-0.44,
    against=-0.63,
    one_sided=-0.58,
    turned=-0.43,
    denied_oddly=1.02,
    claim_denies=-3.05,
    source_denies=-1.31,
)
_INTERCEPT: Final = -4.81
_EVEN, _SLOPE, _OF_LENGTH, _SLOPE_OF_LENGTH = 0.1937, 0.5655, -1.5203, 0.343
"""
The logit of the chance: long texts hold many of a claim's words by accident, and so need more of them.

Since 2026-11-28 a chance is that of a claim of which nothing else is known: the text may support it, contradict it or
speak of another matter. The four stood at .82, .61, -1.64 and .37, learnt on pairs half of which were supported; a
straight line over their logit (-.566, .927), learnt with the rules on WiCE and on all three kinds of SciFact's texts
alike, made these of them. It moved no claim past another, and the two bars below with them, from .38 and .15.
"""

SUPPORTED_CHANCE: Final = 0.265
"""The chance from which on a claim is supported: there F1 is best on WiCE, and close to it on the others."""
UNSUPPORTED_CHANCE: Final = 0.102
"""The chance below which a claim is unsupported; in between it is partial."""


def chance_of_support(signals: Signals) -> float:
    """The calibrated chance, 0 to 1, that a claim is supported."""
    logit = _INTERCEPT + sum([weight * signal for weight, signal in zip(_WEIGHTS, signals, strict=True)])
    logit = _EVEN + _SLOPE * logit + signals.length * (_OF_LENGTH + _SLOPE_OF_LENGTH * logit)
    return 1 / (1 + exp(-max(-30.0, min(30.0, logit))))


_BELOW: Final[Mapping[Verdict, float]] = {Verdict.PARTIAL: SUPPORTED_CHANCE, Verdict.UNSUPPORTED: UNSUPPORTED_CHANCE}


def lowered(chance: float, best: Verdict) -> float:
    """The chance of a claim to which the rules leave ``best`` at most: that verdict's, in the order of the chances."""
    below = _BELOW.get(best)
    return chance if below is None else min(chance, below * (0.9 + 0.099 * chance))
