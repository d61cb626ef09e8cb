"""The bibliography of an answer: one entry per cited document, as CSL-JSON and as formatted text."""

from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID

from domain.grounding.bibliography import csl_item
from domain.grounding.model import Evidence, Reference
from domain.grounding.ports import ReferenceFormatter

STYLES: Final = frozenset({"apa", "ieee"})


def references(
    cited: Iterable[int], evidence: Sequence[Evidence], *, style: str, formatter: ReferenceFormatter
) -> tuple[Reference, ...]:
    """
    One reference per cited document, in the order of first citation, with the evidence numbers that cite it, ascending.

    ``cited`` are evidence numbers in the order of the answer, repeats allowed; unknown ones are passed over. Raises
    OutOfRange for a style that is not in STYLES.
    """
    by_number = {piece.n: piece for piece in evidence}
    first: dict[UUID, Evidence] = {}
    numbers: dict[UUID, set[int]] = {}
    for n in cited:
        if (piece := by_number.get(n)) is None:
            continue
        key = piece.document.id
        first.setdefault(key, piece)
        numbers.setdefault(key, set()).add(n)
    items = {key: csl_item(piece.document) for key, piece in first.items()}
    return tuple(
        Reference(tuple(sorted(numbers[key])), item, formatter.format(item, style=style)) for key, item in items.items()
    )
