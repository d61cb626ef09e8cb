"""Passages that say the same again, found by the runs of words that they share."""

import re
from collections.abc import Sequence
from typing import Final

from domain.retrieval.model import FoundPassage

SHARED: Final = 0.8
"""Of the shorter passage's runs of words: a copied page with its version number changed stays well above."""
_RUN: Final = 4
_WORD: Final = re.compile(r"\w+")


def drop_near_duplicates(
    passages: Sequence[FoundPassage], *, keep: int | None = None, shared: float = SHARED
) -> list[FoundPassage]:
    """
    The first ``keep`` passages (all, without it) that repeat no earlier, so better, one; order is kept.

    One repeats another when at least ``shared`` of the distinct four-word runs of the shorter stand in the longer too
    (containment; Broder, On the Resemblance and Containment of Documents, 1997). Passages of fewer than four words
    repeat only their equals.
    """
    kept: list[FoundPassage] = []
    words_of_kept: list[tuple[list[str], frozenset[str]]] = []
    for passage in passages:
        if len(kept) == keep:
            break
        found = _WORD.findall(passage.source.passage.text.casefold())
        words = (found, frozenset(found))
        if any(_repeats(words, earlier, shared) for earlier in words_of_kept):
            continue
        words_of_kept.append(words)
        kept.append(passage)
    return kept


def _repeats(
    words: tuple[Sequence[str], frozenset[str]], earlier: tuple[Sequence[str], frozenset[str]], shared: float
) -> bool:
    in_both = len(words[1] & earlier[1])
    if in_both < min(_least_in_both(words, shared), _least_in_both(earlier, shared)):
        return False  # most pairs: no closer look is needed
    runs, runs_earlier = _runs(words[0]), _runs(earlier[0])
    return len(runs & runs_earlier) >= shared * min(len(runs), len(runs_earlier))


def _least_in_both(words: tuple[Sequence[str], frozenset[str]], shared: float) -> float:
    """
    How many of a text's words another must have to hold ``shared`` of its runs.

    Each missing word but the last three begins a run that is missing, and no two begin the same one.
    """
    found, distinct = words
    return len(distinct) - (1 - shared) * max(len(found) - _RUN + 1, 1) - (_RUN - 1)


def _runs(words: Sequence[str]) -> frozenset[tuple[str, ...]]:
    if len(words) < _RUN:
        return frozenset([tuple(words)])
    return frozenset(zip(*(words[first:] for first in range(_RUN)), strict=False))
