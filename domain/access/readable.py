"""The rules that say which collections a principal may read or write, and the type that proves they were asked."""

from collections.abc import Iterable, Iterator
from typing import Final, final

from domain.access.model import Principal, Scope
from domain.errors import CollectionNotFound, ScopeMissing
from domain.library.model import COLLECTION_NAME, Collection, Visibility

_SEAL: Final = object()


@final
class ReadableCollections:
    """
    The names of the collections that a search may look into; every search requires one.

    Made only by the functions below: the constructor refuses anybody without this module's seal, so that no code
    path can search without the rule having been asked. It may be empty: then nothing is found.
    """

    __slots__ = ("_names",)

    def __init__(self, names: Iterable[str], *, seal: object) -> None:
        if seal is not _SEAL:
            raise TypeError("ReadableCollections is made by the rules of this module alone")
        self._names = frozenset(names)

    def only(self, names: Iterable[str]) -> "ReadableCollections":
        """Those of them that are among ``names``."""
        return ReadableCollections(self._names.intersection(names), seal=_SEAL)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._names))

    def __len__(self) -> int:
        return len(self._names)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ReadableCollections) and self._names == other._names

    def __hash__(self) -> int:
        return hash(self._names)

    def __repr__(self) -> str:
        return f"ReadableCollections({sorted(self._names)})"


def readable_collections(
    principal: Principal, existing: Iterable[Collection], *, asked: Iterable[str] | None = None
) -> ReadableCollections:
    """
    Those of the ``existing`` collections that the principal may read, narrowed to ``asked`` when given.

    A private one is read by the keys that it is granted to, a ``members`` or ``public`` one by every key. Reading needs
    the scope ``ask``, ``ingest`` or ``admin``. Raises ScopeMissing without one of them, and CollectionNotFound for an
    asked collection that does not exist or is not the principal's: which of the two is not told.
    """
    if not (principal.may(Scope.ASK) or principal.may(Scope.INGEST)):
        raise ScopeMissing(Scope.ASK)
    readable = {
        one.name for one in existing if is_granted(principal, one.name) or one.visibility is not Visibility.PRIVATE
    }
    if asked is None:
        return ReadableCollections(readable, seal=_SEAL)
    wanted = frozenset(asked)
    for name in sorted(wanted - readable):
        raise CollectionNotFound(name)
    return ReadableCollections(wanted, seal=_SEAL)


def granted_collections(principal: Principal, existing: Iterable[Collection]) -> ReadableCollections:
    """
    Those of the ``existing`` collections whose documents the principal may change; visibility grants no such thing.

    Raises ScopeMissing without the scope ``ingest`` or ``admin``.
    """
    principal.require(Scope.INGEST)
    return ReadableCollections((one.name for one in existing if is_granted(principal, one.name)), seal=_SEAL)


def require_to_administer(principal: Principal, name: str) -> None:
    """Raise ScopeMissing without ``admin``, CollectionNotFound for what is no collection's name or is not granted."""
    principal.require(Scope.ADMIN)
    if not COLLECTION_NAME.fullmatch(name) or not is_granted(principal, name):
        raise CollectionNotFound(name)


def is_granted(principal: Principal, name: str) -> bool:
    """Whether the principal's own grant names a collection; a grant without names holds all."""
    return principal.collections is None or name in principal.collections
