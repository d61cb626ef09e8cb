"""How well a ranking brings what is relevant: recall, nDCG and reciprocal rank, each of one question, 0 to 1."""

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from math import log2


def recall(ranked: Sequence[AbstractSet[str]], relevant: AbstractSet[str], *, k: int) -> float:
    """
    The share of the relevant things that the first ``k`` places hold.

    ``ranked`` says of each place which things stand there: a passage may be part of several, or of none. ``relevant``
    is not empty, here and below.
    """
    return sum(_new(ranked[:k], relevant)) / len(relevant)


def ndcg(ranked: Sequence[AbstractSet[str]], relevant: AbstractSet[str], *, k: int) -> float:
    """
    Discounted cumulative gain of the first ``k`` places, over that of the best order there could be.

    Each relevant thing gains 1 where it stands first, and nothing where it stands again: a second passage of one page
    takes a place and brings nothing new. Source: Järvelin & Kekäläinen, Cumulated gain-based evaluation, 2002.
    """
    gained = sum(new / log2(place + 1) for place, new in enumerate(_new(ranked[:k], relevant), start=1))
    best = sum(1 / log2(place + 1) for place in range(1, min(k, len(relevant)) + 1))
    # One passage can hold two relevant things at once, which is better than one a place.
    return min(1.0, gained / best)


def reciprocal_rank(ranked: Sequence[AbstractSet[str]], relevant: AbstractSet[str], *, k: int) -> float:
    """1 over the place of the first relevant thing, 0 where the first ``k`` places hold none."""
    return next((1 / place for place, things in enumerate(ranked[:k], start=1) if things & relevant), 0.0)


def _new(ranked: Sequence[AbstractSet[str]], relevant: AbstractSet[str]) -> Iterator[int]:
    """How many relevant things each place holds that no place before held."""
    seen: set[str] = set()
    for things in ranked:
        new = (things & relevant) - seen
        seen |= new
        yield len(new)
