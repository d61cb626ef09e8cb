"""Static word vectors: no key, no network, no neural network at run time."""

import asyncio
import re
from array import array
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Final

from domain.errors import PortRefused
from domain.retrieval.model import Purpose, Vector
from domain.retrieval.ports import Embedder

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray
    from tokenizers import Tokenizer

DIMENSIONS: Final = 256
_ON_THE_LOOP_CHARS: Final = 4_000
"""The longest question: well under a millisecond."""
_UNIT: Final = re.compile(r" ?(?:\w+|[^\w\s]+)")
_CACHED_UNITS: Final = 20_000
"""Some 20 MB when full; the 1.7 MB of the React Native documentation have some 14,000."""
_CHARS_AT_ONCE: Final = 50_000
"""Texts embedded together: they cannot hold more distinct words than the cache has room for."""


class _Model:
    """
    Sums of token vectors by word: a text's vector is the sum of its words', so no text is ever tokenised as a whole.

    Byte-pair encoding of a whole text takes most of the time of embedding it, and words come again and again. What is
    lost is only tokens that join a word to the punctuation beside it, and white space.
    """

    def __init__(self, tokenizer: "Tokenizer", table: "NDArray[numpy.float16]") -> None:
        import numpy as np

        self._np = np
        self._tokenizer = tokenizer
        self._model = tokenizer.model
        self._table = table
        self._rows: dict[str, int] = {}
        self._sums = np.empty((_CACHED_UNITS, DIMENSIONS), dtype=np.float32)  # memory is given as it is written to
        self._lock = Lock()

    def beside(self) -> "_Model":
        """Another one on the same tables, which waits for nobody who uses this one."""
        return _Model(self._tokenizer, self._table)

    def means(self, texts: Sequence[str]) -> list[Vector]:
        np = self._np
        units = [_units(text) for text in texts]
        with self._lock:
            self._learn({unit for text in units for unit in text})
            rows, ones = self._rows, np.ones(max(map(len, units), default=0), dtype=np.float32)
            sums = np.ones((len(texts), DIMENSIONS), dtype=np.float32)  # what a text without any word keeps
            for place, text in enumerate(units):
                if text:
                    sums[place] = ones[: len(text)] @ self._sums.take([rows[unit] for unit in text], axis=0)
        norms = np.linalg.norm(sums, axis=1, keepdims=True)
        sums[norms[:, 0] == 0] = 1.0
        sums /= np.linalg.norm(sums, axis=1, keepdims=True)
        return [array("f", row.tobytes()) for row in sums]

    def _tokens(self, unit: str) -> list[int]:
        # The model itself: the tokenizer around it takes as long again, for what a single unit needs nothing of.
        return [token.id for token in self._model.tokenize(unit.replace(" ", "▁"))]

    def _learn(self, units: set[str]) -> None:
        new = [unit for unit in units if unit not in self._rows]
        if not new:
            return
        if len(self._rows) + len(new) > _CACHED_UNITS:
            self._rows.clear()
            new = list(units)
        needed = len(self._rows) + len(new)
        if needed > len(self._sums):  # a single text of so many words
            self._sums = self._np.empty((needed, DIMENSIONS), dtype=self._np.float32)
        tokens = [self._tokens(unit) or [0] for unit in new]
        starts = self._np.cumsum([0, *map(len, tokens[:-1])])
        vectors = self._table.take([token for ids in tokens for token in ids], axis=0).astype(self._np.float32)
        self._sums[len(self._rows) : needed] = self._np.add.reduceat(vectors, starts, axis=0)
        self._rows.update((unit, row) for row, unit in enumerate(new, start=len(self._rows)))


def _units(text: str) -> list[str]:
    """A text's words and signs; one that follows white space, or nothing, begins with a blank."""
    return _UNIT.findall(" " + " ".join(text.split()))


class StaticEmbedder(Embedder):
    """
    The mean of a text's token vectors, out of the table that the ``wordllama`` wheel carries (l2_supercat, 256-d).

    The wheel's files are read directly: importing ``wordllama`` itself costs another 40 MB and a second, and configures
    the root logger. The vectors rank SciFact as its own do (nDCG@10 .549). Loading waits for the first use.
    """

    def __init__(self) -> None:
        self._model: _Model | None = None
        self._questions: _Model | None = None
        """The same for texts on the event loop, with its own words: a lock of passages would hold the loop up."""
        self._loading = Lock()

    @property
    def name(self) -> str:
        return "wordllama-l2-supercat-256"

    @property
    def dimensions(self) -> int:
        return DIMENSIONS

    async def load(self) -> None:
        """Load now, off the event loop, so that the first question need not wait. Raises PortRefused."""
        await asyncio.to_thread(self._loaded)

    async def embed(self, texts: Sequence[str], *, purpose: Purpose) -> Sequence[Vector]:
        if self._questions is not None and sum(map(len, texts)) <= _ON_THE_LOOP_CHARS:
            return self._questions.means(texts)
        return await asyncio.to_thread(self._embed, texts)

    def _embed(self, texts: Sequence[str]) -> list[Vector]:
        model = self._loaded()
        vectors: list[Vector] = []
        together: list[str] = []
        chars = 0
        for text in texts:
            if together and chars + len(text) > _CHARS_AT_ONCE:
                vectors += model.means(together)
                together, chars = [], 0
            together.append(text)
            chars += len(text)
        return vectors + (model.means(together) if together else [])

    def _loaded(self) -> _Model:
        with self._loading:
            if self._model is None:
                self._model = _load()
                self._questions = self._model.beside()
            return self._model


def _load() -> _Model:
    # Here, not above: a process that embeds elsewhere never pays for these libraries.
    from safetensors import safe_open
    from tokenizers import Tokenizer

    spec = find_spec("wordllama")
    if spec is None or spec.origin is None:
        raise PortRefused("embedder", "the package wordllama, which carries the static vectors, is not installed")
    folder = Path(spec.origin).parent
    tokenizer = Tokenizer.from_file(str(folder / "tokenizers" / "l2_supercat_tokenizer_config.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokenizer.normalizer = None  # it would put the mark of a new word before every unit
    with safe_open(folder / "weights" / "l2_supercat_256.safetensors", framework="np") as file:
        return _Model(tokenizer, file.get_tensor("embedding.weight"))
