"""How much of a word other words hold, letter by letter: "acquisition" is half in "acquire", and no list says so."""

from collections.abc import Collection, Set
from functools import lru_cache
from typing import Final

_CACHED_STEMS: Final = 20_000
"""Some 10 MB when full."""


@lru_cache(maxsize=_CACHED_STEMS)
def triples(stem: str) -> frozenset[str]:
    """The runs of three letters of a stem, its beginning and its end counting as letters."""
    framed = f"^{stem}$"
    return frozenset([framed[at : at + 3] for at in range(len(framed) - 2)])


_WHILE_FEW: Final = 12
_OF_MANY: Final = 0.3
"""
Words up to which looking for their triples in the letters is faster than taking all letters apart, or how many for
each word of the text, where these are many.
"""


class Letters:
    """The letters of a text's stems, for asking how much of other words they hold."""

    def __init__(self, stems: Collection[str]) -> None:
        self._stems = stems
        self._few = max(_WHILE_FEW, int(_OF_MANY * len(stems)))
        self._row: str | None = None
        self._triples: frozenset[str] | None = None
        self._shares: dict[str, float] = {}

    def share_held(self, stem: str) -> float:
        """The share of a stem's triples that are among those of the text's stems, 0 to 1."""
        share = self._shares.get(stem)
        if share is not None:
            return share
        own = triples(stem)
        if self._triples is None and len(self._shares) < self._few:
            share = self._shares[stem] = self._found_in_row(own)
            return share
        if self._triples is None:
            self._triples = frozenset().union(*map(triples, self._stems))
        return len(own & self._triples) / len(own) if own else 0.0

    def _found_in_row(self, own: Set[str]) -> float:
        if self._row is None:
            self._row = f"^{'$^'.join(self._stems)}$"  # no stem holds these two: nothing is found across a border
        row = self._row
        return sum(map(row.__contains__, own)) / len(own) if own else 0.0
