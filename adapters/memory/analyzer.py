"""Words without a library: case-folded, stop words left out, no stemming."""

import re
from collections.abc import Sequence
from typing import Final

from domain.text import Analyzer, Term

_WORD: Final = re.compile(r"\w+")
_COMMON: Final = """
a an and are as at be but by can do does for from had has have how i if in into is it its me my no not of on or our so
than that the their them then there these they this to us was we were what when where which who why will with would you
your
"""
_STOP_WORDS: Final = frozenset(_COMMON.split())


class PlainAnalyzer(Analyzer):
    def terms(self, text: str, *, language: str) -> Sequence[Term]:
        words = ((match.group().casefold(), *match.span()) for match in _WORD.finditer(text))
        return [Term(*word) for word in words if language != "en" or word[0] not in _STOP_WORDS]

    def stems(self, text: str, *, language: str) -> Sequence[str]:
        return [term.stem for term in self.terms(text, language=language)]
