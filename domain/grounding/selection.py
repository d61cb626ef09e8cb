"""Questions about what a reader has marked: the passages that hold it come first."""

import re
from collections.abc import Sequence
from typing import Final

from domain.grounding.model import Evidence

SHARED: Final = 0.5
"""Of the shorter text's runs of words: a selection may begin in one passage and end in the next."""
_RUN: Final = 4
_WORD: Final = re.compile(r"\w+")


def selection_first(evidence: Sequence[Evidence], selected: str) -> tuple[Evidence, ...]:
    """The evidence with the passages that the selection was made in ahead, numbered anew; else in its order."""
    wanted = _runs(selected)
    ordered = sorted(evidence, key=lambda piece: not _shares(_runs(piece.text), wanted))
    return tuple([piece.numbered(number) for number, piece in enumerate(ordered, start=1)])


def _shares(runs: frozenset[tuple[str, ...]], wanted: frozenset[tuple[str, ...]]) -> bool:
    return len(runs & wanted) >= SHARED * min(len(runs), len(wanted)) > 0


def _runs(text: str) -> frozenset[tuple[str, ...]]:
    words = _WORD.findall(text.casefold())
    length = min(_RUN, len(words))
    return frozenset(zip(*(words[first:] for first in range(length)), strict=False)) if length else frozenset()
