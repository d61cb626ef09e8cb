"""Which of the passages that were found go into the evidence, and in which order: trust, review, variety."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from domain.retrieval.model import FoundPassage

ALIKE: Final = 0.1
"""
Fused scores that differ by less say little: of two hits of which one is relevant, the higher is the relevant one 60
times in 100 up to here, and 70 to 80 times beyond. The same on SciFact, Chroma and MTRAG (docs/evaluation.md).
"""
ON_TOPIC: Final = 0.05
"""Chance of answering from which a passage counts as one on the question's topic: all but those that share nothing."""
ANSWERS: Final = 0.5
"""A document answers as well whose passage scores alike and has this share of the best chance there is."""
OF_ONE_DOCUMENT: Final = 2
DEFAULT_TRUST: Final = 5


class Scored(NamedTuple):
    """A found passage with its calibrated chance, 0 to 1, of answering the question, and what it is ranked by."""

    passage: FoundPassage
    chance: float
    merit: float


def are_peers(found: Sequence[FoundPassage], trust: Mapping[str, int]) -> bool:
    """Whether all come from sources of one trust, none of them reviewed beside others that are not."""
    documents = [one.source.document for one in found]
    tiers = {trust.get(document.collection, DEFAULT_TRUST) for document in documents}
    return len(tiers) <= 1 and len({document.peer_reviewed is True for document in documents}) <= 1


def varied(
    first: Sequence[FoundPassage], others: Sequence[FoundPassage], chance: Callable[[FoundPassage], float]
) -> list[FoundPassage]:
    """
    The first, of which a document's third passage and more give way to those of the others that answer as well.

    Both are in the order of their rank. ``chance`` is asked only where there is something to exchange.
    """
    seen: Counter[object] = Counter()
    kept: list[FoundPassage] = []
    surplus: list[FoundPassage] = []
    for one in first:
        seen[one.source.document.id] += 1
        (kept if seen[one.source.document.id] <= OF_ONE_DOCUMENT else surplus).append(one)
    if not surplus:
        return list(first)
    for one in others:
        if not surplus or one.hit.score < surplus[-1].hit.score - ALIKE:
            break
        if seen[one.source.document.id] >= OF_ONE_DOCUMENT:
            continue
        if chance(one) >= ANSWERS * max(map(chance, first)):
            seen[one.source.document.id] += 1
            surplus.pop()
            kept.append(one)
    places = {one.source.passage.id: place for place, one in enumerate((*first, *others))}
    return sorted([*kept, *surplus], key=lambda one: places[one.source.passage.id])


def by_trust(found: Sequence[FoundPassage], trust: Mapping[str, int]) -> list[FoundPassage]:
    """The most trusted first, else in their order: so of two that say the same, the more trusted one is kept."""
    return sorted(found, key=lambda one: -trust.get(one.source.document.collection, DEFAULT_TRUST))


def prefer(found: Sequence[Scored], trust: Mapping[str, int], *, top_k: int) -> list[Scored]:
    """
    The ``top_k`` to answer from, in the order in which they are shown.

    By merit (a fused score, or what a reranker says), a reviewed source before others that score alike. ``trust`` by
    collection, 0 to 9, goes before all that: of passages on the question's topic no less trusted one stands above a
    more trusted one, however much it looks like the question. Half of the places are kept for the most trusted on the
    topic; the others go by merit, so that a question which only a less trusted source answers still finds it.
    """
    ranked = sorted(found, key=_merit)
    tiers = {_trust(one, trust) for one in ranked}
    if len(tiers) <= 1:
        return ranked[:top_k]
    trusted = sorted((one for one in ranked if one.chance >= ON_TOPIC), key=lambda one: -_trust(one, trust))
    kept = trusted[: (top_k + 1) // 2]
    taken = {one.passage.source.passage.id for one in kept}
    others = [one for one in ranked if one.passage.source.passage.id not in taken]
    chosen = sorted([*kept, *others[: top_k - len(kept)]], key=_merit)
    return sorted(chosen, key=lambda one: (one.chance < ON_TOPIC, -_trust(one, trust) if one.chance >= ON_TOPIC else 0))


def _merit(one: Scored) -> float:
    return -(one.merit + (ALIKE if one.passage.source.document.peer_reviewed is True else 0.0))


def _trust(one: Scored, trust: Mapping[str, int]) -> int:
    return trust.get(one.passage.source.document.collection, DEFAULT_TRUST)
