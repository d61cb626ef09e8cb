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
    runs_of_kept: list[frozenset[tuple[str, ...]]] = []
    for passage in passages:
        if len(kept) == keep:
            break
        runs = _runs(passage.source.passage.text)
        if any(len(runs & earlier) >= shared * min(len(runs), len(earlier)) for earlier in runs_of_kept):
            continue
        runs_of_kept.append(runs)
        kept.append(passage)
    return kept


def _runs(text: str) -> frozenset[tuple[str, ...]]:
    words = _WORD.findall(text.casefold())
    if len(words) < _RUN:
        return frozenset([tuple(words)])
    return frozenset(zip(*(words[first:] for first in range(_RUN)), strict=False))
