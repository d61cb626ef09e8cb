"""Bought vectors on PostgreSQL, a byte a dimension."""

from array import array
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ARRAY, LargeBinary, any_, bindparam, select
from sqlalchemy.dialects.postgresql import insert

from adapters.neon.statements import given_like
from adapters.neon.tables import embeddings
from adapters.neon.transaction import Transaction
from domain.library.ports import EmbeddingStore
from domain.retrieval.model import Vector

_GET = select(embeddings.c.input_hash, embeddings.c.scale, embeddings.c.steps).where(
    embeddings.c.embedder == bindparam("embedder"),
    embeddings.c.input_hash == any_(bindparam("hashes", type_=ARRAY(LargeBinary))),
)
_new = given_like(embeddings, "given", "input_hash", "scale", "steps")
_PUT = (
    insert(embeddings)
    .from_select(
        ["embedder", "input_hash", "scale", "steps"],
        select(bindparam("name", type_=embeddings.c.embedder.type), _new.c.input_hash, _new.c.scale, _new.c.steps),
    )
    .on_conflict_do_nothing()
)


class NeonEmbeddingStore(EmbeddingStore):
    """
    Each value is a signed byte times the vector's own scale, its largest absolute value / 127.

    Rounding is off by half a step at most, 1/254 of the largest value, which is at most 1 in a unit vector.
    """

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def get(self, embedder: str, input_hashes: Sequence[bytes]) -> Mapping[bytes, Vector]:
        if not input_hashes:
            return {}
        rows = await self._transaction.run(_GET, {"embedder": embedder, "hashes": list(input_hashes)})
        return {digest: _vector(np.frombuffer(steps, np.int8) * np.float32(scale)) for digest, scale, steps in rows}

    async def put(self, embedder: str, vectors: Mapping[bytes, Vector]) -> None:
        if not vectors:
            return
        # In one order everywhere: two that put the same hashes at once wait for each other instead of locking up.
        digests = sorted(vectors)
        scales, steps = _rounded([vectors[digest] for digest in digests])
        await self._transaction.run(
            _PUT,
            {
                "name": embedder,
                "each_input_hash": digests,
                "each_scale": scales.tolist(),
                "each_steps": [row.tobytes() for row in steps],
            },
        )

    def as_kept(self, vectors: Mapping[bytes, Vector]) -> Mapping[bytes, Vector]:
        if not vectors:
            return {}
        scales, steps = _rounded(list(vectors.values()))
        return dict(zip(vectors, map(_vector, steps * scales[:, None]), strict=True))


def _rounded(vectors: Sequence[Vector]) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    values = np.array(vectors, np.float32)
    scales = np.maximum(np.abs(values).max(axis=1), np.finfo(np.float32).tiny * 127) / np.float32(127)
    return scales, np.rint(values / scales[:, None]).astype(np.int8)


def _vector(values: NDArray[np.float32]) -> Vector:
    return array("f", values.tobytes())  # a fifth of the room that a list of numbers takes, and of the time to make one
