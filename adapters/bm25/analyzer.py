"""Words as BM25, verdicts and abstention count them: found by pattern, case-folded, stemmed by Snowball."""

import re
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain, pairwise
from operator import itemgetter
from threading import Lock
from typing import Final, TypeAlias
from unicodedata import normalize

from Stemmer import Stemmer

from adapters.bm25.stop_words import STOP_WORDS
from domain.text import Analyzer, Term

_SNOWBALL: Final = {
    "ar": "arabic", "ca": "catalan", "da": "danish", "de": "german", "el": "greek", "en": "english", "eo": "esperanto",
    "es": "spanish", "et": "estonian", "eu": "basque", "fi": "finnish", "fr": "french", "ga": "irish", "hi": "hindi",
    "hu": "hungarian", "hy": "armenian", "id": "indonesian", "it": "italian", "lt": "lithuanian", "nb": "norwegian",
    "ne": "nepali", "nl": "dutch", "nn": "norwegian", "no": "norwegian", "pl": "polish", "pt": "portuguese",
    "ro": "romanian", "ru": "russian", "sr": "serbian", "sv": "swedish", "ta": "tamil", "tr": "turkish",
    "cs": "czech", "fa": "persian", "st": "sesotho", "yi": "yiddish",
}  # fmt: skip

# Python's \w leaves out the vowel signs of Indic scripts and combining accents, which would cut words in pieces.
_LETTER: Final = r"[\w\u0300-\u036f\u0591-\u05bd\u0610-\u061a\u064b-\u065f\u0900-\u0963\u0966-\u0dff\u0e31-\u0e4e]"
_WORD: Final = re.compile(rf"[A-Za-z](?:\+\+|\#)(?!\w)|{_LETTER}+(?:(?:[.'’]|(?<=\d),(?=\d\d\d(?!\d))){_LETTER}+)*")
# Scripts written without spaces: Thai, Lao, Burmese, Khmer, kana, Han, hangul.
_UNSPACED: Final = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
    r"\U00020000-\U0003ffff]+"
)
_PART: Final = re.compile(rf"(?:(?!_){_LETTER})+")
_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z]{2})")
_NUMBER: Final = re.compile(r"\d+(?:[.,]\d+)*")
_CACHED_WORDS: Final = 50_000
"""Some 18 MB a language when full; the 1.7 MB of the React Native documentation have 13,000 distinct words."""
_LONGEST_CACHED: Final = 40

_term: Final = partial(tuple.__new__, Term)
"""Term(*fields) without the call that a named tuple's constructor is in Python: half the time, for every word met."""

_Stems: TypeAlias = tuple[tuple[str, int, int], ...]
"""What a word stands for: stems with their offsets inside the word."""


