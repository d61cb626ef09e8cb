"""The words of a question as a plain full-text search takes them."""

from collections.abc import Sequence
from typing import Final

from domain.text import Analyzer

MAX_WORDS: Final = 32
"""More make a search slower, not better."""


def search_words(text: str, *, analyzer: Analyzer, languages: Sequence[str]) -> list[list[str]]:
    """
    The content words of a question, each in the forms that it is looked for by: its stems, and itself.

    A search by beginnings finds "installing" by the stem "instal"; but "study" has the stem "studi", which it does
    not begin with.
    """
    words: dict[str, dict[str, None]] = {}
    for language in languages:
        for term in analyzer.terms(text, language=language):
            word = text[term.start : term.end].casefold()
            words.setdefault(word, {word: None})[term.stem] = None
    return [list(forms) for forms in words.values()][:MAX_WORDS]
