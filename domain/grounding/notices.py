"""What a reader should know of an answer beside its verdicts."""

from collections.abc import Sequence

from domain.grounding.instructions import instructs
from domain.grounding.model import Claim, Evidence


def notices(claims: Sequence[Claim], evidence: Sequence[Evidence]) -> tuple[str, ...]:
    """The words of the wire contract that apply, in a fixed order."""
    copied = any(claim.verbatim for claim in claims)
    spoken_to = any(instructs(piece.text) for piece in evidence)
    return ("verbatim_copy",) * copied + ("instruction_in_source",) * spoken_to