class SnowballAnalyzer(Analyzer):
    """
    Identifiers count whole and in parts: ``useState`` also as ``use`` and ``state``, ``node_modules`` as ``node`` and
    ``modules``; numbers only whole, ``react-native`` as its two words: counting hyphenated words whole, too, cost nDCG
    on SciFact (docs/evaluation.md). Scripts without spaces count as pairs of characters.
    """

    def __init__(self) -> None:
        self._known: dict[str, dict[str, _Stems]] = {}
        self._stems: dict[str, dict[str, tuple[str, ...]]] = {}
        self._stemmers: dict[str, Stemmer | None] = {}
        self._lock = Lock()

    def terms(self, text: str, *, language: str) -> Sequence[Term]:
        known = self._known.setdefault(language, {})
        terms: list[Term] = []
        for match in _WORD.finditer(text):
            word = match[0]
            stems = known.get(word)
            if stems is None:
                stems = self._learn(word, language)
            start = match.start()
            for stem, first, last in stems:
                terms.append(_term((stem, start + first, start + last)))
        return terms

    def stems(self, text: str, *, language: str) -> Sequence[str]:
        words = _WORD.findall(text)
        alone = self._stems.setdefault(language, {})
        try:
            return list(chain.from_iterable(map(alone.__getitem__, words)))
        except KeyError:  # a word not met before, or too long to be remembered
            return [stem for word in words for stem in self._stems_of(word, language)]

    def _stems_of(self, word: str, language: str) -> tuple[str, ...]:
        found = self._stems[language].get(word)
        return found if found is not None else tuple([stem for stem, _, _ in self._learn(word, language)])

    def _learn(self, word: str, language: str) -> _Stems:
        # A Snowball stemmer keeps state while it works, and ingestion analyses in threads.
        with self._lock:
            stop = STOP_WORDS.get(language, frozenset())
            stems = []
            for piece, start, end in _pieces(word):
                folded = normalize("NFKC", piece).casefold()
                if folded not in stop:
                    stems.append((self._stem(folded, language), start, end))
            self._remember(word, tuple(stems), language)
            return tuple(stems)

    def _remember(self, word: str, stems: _Stems, language: str) -> None:
        known, alone = self._known.setdefault(language, {}), self._stems.setdefault(language, {})
        if len(known) >= _CACHED_WORDS:
            known.clear()
            alone.clear()
        if len(word) <= _LONGEST_CACHED:
            known[word] = stems
            alone[word] = tuple([stem for stem, _, _ in stems])

    def _stem(self, word: str, language: str) -> str:
        if language not in self._stemmers:
            algorithm = _SNOWBALL.get(language)
            self._stemmers[language] = Stemmer(algorithm, 0) if algorithm else None
        stemmer = self._stemmers[language]
        return str(stemmer.stemWord(word)) if stemmer is not None else word


def _pieces(word: str) -> Iterator[tuple[str, int, int]]:
    """What a word is counted as: pieces with their offsets, the whole first."""
    if word.isascii() and word.isalpha() and (word.islower() or word[1:].islower()):
        yield word, 0, len(word)  # most words are nothing but themselves
        return
    if _NUMBER.fullmatch(word):
        yield word.replace(",", ""), 0, len(word)
        return
    unspaced = [match.span() for match in _UNSPACED.finditer(word)]
    pieces = [pair for start, end in unspaced for pair in _pairs(word, start, end)]
    for start, end in _between(unspaced, len(word)):
        pieces += _spaced_pieces(word, start, end)
    yield from sorted(pieces, key=itemgetter(1))  # stable: a whole word stays ahead of its first part


def _spaced_pieces(word: str, start: int, end: int) -> Iterator[tuple[str, int, int]]:
    if word[end - 1] in "+#":
        yield word[start:end], start, end
        return
    parts = [part for match in _PART.finditer(word, start, end) for part in _humps(word, *match.span())]
    apostrophe = "'" in word or "’" in word
    if parts and not apostrophe:
        first, last = parts[0][0], parts[-1][1]
        yield word[first:last], first, last
    if len(parts) == 1 and not apostrophe:
        return
    # Two letters or fewer after an apostrophe are endings or articles: it's, we'll, l'index.
    shortest = 3 if apostrophe else 2
    for first, last in parts:
        if last - first >= shortest and not word[first:last].isdigit():
            yield word[first:last], first, last


def _humps(word: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The humps of a camelCase part; one span when it has none."""
    inner = (match.start() for match in _HUMP.finditer(word, start, end))
    return pairwise((start, *(border for border in inner if start < border < end), end))


def _pairs(word: str, start: int, end: int) -> Iterator[tuple[str, int, int]]:
    if end - start == 1:
        yield word[start:end], start, end
    for first in range(start, end - 1):
        yield word[first : first + 2], first, first + 2


def _between(spans: Sequence[tuple[int, int]], length: int) -> Iterator[tuple[int, int]]:
    """What the spans leave of [0, length)."""
    place = 0
    for start, end in (*spans, (length, length)):
        if place < start:
            yield place, start
        place = end
