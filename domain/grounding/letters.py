"""How much of a word other words hold, letter by letter: "acquisition" is half in "acquire", and no list says so."""

from collections.abc import Iterable, Set
from functools import lru_cache
from typing import Final

_CACHED_STEMS: Final = 20_000
"""Some 10 MB when full."""


@lru_cache(maxsize=_CACHED_STEMS)
def triples(stem: str) -> frozenset[str]:
    """The runs of three letters of a stem, its beginning and its end counting as letters."""
    framed = f"^{stem}$"
    return frozenset([framed[at : at + 3] for at in range(len(framed) - 2)])


def triples_of_all(stems: Iterable[str]) -> frozenset[str]:
    return frozenset().union(*map(triples, stems))


def share_held(stem: str, held: Set[str]) -> float:
    """The share of a stem's triples that are among ``held``, 0 to 1."""
    own = triples(stem)
    return len(own & held) / len(own) if own else 0.0
