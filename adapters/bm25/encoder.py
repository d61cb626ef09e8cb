"""BM25's term-frequency half as sparse vectors; the index multiplies by inverse document frequency."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Final
from zlib import crc32

from domain.retrieval.model import SparseVector
from domain.retrieval.ports import SparseEncoder
from domain.text import Analyzer

K1: Final = 0.9
B: Final = 0.4
"""Anserini's defaults (Trotman, Jia & Crane 2012); see docs/evaluation.md."""
AVERAGE_TERMS: Final = 100.0
"""
A stand-in for the average length, which changes with every document: fixed, so that vectors stay valid for ever.

Between our passages with their context (86 terms on Chroma's texts) and scientific abstracts (151 on SciFact).
"""

_CACHED_STEMS: Final = 50_000
_CACHED_TOKENS: Final = 50_000
"""Some 10 MB a language when full; the 1.7 MB of the React Native documentation have 24,000."""
_LONGEST_CACHED: Final = 40


class _Numbers(dict[str, tuple[int, ...]]):
    """The numbers of the terms of what stands between white space, which comes again and again; empties when full."""

    def __init__(self, numbers_of: Callable[[str], tuple[int, ...]]) -> None:
        super().__init__()
        self._numbers_of = numbers_of

    def __missing__(self, token: str) -> tuple[int, ...]:
        numbers = self._numbers_of(token)
        if len(self) >= _CACHED_TOKENS:
            self.clear()
        if len(token) <= _LONGEST_CACHED:
            self[token] = numbers
        return numbers


class Bm25SparseEncoder(SparseEncoder):
    """A term's number is the CRC-32 of its UTF-8 bytes; two terms that share one count as one term."""

    def __init__(self, analyzer: Analyzer) -> None:
        self._analyzer = analyzer
        self._numbers: dict[str, int] = {}
        self._tokens: dict[str, _Numbers] = {}

    def encode_passages(self, texts: Sequence[str], *, language: str) -> Sequence[SparseVector]:
        numbers_of = self._tokens_of(language).__getitem__
        # No term goes over white space.
        return [_weighted(list(chain.from_iterable(map(numbers_of, text.split())))) for text in texts]

    def encode_question(self, text: str, *, languages: Iterable[str]) -> SparseVector:
        stems = {stem for language in languages for stem in self._analyzer.stems(text, language=language)}
        indices = sorted({term_number(stem) for stem in stems})
        return SparseVector(indices, [1.0] * len(indices))

    def _tokens_of(self, language: str) -> _Numbers:
        known = self._tokens.get(language)
        if known is None:

            def numbers_of(token: str) -> tuple[int, ...]:
                return tuple([self._number(stem) for stem in self._analyzer.stems(token, language=language)])

            known = self._tokens.setdefault(language, _Numbers(numbers_of))
        return known

    def _number(self, stem: str) -> int:
        number = self._numbers.get(stem)
        if number is None:
            if len(self._numbers) >= _CACHED_STEMS:
                self._numbers.clear()
            number = self._numbers[stem] = term_number(stem)
        return number


def _weighted(numbers: Sequence[int]) -> SparseVector:
    counts = Counter(numbers)
    indices = sorted(counts)
    saturation = K1 * (1 - B + B * len(numbers) / AVERAGE_TERMS)
    weights = {count: count * (K1 + 1) / (count + saturation) for count in set(counts.values())}
    return SparseVector(indices, [weights[counts[index]] for index in indices])


def term_number(stem: str) -> int:
    return crc32(stem.encode("utf-8", "surrogatepass"))
