"""Passages taken apart for comparison: their sentences, the content words of each, and what a word weighs."""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence, Set
from functools import lru_cache
from itertools import chain
from math import log
from typing import Any, Final, cast
from weakref import WeakValueDictionary

from domain.sentences import sentence_spans
from domain.text import Analyzer, Span, Term

_CACHED_PASSAGES: Final = 512
"""Those found for some dozens of questions; 600 characters take 10 KB, and 25 when claims were compared with all."""

_CACHED_HEADINGS: Final = 2_048
"""Each passage asks for those of its title and path, and for those of its own heading."""

_LENGTH_WEIGHTS: Final = tuple(0.7 + 0.6 * letters / 8 for letters in range(9))

_FULL_WEIGHT: Final = _LENGTH_WEIGHTS[8]

WIDEST_RUN: Final = 3
"""Adjoining sentences that one quote may span."""


class Unit:
    """One sentence of a passage: where it stands, and its content terms with offsets in the passage."""

    __slots__ = ("_analyzer", "_language", "_places", "_sentence", "_terms", "span", "stems", "words")

    def __init__(self, span: Span, sentence: str, stems: Sequence[str], analyzer: Analyzer, language: str) -> None:
        self.span = span
        self.stems = frozenset(stems)
        self.words = len(stems)
        """How many content terms it has."""
        self._sentence, self._analyzer, self._language = sentence, analyzer, language
        self._terms: tuple[Term, ...] | None = None
        self._places: dict[str, int] | None = None

    @property
    def terms(self) -> tuple[Term, ...]:
        """Found when first asked for: of most sentences only the stems are compared."""
        if self._terms is None:
            found, shift = self._analyzer.terms(self._sentence, language=self._language), self.span.start
            self._terms = tuple([Term(stem, shift + start, shift + end) for stem, start, end in found])
        return self._terms

    def opening(self, stems: Set[str]) -> int:
        """How far into the sentence the first of these stems stands; its length where none does."""
        return min((term.start for term in self.terms if term.stem in stems), default=self.span.end) - self.span.start

    def places(self) -> dict[str, int]:
        """Where in the sentence each stem stands, the last time it does; cheaper than ``terms``."""
        if self._places is None:
            found = self._analyzer.terms(self._sentence, language=self._language)
            self._places = {stem: start for stem, start, _ in found}
        return self._places


class Passage:
    """A passage taken apart, as far as it was asked for; ``source`` is what the judging of claims makes of it."""

    __slots__ = ("__weakref__", "_analyzer", "_language", "_text", "_units", "source")

    def __init__(self, text: str, analyzer: Analyzer, language: str) -> None:
        self._text, self._analyzer, self._language = text, analyzer, language
        self._units: tuple[Unit, ...] | None = None
        self.source: Any = None

    @property
    def units(self) -> tuple[Unit, ...]:
        if self._units is None:
            text, analyzer, language = self._text, self._analyzer, self._language
            spans = sentence_spans(text)
            sentences = [text[start:end] for start, end in spans]
            found = analyzer.stems_of_each(sentences, language=language)
            self._units = tuple(
                [
                    Unit(span, sentence, stems, analyzer, language)
                    for span, sentence, stems in zip(spans, sentences, found, strict=True)
                ]
            )
        return self._units


def passage_of(text: str, analyzer: Analyzer, language: str) -> Passage:
    """
    The passage, to be taken apart once for all who compare with it; analyzers are hashable.

    The latest are remembered, and each for as long as somebody keeps what this gives: the answer that it is evidence
    of, between whose sentences those of hundreds of others are judged.
    """
    return _passage_of(text, cast(Hashable, analyzer), language)


_kept: Final = WeakValueDictionary[tuple[str, Hashable, str], Passage]()


@lru_cache(maxsize=_CACHED_PASSAGES)
def _passage_of(text: str, remembered: Hashable, language: str) -> Passage:
    key = (text, remembered, language)
    passage = _kept.get(key)
    if passage is None:
        passage = _kept[key] = Passage(text, cast(Analyzer, remembered), language)
    return passage


def units_of(text: str, analyzer: Analyzer, language: str) -> tuple[Unit, ...]:
    """The sentences of a passage, in order, with their terms."""
    return _passage_of(text, cast(Hashable, analyzer), language).units


