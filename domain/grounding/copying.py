"""Words lifted from a source without quotation marks."""

import re
from collections.abc import Iterable, Sequence
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
_ASCII_WORD: Final = re.compile("[a-z0-9]+")
"""The same, as far as texts in lower case without other letters go."""


def is_copied(sentence: str, sources: Iterable[str]) -> bool:
    """Whether 12 words in a row stand in one of the sources as they stand here, outside quotation marks."""
    unmarked = _MARKER.sub(" ", sentence)
    quotes = '"' in unmarked or not (unmarked.isascii() or _QUOTES.isdisjoint(unmarked))
    segments = _QUOTED.split(unmarked) if quotes else [unmarked]
    written = [words for segment in segments if len(words := _words(segment)) >= LIFTED_WORDS]
    return bool(written) and any(_Runs.of(source).share(words) for source in sources for words in written)


class _Runs:
    """A source's words, and each 12 of them in a row."""

    def __init__(self, text: str) -> None:
        words = _words(text)
        self._words = frozenset(words)
        self._runs = frozenset([tuple(words[at : at + LIFTED_WORDS]) for at in range(len(words) - LIFTED_WORDS + 1)])

    @staticmethod
    @lru_cache(maxsize=128)
    def of(text: str) -> "_Runs":
        return _Runs(text)

    def share(self, words: Sequence[str]) -> bool:
        """Whether any run of these words is one of the source's."""
        at = 0
        while at + LIFTED_WORDS <= len(words):
            if tuple(words[at : at + LIFTED_WORDS]) in self._runs:
                return True
            # A run that ends in a strange word is none, and neither are those that begin before it or with it.
            at += 1 if words[at + LIFTED_WORDS - 1] in self._words else LIFTED_WORDS
        return False


def _words(text: str) -> list[str]:
    lower = text.lower()
    return (_ASCII_WORD if lower.isascii() else _WORD).findall(lower)
