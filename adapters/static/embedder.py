"""Static word vectors: no key, no network, no neural network at run time."""

import asyncio
import re
from array import array
from collections.abc import Sequence
from functools import reduce
from importlib.util import find_spec
from itertools import accumulate, chain
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
_CACHED_PIECES: Final = 30_000
"""What stands between white space, each a word or two with their signs; 6 MB when full. The same pages have 24,000."""
_ADDED_IN_ORDER: Final = 8
"""numpy adds up more than these by halves."""
_FEW_UNITS: Final = 32
"""A question's: to sort them takes longer than it saves."""
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
        self._rows_of: dict[str, tuple[int, ...]] = {}
        self._sums = np.empty((_CACHED_UNITS, DIMENSIONS), dtype=np.float32)  # memory is given as it is written to
        self._lock = Lock()

    def beside(self) -> "_Model":
        """Another one on the same tables, which waits for nobody who uses this one."""
        return _Model(self._tokenizer, self._table)

    def means(self, texts: Sequence[str]) -> list[Vector]:
        np = self._np
        pieces = [text.split() for text in texts]
        with self._lock:
            self._learn(pieces)
            rows_of = self._rows_of.__getitem__
            # No unit goes over white space, so that what stands between is looked up as it is.
            rows = [list(chain.from_iterable(map(rows_of, some))) for some in pieces]
            ones = np.ones(max(map(len, rows), default=0), dtype=np.float32)
            sums = np.ones((len(texts), DIMENSIONS), dtype=np.float32)  # what a text without any word keeps
            for place, some in enumerate(rows):
                if some:
                    sums[place] = ones[: len(some)] @ self._sums.take(some, axis=0)
        norms = self._norms(sums)
        if not norms.all():
            sums[norms[:, 0] == 0] = 1.0
            norms = self._norms(sums)
        sums /= norms
        return [array("f", row.tobytes()) for row in sums]

    def _norms(self, rows: "NDArray[numpy.float32]") -> "NDArray[numpy.float32]":
        """What ``linalg.norm`` gives, without the microseconds in which it finds out what it was asked."""
        norms: NDArray[numpy.float32] = self._np.sqrt(self._np.add.reduce(rows * rows, axis=1, keepdims=True))
        return norms

    def _tokens(self, unit: str) -> list[int]:
        # The model itself: the tokenizer around it takes as long again, for what a single unit needs nothing of.
        return [token.id for token in self._model.tokenize(unit.replace(" ", "▁"))]

    def _learn(self, texts: Sequence[Sequence[str]]) -> None:
        """That ``_rows_of`` has every piece of the texts."""
        pieces = set(chain.from_iterable(texts))
        new = pieces.difference(self._rows_of)
        if not new:
            return
        if len(self._rows_of) + len(new) > _CACHED_PIECES:
            self._rows_of.clear()
            new = pieces
        units_of = {piece: _units(piece) for piece in new}
        units = set(chain.from_iterable(units_of.values())).difference(self._rows)
        if len(self._rows) + len(units) > _CACHED_UNITS:
            self._rows.clear()
            self._rows_of.clear()
            units_of = {piece: _units(piece) for piece in pieces}
            units = set(chain.from_iterable(units_of.values()))
        self._sum_up(list(units))
        rows = self._rows
        self._rows_of.update((piece, tuple([rows[unit] for unit in some])) for piece, some in units_of.items())

    def _sum_up(self, units: Sequence[str]) -> None:
        if not units:
            return
        needed = len(self._rows) + len(units)
        if needed > len(self._sums):  # a single text of so many words
            self._sums = self._np.empty((needed, DIMENSIONS), dtype=self._np.float32)
        tokens = [self._tokens(unit) or [0] for unit in units]
        self._sums[len(self._rows) : needed] = self._added(tokens)
        self._rows.update((unit, row) for row, unit in enumerate(units, start=len(self._rows)))

    def _added(self, tokens: Sequence[Sequence[int]]) -> "NDArray[numpy.float32]":
        """
        The sum of the vectors of each unit's tokens.

        Of many by how many tokens they have: adding along a list of all of them takes six times as long. In the same
        order, though, the first to what the others come to, so that every sum is the same to the last bit.
        """
        np = self._np
        sums: NDArray[numpy.float32]
        if len(tokens) <= _FEW_UNITS:
            starts = [0, *accumulate(map(len, tokens[:-1]))]
            vectors = self._table.take(list(chain.from_iterable(tokens)), axis=0).astype(np.float32)
            sums = np.add.reduceat(vectors, starts, axis=0)
            return sums
        counts = np.array([len(some) for some in tokens])
        sums = np.empty((len(tokens), DIMENSIONS), dtype=np.float32)
        for count in np.unique(counts):
            places = np.nonzero(counts == count)[0]
            if count > _ADDED_IN_ORDER:
                for place in places:
                    sums[place] = np.add.reduceat(self._table.take(tokens[place], axis=0).astype(np.float32), [0])[0]
                continue
            ids = np.array([tokens[place] for place in places])
            first, *others = (self._table.take(column, axis=0).astype(np.float32) for column in ids.T)
            sums[places] = first + reduce(np.add, others) if others else first
        return sums


def _units(piece: str) -> list[str]:
    """The words and signs of what stands between white space; the first begins with a blank."""
    return _UNIT.findall(" " + piece)


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
