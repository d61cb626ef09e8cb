"""What a question should have found, cited and said, and what it did."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GoldQuestion:
    """
    A question with what is known of its answer.

    ``relevant`` names the places that hold the answer: a document's uri or url, with ``#anchor`` for one section of
    it. ``history`` are the questions asked before in the same conversation. ``expected`` are strings of a good answer.
    """

    id: str
    question: str
    history: tuple[str, ...] = ()
    relevant: frozenset[str] = frozenset()
    answerable: bool = True
    expected: tuple[str, ...] = ()
    collections: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a passage stands, by every name that a gold file may give it."""

    uri: str
    url: str | None
    anchor: str | None

    def among(self, relevant: Iterable[str]) -> frozenset[str]:
        """Those of the relevant places that this one is, or is a part of."""
        names = {name for name in (self.uri, self.url) if name}
        if self.anchor:
            names |= {f"{name}#{self.anchor}" for name in names}
        return frozenset(names.intersection(relevant))


@dataclass(frozen=True, slots=True)
class ObservedClaim:
    verdict: str
    cited: Sequence[Place]


@dataclass(frozen=True, slots=True)
class Observed:
    """
    What one question brought about. ``found`` is what a search ranks, best first; empty where nothing is relevant.

    ``ms`` is what the asker waited for the whole answer; tokens and cost are those of that one answer.
    """

    answered: bool
    answer: str
    found: Sequence[Place]
    claims: Sequence[ObservedClaim]
    ms: float
    tokens: int
    cost_usd: float
