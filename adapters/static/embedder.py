"""Static word vectors: no key, no network, no neural network at run time."""

import asyncio
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Final, NamedTuple

from domain.errors import PortRefused
from domain.retrieval.model import Purpose, Vector
from domain.retrieval.ports import Embedder

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray
    from tokenizers import Tokenizer

DIMENSIONS: Final = 256
_ON_THE_LOOP_CHARS: Final = 500
"""An ordinary question: half a millisecond at most (4,000 characters take 3.8 ms)."""
_BATCH: Final = 256


class _Model(NamedTuple):
    tokenizer: "Tokenizer"
    table: "NDArray[numpy.float16]"


class StaticEmbedder(Embedder):
    """
    The mean of a text's token vectors, out of the table that the ``wordllama`` wheel carries (l2_supercat, 256-d).

    The wheel's files are read directly: importing ``wordllama`` itself costs another 40 MB and a second, and configures
    the root logger. The vectors are the same. Loading waits for the first use.
    """

    def __init__(self) -> None:
        self._model: _Model | None = None
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
        if self._model is not None and sum(map(len, texts)) <= _ON_THE_LOOP_CHARS:
            return self._embed(texts)
        return await asyncio.to_thread(self._embed, texts)

    def _embed(self, texts: Sequence[str]) -> list[Vector]:
        model = self._loaded()
        vectors: list[Vector] = []
        for start in range(0, len(texts), _BATCH):
            vectors += _means(model, texts[start : start + _BATCH])
        return vectors

    def _loaded(self) -> _Model:
        with self._loading:
            if self._model is None:
                self._model = _load()
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
    with safe_open(folder / "weights" / "l2_supercat_256.safetensors", framework="np") as file:
        return _Model(tokenizer, file.get_tensor("embedding.weight"))


def _means(model: _Model, texts: Sequence[str]) -> list[Vector]:
    import numpy as np

    means = np.ones((len(texts), DIMENSIONS), dtype=np.float32)  # what a text without any token keeps
    for row, encoding in enumerate(model.tokenizer.encode_batch(list(texts), add_special_tokens=False)):
        if encoding.ids:
            means[row] = model.table[encoding.ids].sum(axis=0, dtype=np.float32)
    norms = np.linalg.norm(means, axis=1, keepdims=True)
    means[norms[:, 0] == 0] = 1.0
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    return list(means.tolist())
