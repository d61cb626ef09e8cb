"""What a reader should know of an answer's sources."""

from collections.abc import Iterable, Sequence

from domain.grounding.model import Evidence


def source_notices(cited: Iterable[int], evidence: Sequence[Evidence]) -> tuple[str, ...]:
    """
    ``only_unreviewed_sources`` when every cited document says that it is not reviewed, ``cites_unreviewed_source`` when
    some do. A document of which it is unknown is held to be neither.
    """
    numbers = set(cited)
    reviewed = [piece.document.peer_reviewed for piece in evidence if piece.n in numbers]
    if False not in reviewed:
        return ()
    return ("only_unreviewed_sources",) if set(reviewed) == {False} else ("cites_unreviewed_source",)
