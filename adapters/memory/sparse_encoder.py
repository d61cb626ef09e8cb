"""The BM25 of the memory adapters: the same formula over the words that its analyzer finds."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final
from zlib import crc32

from domain.retrieval.model import SparseVector
from domain.retrieval.ports import SparseEncoder
from domain.text import Analyzer

_K1: Final = 0.9
_B: Final = 0.4
_AVERAGE_TERMS: Final = 100.0


class InMemorySparseEncoder(SparseEncoder):
    def __init__(self, analyzer: Analyzer) -> None:
        self._analyzer = analyzer

    def encode_passages(self, texts: Sequence[str], *, language: str) -> Sequence[SparseVector]:
        return [_weighted(self._numbers(text, language)) for text in texts]

    def encode_question(self, text: str, *, languages: Iterable[str]) -> SparseVector:
        numbers = sorted({number for language in languages for number in self._numbers(text, language)})
        return SparseVector(numbers, [1.0] * len(numbers))

    def _numbers(self, text: str, language: str) -> list[int]:
        terms = self._analyzer.terms(text, language=language)
        return [crc32(term.stem.encode("utf-8", "surrogatepass")) for term in terms]


def _weighted(numbers: Sequence[int]) -> SparseVector:
    counts = sorted(Counter(numbers).items())
    saturation = _K1 * (1 - _B + _B * len(numbers) / _AVERAGE_TERMS)
    return SparseVector([n for n, _ in counts], [tf * (_K1 + 1) / (tf + saturation) for _, tf in counts])
