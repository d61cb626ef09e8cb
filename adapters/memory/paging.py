"""Cursors over lists held in memory: the key of the last item given out."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import TypeVar

from domain.errors import BadCursor
from domain.library.model import Page

T = TypeVar("T")


def page_after(items: Sequence[T], *, key: Callable[[T], str], limit: int, cursor: str | None) -> Page[T]:
    """The ``limit`` items after the one that ``cursor`` names; ``items`` are in listing order, keys distinct."""
    start = 0
    if cursor is not None:
        try:
            last = base64.urlsafe_b64decode(cursor.encode()).decode()
        except (binascii.Error, UnicodeError, ValueError) as error:
            raise BadCursor from error
        positions = [position for position, item in enumerate(items) if key(item) == last]
        if not positions:
            raise BadCursor
        start = positions[0] + 1
    chosen = items[start : start + limit]
    more = start + limit < len(items)
    return Page(chosen, base64.urlsafe_b64encode(key(chosen[-1]).encode()).decode() if more else None)
