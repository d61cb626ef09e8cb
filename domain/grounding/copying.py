"""Words lifted from a source without quotation marks."""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

LIFTED_WORDS: Final = 12
"""Words in a row, the same as the source's, from which on a sentence counts as copied."""

_QUOTED: Final = re.compile(r"“[^”]*”|\"[^\"]*\"|«[^»]*»|„[^“]*“|「[^」]*」|『[^』]*』")
_QUOTES: Final = frozenset('“"«„「『')
"""Each quotation begins with one of them; most sentences have none, and are not searched for one."""
_MARKER: Final = re.compile(r"\[\d{1,3}\]")
_WORD: Final = re.compile(
    r"[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af]|"
    r"[^\W_]+(?:[\u0300-\u036f\u064b-\u065f\u0900-\u0963\u0970-\u0dff]+[^\W_]*)*"
)
"""A vowel sign or an accent of its own (Hindi, Tamil, Arabic with vowels, decomposed Latin) does not end a word."""


def is_copied(sentence: str, sources: Iterable[str]) -> bool:
    """Whether 12 words in a row stand in one of the sources as they stand here, outside quotation marks."""
    unmarked = _MARKER.sub(" ", sentence)
    runs: set[tuple[str, ...]] = set()
    for segment in [unmarked] if _QUOTES.isdisjoint(unmarked) else _QUOTED.split(unmarked):
        runs |= _runs(segment)
    return bool(runs) and any(not runs.isdisjoint(_runs_of_source(source)) for source in sources)


@lru_cache(maxsize=128)
def _runs_of_source(text: str) -> frozenset[tuple[str, ...]]:
    return frozenset(_runs(text))


def _runs(text: str) -> set[tuple[str, ...]]:
    words = _WORD.findall(text.lower())
    return {tuple(words[at : at + LIFTED_WORDS]) for at in range(len(words) - LIFTED_WORDS + 1)}
