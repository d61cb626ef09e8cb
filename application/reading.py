"""What reading use cases share: what a set of collections says about how they are to be asked."""

from collections.abc import Iterable

from domain.access.readable import ReadableCollections
from domain.grounding.model import Verification
from domain.library.model import Collection

DEFAULT_LANGUAGE = "en"


def languages_of(collections: Iterable[Collection], readable: ReadableCollections) -> tuple[str, ...]:
    """The languages of the readable collections, the commonest first; English when there is none."""
    languages = [collection.language for collection in collections if collection.name in readable]
    return tuple(sorted(set(languages), key=lambda language: (-languages.count(language), language))) or (
        DEFAULT_LANGUAGE,
    )


def verification_of(collections: Iterable[Collection], readable: ReadableCollections) -> Verification:
    """What the readable collections want of a question that does not say: the strictest of them; FLAG without any."""
    wanted = {collection.verification for collection in collections if collection.name in readable}
    for verification in (Verification.REDACT, Verification.FLAG, Verification.OFF):
        if verification in wanted:
            return verification
    return Verification.FLAG
