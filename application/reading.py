"""What reading use cases share: which languages a set of collections is written in."""

from collections.abc import Iterable

from domain.access.readable import ReadableCollections
from domain.library.model import Collection

DEFAULT_LANGUAGE = "en"


def languages_of(collections: Iterable[Collection], readable: ReadableCollections) -> tuple[str, ...]:
    """The languages of the readable collections, the commonest first; English when there is none."""
    languages = [collection.language for collection in collections if collection.name in readable]
    return tuple(sorted(set(languages), key=lambda language: (-languages.count(language), language))) or (
        DEFAULT_LANGUAGE,
    )
