"""Words lifted from a source without quotation marks."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

LIFTED_WORDS: Final = 12
"""Words in a row, the same as the source's, from which on a sentence counts as copied."""

_CACHED_SOURCES: Final = 512
"""Those of some hundred running answers, at two kilobytes each as a rule, and six of the longest."""
_QUOTED: Final = re.compile(r"“[^”]*”|\"[^\"]*\"|«[^»]*»|„[^“]*“|「[^」]*」|『[^』]*』")
_QUOTES: Final = frozenset('“"«„「『')
"""Each quotation begins with one of them; most sentences have none, and are not searched for one."""
_MARKER: Final = re.compile(r"\[\d{1,3}\]")
_WORD: Final = re.compile(
    r"[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af]|"
    r"[^\W_]+(?:[\u0300-\u036f\u064b-\u065f\u0900-\u0963\u0970-\u0dff]+[^\W_]*)*"
)
"""A vowel sign or an accent of its own (Hindi, Tamil, Arabic with vowels, decomposed Latin) does not end a word."""
_APART: Final = "".join(one if one.isalnum() else " " for one in map(chr, range(128)))
"""The same for texts of ASCII alone: blanks for all that is in no word."""
_TELLING: Final = 3
"""Words in a row that a source which has not all twelve seldom has."""


def is_copied(sentence: str, sources: Iterable[str]) -> bool:
    """Whether 12 words in a row stand in one of the sources as they stand here, outside quotation marks."""
    unmarked = _MARKER.sub(" ", sentence)
    quotes = '"' in unmarked or not (unmarked.isascii() or _QUOTES.isdisjoint(unmarked))
    segments = _QUOTED.split(unmarked) if quotes else [unmarked]
    written = [words for segment in segments if len(words := _words(segment)) >= LIFTED_WORDS]
    return bool(written) and any(_holds_run(_row(source), words) for source in sources for words in written)


@lru_cache(maxsize=_CACHED_SOURCES)
def _row(text: str) -> str:
    """The words of a text, a blank around each."""
    return f" {' '.join(_words(text))} "


def _holds_run(row: str, words: Sequence[str]) -> bool:
    """Whether any 12 of these words in a row stand in the row of a text's words."""
    at = 0
    while at + LIFTED_WORDS <= len(words):
        last = at + LIFTED_WORDS
        if f" {' '.join(words[last - _TELLING : last])} " not in row:
            at = last - _TELLING + 1  # nor is any run there that goes over these words
        elif f" {' '.join(words[at:last])} " in row:
            return True
        else:
            at += 1
    return False


def _words(text: str) -> list[str]:
    lower = text.lower()
    return lower.translate(_APART).split() if lower.isascii() else _WORD.findall(lower)
