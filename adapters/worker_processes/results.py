"""What goes to workers and what they send back, pickled so that it takes them less."""

from dataclasses import fields
from multiprocessing.reduction import ForkingPickler
from operator import attrgetter
from typing import Any, Final
from uuid import UUID

from domain.library.model import Block, Passage, Section
from domain.retrieval.model import SparseVector

_MANY: Final[tuple[type[Any], ...]] = (Block, Section, Passage, SparseVector)
"""Of these a page has dozens, and dataclasses with slots are pickled field by field in Python, both ways."""


def send_fast() -> None:
    """From now on, in this process: nothing changes for whoever receives them."""
    for kind in _MANY:
        _by_calling(kind)


def send_plain(kind: type[UUID]) -> None:
    """
    From now on, in this process: a database driver's own kind of UUID goes out as Python's, which it is equal to.

    Else every worker would import the driver to read it: 50 ms, as much as preparing eight pages.
    """
    if kind is not UUID:
        ForkingPickler.register(kind, lambda one: (UUID, (None, one.bytes)))


def _by_calling(kind: type[Any]) -> None:
    values = attrgetter(*(field.name for field in fields(kind)))
    ForkingPickler.register(kind, lambda one: (kind, values(one)))
