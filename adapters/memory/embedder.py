"""Bags of hashed words: crude, but texts that share words do come out close, the same on every machine."""

import re
from collections.abc import Sequence
from math import hypot
from typing import Final
from zlib import crc32

from domain.retrieval.model import Purpose, Vector
from domain.retrieval.ports import Embedder

_WORD: Final = re.compile(r"\w+")


class HashingEmbedder(Embedder):
    """Each word adds or takes 1 at one of the dimensions. Weinberger et al., Feature Hashing, 2009."""

    def __init__(self, dimensions: int = 256) -> None:
        self._dimensions = dimensions

    @property
    def name(self) -> str:
        return f"hashed-words-{self._dimensions}"

    @property
    def dimensions(self) -> int:
        return self._dimensions

    async def embed(self, texts: Sequence[str], *, purpose: Purpose) -> Sequence[Vector]:
        return [self._vector(text) for text in texts]

    def _vector(self, text: str) -> Vector:
        vector = [0.0] * self._dimensions
        for word in _WORD.findall(text.casefold()):
            number = crc32(word.encode("utf-8", "surrogatepass"))
            vector[(number >> 1) % self._dimensions] += 1.0 if number & 1 else -1.0
        length = hypot(*vector)
        if not length:  # no word, or words that cancel out
            return [1.0] + [0.0] * (self._dimensions - 1)
        return [value / length for value in vector]