def touched(units: Sequence[Unit], span: Span) -> list[Unit]:
    """Those of a passage's sentences that have something of the span."""
    first, last = span
    found: list[Unit] = []
    for unit in units:
        start, end = unit.span
        if start >= last:
            break
        if end > first:
            found.append(unit)
    return found


def stems_of_headings(headings: tuple[str, ...], analyzer: Analyzer, language: str) -> frozenset[str]:
    """The stems of a title and headings together; remembers the latest: many passages stand below the same ones."""
    return _stems_of_headings(headings, cast(Hashable, analyzer), language)


@lru_cache(maxsize=_CACHED_HEADINGS)
def _stems_of_headings(headings: tuple[str, ...], remembered: Hashable, language: str) -> frozenset[str]:
    analyzer = cast(Analyzer, remembered)
    return frozenset([stem for heading in headings for stem in analyzer.stems(heading, language=language)])


def terms_of(text: str, analyzer: Analyzer, language: str) -> Sequence[Term]:
    """The terms of a claim or quote; remembers the latest, since quoting and judging both ask for them."""
    return _terms_of(text, cast(Hashable, analyzer), language)


@lru_cache(maxsize=4)
def _terms_of(text: str, remembered: Hashable, language: str) -> tuple[Term, ...]:
    return tuple(cast(Analyzer, remembered).terms(text, language=language))


def weigh(stems: Iterable[str], units: Sequence[Unit]) -> dict[str, float]:
    """
    What each stem weighs: the rarer among the sentences at hand, the more; longer ones more than short ones.

    Inverse document frequency over sentences, ln(1 + (N - n + 0.5) / (n + 0.5)) as in BM25, held above 0.3 so that
    what all sentences share still counts a little; times 0.7 to 1.3 by length, full at eight letters.
    """
    wanted = frozenset(stems)
    holding = Counter(chain.from_iterable([wanted & unit.stems for unit in units]))
    count = len(units)
    return {
        stem: _rarity(count, holding[stem]) * (_LENGTH_WEIGHTS[len(stem)] if len(stem) < 8 else _FULL_WEIGHT)
        for stem in wanted
    }


@lru_cache(maxsize=4_096)
def _rarity(count: int, holding: int) -> float:
    return max(0.3, log(1 + (count - holding + 0.5) / (holding + 0.5)))


def length_weight(stem: str) -> float:
    """What a stem's length alone says of how much it tells: 0.7 to 1.3, full at eight letters."""
    return _LENGTH_WEIGHTS[min(len(stem), 8)]


def length_weights(terms: Iterable[Term]) -> dict[str, float]:
    """``length_weight`` of each stem, without a call a word."""
    return {stem: _LENGTH_WEIGHTS[len(stem)] if len(stem) < 8 else _FULL_WEIGHT for stem, _, _ in terms}


def coverage(weights: Mapping[str, float], found: Set[str]) -> float:
    """The share of the weights that is found, 0 to 1; 0 when there is nothing to find."""
    total = sum(weights.values())
    return sum([weight for stem, weight in weights.items() if stem in found]) / total if total else 0.0


def best_run(units: Sequence[Unit], weights: Mapping[str, float], *, per_sentence: float = 0.0) -> Sequence[Unit]:
    """
    The one to three adjoining sentences that hold most of the weights, the shortest and first of equals.

    ``per_sentence`` is the share that each further sentence has to bring. Empty when no sentence holds any.
    """
    best_worth, best = 0.0, units[:0]
    total = sum(weights.values())
    wanted = [weights.keys() & unit.stems for unit in units]
    alone = [sum(map(weights.__getitem__, held)) / total if held else 0.0 for held in wanted]
    for width in range(1, WIDEST_RUN + 1):
        due = per_sentence * (width - 1)
        for first in range(len(units) - width + 1):
            if sum(alone[first : first + width]) - due <= best_worth:
                continue  # together they hold at most what each does
            held = wanted[first].union(*wanted[first + 1 : first + width])
            worth = sum(map(weights.__getitem__, held)) / total - due
            if worth > best_worth + 1e-9:
                best_worth, best = worth, units[first : first + width]
    return best
