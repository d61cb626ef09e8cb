"""Passages by their words, in memory."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from adapters.memory.store import InMemoryStore
from domain.access.readable import ReadableCollections
from domain.library.chunking import CHUNK_CHARS
from domain.library.model import Document
from domain.library.ports import PassageText
from domain.library.versions import filter_values
from domain.retrieval.model import Hit, SearchFilters

_WORD: Final = re.compile(r"[^\W_]+")


class InMemoryPassageText(PassageText):
    def __init__(self, store: InMemoryStore) -> None:
        self._store = store

    async def find(
        self,
        words: Sequence[Sequence[str]],
        readable: ReadableCollections,
        filters: SearchFilters,
        *,
        limit: int,
        cuts: Mapping[str, int] | None = None,
    ) -> Sequence[Hit]:
        found: list[Hit] = []
        for document in self._store.documents.values():
            if document.version is None or document.collection not in readable or not _passes(document, filters):
                continue
            cut = (cuts or {}).get(document.collection, CHUNK_CHARS)
            for passage in self._store.cuts.get((document.id, document.version, cut), ()):
                held = sum(_holds(passage.text, forms) for forms in words)
                if held:
                    found.append(Hit(passage.id, held / len(words)))
        return sorted(found, key=lambda hit: (-hit.score, hit.passage_id))[:limit]


def _passes(document: Document, filters: SearchFilters) -> bool:
    metadata = filter_values(document.metadata)
    return (
        document.uri.startswith(filters.uri_prefix or "")
        and (document.peer_reviewed is True or not filters.peer_reviewed_only)
        and all(metadata.get(key) == value for key, value in filters.metadata.items())
    )


def _holds(text: str, forms: Sequence[str]) -> bool:
    """Whether a word of the text begins with one of the forms."""
    beginnings = tuple(form.casefold() for form in forms)
    return any(word.startswith(beginnings) for word in _WORD.findall(text.casefold()))
