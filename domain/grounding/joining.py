"""Adjacent passages of one section as one piece of evidence: what a cut parted is read, and quoted, together."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Final

from domain.grounding.model import Evidence
from domain.library.model import SpanOfVersion

LONGEST_JOINED: Final = 1_300
"""Characters: two passages of full length, or as many short ones as a long section was cut into."""
_WIDEST_GAP: Final = 8
"""Between neighbours of one section there is white space alone, seldom more than a blank line."""


def gaps(evidence: Sequence[Evidence]) -> list[SpanOfVersion]:
    """The gaps between pieces that may be neighbours; whether they are, their text says."""
    return [_gap(before, after) for before, after in pairwise(_by_place(evidence)) if _may_adjoin(before, after)]


def joined(evidence: Sequence[Evidence], between: Mapping[SpanOfVersion, str]) -> tuple[Evidence, ...]:
    """
    The evidence with neighbours made one, in the order of the better of them, numbered anew.

    ``between`` has the text of the ``gaps``; a gap that is not white space, such as a heading, keeps them apart.
    A joined piece is the verbatim span of its version: it bears the id of its first passage and the best score of all.
    """
    order = {id(piece): place for place, piece in enumerate(evidence)}
    runs: list[tuple[int, Evidence]] = []
    before: Evidence | None = None
    for piece in _by_place(evidence):
        gap = _gap(before, piece) if before is not None and _may_adjoin(before, piece) else None
        text = None if gap is None else between.get(gap)
        last = runs[-1][1] if runs else None
        if text is not None and last is not None and not text.strip() and piece.end - last.start <= LONGEST_JOINED:
            whole = replace(
                last, text=f"{last.text}{text}{piece.text}", end=piece.end, score=max(last.score, piece.score)
            )
            runs[-1] = (min(runs[-1][0], order[id(piece)]), whole)
        else:
            runs.append((order[id(piece)], piece))
        before = piece
    runs.sort(key=lambda run: run[0])
    return tuple([piece.numbered(number) for number, (_, piece) in enumerate(runs, start=1)])


def _by_place(evidence: Sequence[Evidence]) -> list[Evidence]:
    return sorted(evidence, key=lambda piece: (piece.document.id, piece.document.version, piece.start))


def _may_adjoin(before: Evidence, after: Evidence) -> bool:
    same = (before.document.id, before.document.version) == (after.document.id, after.document.version)
    return same and before.section == after.section and 0 <= after.start - before.end <= _WIDEST_GAP


def _gap(before: Evidence, after: Evidence) -> SpanOfVersion:
    return SpanOfVersion(before.document.id, before.document.version, before.end, after.start)
