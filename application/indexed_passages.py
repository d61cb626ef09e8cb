"""Passages as the index takes them."""

from collections.abc import Sequence

from domain.library.model import Document, Passage
from domain.library.versions import filter_values
from domain.retrieval.model import IndexedPassage, SparseVector, Vector


def indexed_passages(
    document: Document, passages: Sequence[Passage], dense: Sequence[Vector], sparse: Sequence[SparseVector]
) -> list[IndexedPassage]:
    """One of each for every passage, in the same order."""
    metadata = filter_values(document.metadata)
    return [
        IndexedPassage(
            id=passage.id,
            document_id=document.id,
            collection=document.collection,
            uri=document.uri,
            peer_reviewed=document.peer_reviewed,
            metadata=metadata,
            dense=vector,
            sparse=terms,
        )
        for passage, vector, terms in zip(passages, dense, sparse, strict=True)
    ]
