"""The shard on disk: its layout, and how it is opened."""

from pathlib import Path
from typing import Final

from qdrant_edge import (
    Distance,
    EdgeConfig,
    EdgeShard,
    EdgeSparseVectorParams,
    EdgeVectorParams,
    KeywordIndexParams,
    Memory,
    Modifier,
    UpdateOperation,
)

from domain.errors import PortRefused, PortUnavailable

PORT: Final = "passage index"
DENSE: Final = "dense"
SPARSE: Final = "bm25"
SEGMENTS: Final = "segments"
LOG: Final = "wal"
"""Folders in a shard's own: everything but the log of what was written to it, and that."""

_SEARCH_THREADS: Final = 1
"""
Each search on the thread that asks for it: handing one of a millisecond around costs it a tenth, and with the engine's
own default, eight threads, more.
"""

_LOOKED_THROUGH: Final = 1_000
"""
Up to so many passages that a filter leaves are scored one by one; of more the words' lists are gone through. With the
engine's own 5,000 a search in a site of 3,600 passages took twice as long (1.0 ms of CPU to 0.5). Lists of the whole
index are the longer way to 1,000 of 100,000 passages, by half a millisecond. Segments keep what they were made with.
"""

# What few searches are narrowed by is read from the files as well: in memory it took 18 MB for 60,000 passages of
# 20,000 documents, and a quarter of a second at every opening; no search got slower (measured).
_INDEXES: Final[dict[str, KeywordIndexParams]] = {
    "collection": KeywordIndexParams(is_tenant=True),
    "uri": KeywordIndexParams(prefix=True, memory=Memory.Cold),
    "metadata": KeywordIndexParams(memory=Memory.Cold),
    "peer_reviewed": KeywordIndexParams(memory=Memory.Cold),
}


def open_shard(path: Path, dimensions: int) -> EdgeShard:
    """
    Load the shard at ``path``, or create it.

    Raises PortRefused when another process holds it or its vectors have another size, else PortUnavailable.
    """
    config = EdgeConfig(
        # Cold: read from the files as searches need them. Elsewise all of it is brought into memory at every opening,
        # and the words' lists into memory of the process's own, 300 bytes a passage; no search got slower (measured).
        vectors={DENSE: EdgeVectorParams(size=dimensions, distance=Distance.Cosine, memory=Memory.Cold)},
        sparse_vectors={
            SPARSE: EdgeSparseVectorParams(_LOOKED_THROUGH, modifier=Modifier.Idf, memory=Memory.Cold),
        },
        max_search_threads=_SEARCH_THREADS,
    )
    try:
        path.mkdir(parents=True, exist_ok=True)
        begun = (path / "edge_config.json").exists()
        shard = EdgeShard.load(str(path), config) if begun else EdgeShard.create(str(path), config)
        _index_fields(shard)
    except Exception as error:  # the library raises nothing more specific
        raise _why_not(error, path) from error
    return shard


def _index_fields(shard: EdgeShard) -> None:
    """A crash may have come between the creation of the shard and this, and earlier versions indexed in other ways."""
    held = shard.info().payload_schema
    # They kept all of it in memory, and the document's id besides, which nothing is found by.
    memory = {field: getattr(index.params, "memory", None) for field, index in held.items()}
    other = {field for field in held if field not in _INDEXES or memory[field] != _INDEXES[field].memory}
    for field in other:
        shard.update(UpdateOperation.delete_field_index(field))
    for field in _INDEXES.keys() - (held.keys() - other):
        shard.update(UpdateOperation.create_field_index(field, _INDEXES[field]))


def _why_not(error: Exception, path: Path) -> PortRefused | PortUnavailable:
    reason = str(error).lower()
    if "wouldblock" in reason:
        return PortRefused(PORT, f"the data directory is in use by another process ({path})")
    if "compatible" in reason or "dimension" in reason or "size" in reason:
        return PortRefused(PORT, f"the index in {path} was made for vectors of another size; remove it and rebuild it")
    return PortUnavailable(PORT, f"the index in {path} cannot be opened")
