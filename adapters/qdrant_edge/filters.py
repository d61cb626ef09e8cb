"""What a search may look at, in Qdrant's words."""

import json
from functools import lru_cache
from typing import Final

from qdrant_edge import FieldCondition, Filter, MatchAny, MatchPrefix, MatchValue

from domain.access.readable import ReadableCollections
from domain.retrieval.model import SearchFilters

# Words, not booleans: the Python binding hands True to the engine as the number 1, which matches no boolean.
REVIEWED: Final = "yes"
NOT_REVIEWED: Final = "no"


@lru_cache(maxsize=64)  # most callers ask for the same collections again and again
def within(readable: ReadableCollections) -> Filter:
    """The one filter that access hangs on."""
    names = list(readable)
    # One name is looked up; of several the engine has to see that no passage comes twice: a quarter of a small search.
    match = MatchValue(names[0]) if len(names) == 1 else MatchAny(names)
    return Filter(must=[FieldCondition("collection", match=match)])


def of_collection(name: str) -> Filter:
    """Everything of one collection, for whoever keeps the index; no search is narrowed by this alone."""
    return Filter(must=[FieldCondition("collection", match=MatchValue(name))])


def narrowed(readable: ReadableCollections, filters: SearchFilters) -> Filter:
    """Inside ``readable``, and everything else that was asked for as well."""
    inside = within(readable)
    if not (filters.uri_prefix or filters.peer_reviewed_only or filters.metadata):
        return inside
    conditions: list[FieldCondition | Filter] = [inside]
    if filters.uri_prefix:
        conditions.append(FieldCondition("uri", match=MatchPrefix(filters.uri_prefix)))
    if filters.peer_reviewed_only:
        conditions.append(FieldCondition("peer_reviewed", match=MatchValue(REVIEWED)))
    for key, value in filters.metadata.items():
        conditions.append(FieldCondition("metadata", match=MatchValue(metadata_word(key, value))))
    return Filter(must=list(conditions))


def metadata_word(key: str, value: str) -> str:
    """One keyword for a pair: payload paths give dots, quotes and brackets in a key a meaning of their own."""
    return json.dumps([key, value], ensure_ascii=False)
