"""The one rule that says which collections a principal may read, and the type that proves it was asked."""

from collections.abc import Iterable, Iterator
from typing import Final, final

from domain.access.model import Principal, Scope
from domain.errors import CollectionNotFound, ScopeMissing

_SEAL: Final = object()


@final
class ReadableCollections:
    """
    The names of the collections that a search may look into; every search requires one.

    Made only by ``readable_collections``: the constructor refuses anybody without this module's seal, so that no code
    path can search without the rule having been asked. It may be empty: then nothing is found.
    """

    __slots__ = ("_names",)

    def __init__(self, names: Iterable[str], *, seal: object) -> None:
        if seal is not _SEAL:
            raise TypeError("ReadableCollections is made by readable_collections() alone")
        self._names = frozenset(names)

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
    principal: Principal, existing: Iterable[str], *, asked: Iterable[str] | None = None
) -> ReadableCollections:
    """
    Those of the ``existing`` collections that the principal may read, narrowed to ``asked`` when given.

    Reading needs the scope ``ask``, ``ingest`` or ``admin``. Raises ScopeMissing without one of them, and
    CollectionNotFound for an asked collection that does not exist or is not the principal's: which of the two is
    not told.
    """
    if not (principal.may(Scope.ASK) or principal.may(Scope.INGEST)):
        raise ScopeMissing(Scope.ASK)
    granted = {name for name in existing if principal.collections is None or name in principal.collections}
    if asked is None:
        return ReadableCollections(granted, seal=_SEAL)
    wanted = frozenset(asked)
    for name in sorted(wanted - granted):
        raise CollectionNotFound(name)
    return ReadableCollections(wanted, seal=_SEAL)
