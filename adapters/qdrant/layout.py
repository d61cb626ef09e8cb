"""The collection on the server: its name, its vectors, its payload indexes, and whether it is the right one."""

from dataclasses import dataclass
from typing import Any, Final

from qdrant_client import AsyncQdrantClient, models
from qdrant_client.http.exceptions import UnexpectedResponse

from domain.errors import PortRefused

PORT: Final = "passage index"
DENSE: Final = "dense"
SPARSE: Final = "bm25"

_KEYWORD: Final = models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD)
_INDEXES: Final[dict[str, models.KeywordIndexParams | models.IntegerIndexParams]] = {
    # Points of one tenant lie together on disk, and a search of one collection reads no other's. From server 1.11 on.
    "collection": models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, is_tenant=True),
    "document": _KEYWORD,
    "uri_prefixes": models.IntegerIndexParams(type=models.IntegerIndexType.INTEGER, lookup=True, range=False),
    "metadata": _KEYWORD,
    "peer_reviewed": _KEYWORD,
}


@dataclass(frozen=True, slots=True)
class Sizing:
    """
    How a new collection is laid out; one that exists keeps its own.

    ``small``: for a cluster of little memory, vectors on disk and one byte a number of them in memory: some 1.3 KB a
    passage at 1,024 dimensions instead of 4.5, and the exact cosine all the same, since the best are scored again.
    """

    small: bool = True
    shards: int = 1
    replicas: int = 1


def alias_of(embedder: str, slot: int = 0) -> str:
    """What searches and writes go by; the collection behind it may be changed for another in one step."""
    return f"ibid-{embedder}-beside-{slot}" if slot else f"ibid-{embedder}"


async def created(client: AsyncQdrantClient, alias: str, dimensions: int, sizing: Sizing) -> None:
    """
    Make the first collection behind ``alias``, with its indexes; a part that is there already is left alone.

    Several processes may do so at once: the one that comes second finds it made.
    """
    name = f"{alias}-1"
    if not await client.collection_exists(name):
        await _made(
            client,
            name,
            vectors_config={
                DENSE: models.VectorParams(size=dimensions, distance=models.Distance.COSINE, on_disk=sizing.small)
            },
            sparse_vectors_config={SPARSE: models.SparseVectorParams(modifier=models.Modifier.IDF)},
            quantization_config=_QUANTIZED if sizing.small else None,
            shard_number=sizing.shards,
            replication_factor=sizing.replicas,
        )
    for field, params in _INDEXES.items():
        await client.create_payload_index(name, field, params, wait=True)
    points_there = models.CreateAlias(collection_name=name, alias_name=alias)
    # Last: a collection is used only when all of it is there.
    await client.update_collection_aliases([models.CreateAliasOperation(create_alias=points_there)])


async def _made(client: AsyncQdrantClient, name: str, **how: Any) -> None:
    try:
        await client.create_collection(name, **how)
    except UnexpectedResponse:
        # 400 or 409, by the server's release.
        if not await client.collection_exists(name):
            raise


_QUANTIZED: Final = models.ScalarQuantization(
    scalar=models.ScalarQuantizationConfig(type=models.ScalarType.INT8, quantile=0.99, always_ram=True)
)


def examined(info: models.CollectionInfo, alias: str, dimensions: int) -> None:
    """Raise PortRefused unless the collection holds what this service searches, saying what to do."""
    vectors = info.config.params.vectors
    dense = vectors.get(DENSE) if isinstance(vectors, dict) else None
    sparse = (info.config.params.sparse_vectors or {}).get(SPARSE)
    if dense is None or sparse is None:
        raise _unfit(alias, f"lacks the vectors {DENSE!r} and {SPARSE!r}")
    if dense.size != dimensions:
        raise _unfit(alias, f"has vectors of {dense.size} numbers, and the embedding model gives {dimensions}")
    if dense.distance != models.Distance.COSINE:
        raise _unfit(alias, f"compares by {dense.distance.value}, not by Cosine")
    if sparse.modifier != models.Modifier.IDF:
        raise _unfit(alias, f"does not weigh {SPARSE!r} by inverse document frequency")


def _unfit(alias: str, why: str) -> PortRefused:
    advice = "set IBID_EMBED_MODEL and IBID_EMBED_DIMENSIONS to what it was made with, or delete it and ingest again"
    return PortRefused(PORT, f"the collection behind {alias!r} {why}; {advice}")
