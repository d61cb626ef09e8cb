"""One question's figures, and the means of many."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import ceil
from statistics import fmean
from typing import Final

from domain.evaluation.gold import GoldQuestion, Observed
from domain.evaluation.ranking import ndcg, recall, reciprocal_rank


class Metric(StrEnum):
    """
    The figures of a question; a run's figure is the mean over the questions that have it.

    Retrieval has them where something is relevant, citations and verdicts where such a question was answered, expected
    strings where an answerable one was. An answer to a question that none answers is a missed refusal, and only that.
    """

    RECALL = "recall"
    NDCG = "ndcg"
    MRR = "mrr"
    CITATION_PRECISION = "citation_precision"
    CITATION_RECALL = "citation_recall"
    EXPECTED = "expected_found"
    SUPPORTED = "supported_share"
    VERDICT_PRECISION = "verdict_precision"
    VERDICT_RECALL = "verdict_recall"
    FALSE_REFUSAL = "false_refusal"
    MISSED_REFUSAL = "missed_refusal"
    LATENCY = "latency_ms"
    TOKENS = "tokens"
    COST = "cost_usd"


LOWER_IS_BETTER: Final = frozenset(
    {Metric.FALSE_REFUSAL, Metric.MISSED_REFUSAL, Metric.LATENCY, Metric.TOKENS, Metric.COST}
)

Scores = Mapping[Metric, float]


def score(gold: GoldQuestion, observed: Observed, *, k: int) -> Scores:
    """The figures that this question has."""
    scores = {
        Metric.FALSE_REFUSAL if gold.answerable else Metric.MISSED_REFUSAL: float(gold.answerable != observed.answered),
        Metric.LATENCY: observed.ms,
        Metric.TOKENS: float(observed.tokens),
        Metric.COST: observed.cost_usd,
    }
    if gold.relevant:
        ranked = [place.among(gold.relevant) for place in observed.found]
        scores[Metric.RECALL] = recall(ranked, gold.relevant, k=k)
        scores[Metric.NDCG] = ndcg(ranked, gold.relevant, k=k)
        scores[Metric.MRR] = reciprocal_rank(ranked, gold.relevant, k=k)
    if observed.answered:
        scores.update(_of_the_answer(gold, observed))
    return scores


def _of_the_answer(gold: GoldQuestion, observed: Observed) -> Iterator[tuple[Metric, float]]:
    claims = observed.claims
    supported = [claim for claim in claims if claim.verdict == "supported"]
    if claims:
        yield Metric.SUPPORTED, len(supported) / len(claims)
    if gold.answerable and gold.expected:
        said = _folded(observed.answer)
        yield Metric.EXPECTED, fmean(_folded(text) in said for text in gold.expected)
    if not gold.relevant:
        return
    cited = {place for claim in claims for place in claim.cited}
    matched = [place.among(gold.relevant) for place in cited]
    yield Metric.CITATION_PRECISION, fmean(bool(found) for found in matched) if matched else 0.0
    yield Metric.CITATION_RECALL, len(frozenset[str]().union(*matched)) / len(gold.relevant)
    rightly = [claim for claim in claims if any(place.among(gold.relevant) for place in claim.cited)]
    both = sum(claim in rightly for claim in supported)
    if supported:
        yield Metric.VERDICT_PRECISION, both / len(supported)
    if rightly:
        yield Metric.VERDICT_RECALL, both / len(rightly)


def _folded(text: str) -> str:
    """Without what white space and capitals make different."""
    return " ".join(text.split()).casefold()


@dataclass(frozen=True, slots=True)
class Mean:
    value: float
    n: int


def means(scores: Sequence[Scores]) -> dict[Metric, Mean]:
    """Each figure over the questions that have it; one that no question has is left out."""
    by_metric = {metric: [one[metric] for one in scores if metric in one] for metric in Metric}
    return {metric: Mean(fmean(values), len(values)) for metric, values in by_metric.items() if values}


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least ``share`` of the values do not pass (nearest rank); of at least one value."""
    return sorted(values)[max(0, ceil(share * len(values)) - 1)]
