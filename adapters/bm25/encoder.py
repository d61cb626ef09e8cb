"""BM25's term-frequency half as sparse vectors; the index multiplies by inverse document frequency."""

from collections import Counter
from collections.abc import Iterable, Sequence
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


class Bm25SparseEncoder(SparseEncoder):
    """A term's number is the CRC-32 of its UTF-8 bytes; two terms that share one count as one term."""

    def __init__(self, analyzer: Analyzer) -> None:
        self._analyzer = analyzer
        self._numbers: dict[str, int] = {}

    def encode_passages(self, texts: Sequence[str], *, language: str) -> Sequence[SparseVector]:
        return [self._encode(text, language) for text in texts]

    def encode_question(self, text: str, *, languages: Iterable[str]) -> SparseVector:
        stems = {stem for language in languages for stem in self._analyzer.stems(text, language=language)}
        indices = sorted({term_number(stem) for stem in stems})
        return SparseVector(indices, [1.0] * len(indices))

    def _encode(self, text: str, language: str) -> SparseVector:
        stems = self._analyzer.stems(text, language=language)
        saturation = K1 * (1 - B + B * len(stems) / AVERAGE_TERMS)
        counts = Counter([self._number(stem) for stem in stems])
        indices = sorted(counts)
        return SparseVector(indices, [counts[i] * (K1 + 1) / (counts[i] + saturation) for i in indices])

    def _number(self, stem: str) -> int:
        number = self._numbers.get(stem)
        if number is None:
            if len(self._numbers) >= _CACHED_STEMS:
                self._numbers.clear()
            number = self._numbers[stem] = term_number(stem)
        return number


def term_number(stem: str) -> int:
    return crc32(stem.encode("utf-8", "surrogatepass"))
