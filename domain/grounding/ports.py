"""What grounding needs from outside."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Protocol


class ReferenceFormatter(Protocol):
    """Turns bibliographic items into the entries that readers know."""

    @abstractmethod
    def format(self, item: Mapping[str, Any], *, style: str) -> str:
        """
        One CSL-JSON item (``id``, ``type`` and ``title`` at least) as one line of plain text in one of the STYLES.

        It names title, authors, year, container, and the DOI, else the URL, as far as the item has them. The same item
        always gives the same line, and any item gives one. Called on the answer's path: what it costs it costs once.
        Raises OutOfRange for an unknown style.
        """
