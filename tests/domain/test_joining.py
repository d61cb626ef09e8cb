"""Adjacent passages as one piece of evidence."""

from dataclasses import replace
from itertools import pairwise
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from domain.grounding.joining import LONGEST_JOINED, gaps, joined
from domain.grounding.model import Evidence
from tests.builders import an_evidence

TEXT = "The pump hums.\n\nIt is loud. At night it rests.\n\n## Filter\n\nThe filter is changed."
FIRST, SECOND, THIRD, FOURTH = (0, 14), (16, 27), (28, 45), (58, 80)
OWNER = an_evidence()


def pieces(*spans: tuple[int, int], text: str = TEXT) -> list[Evidence]:
    return [
        replace(
            OWNER,
            n=n,
            passage_id=UUID(int=start),
            text=text[start:end],
            start=start,
            end=end,
            score=round(1 / (n + 1), 2),
        )
        for n, (start, end) in enumerate(spans, start=1)
    ]


def together(evidence: list[Evidence], text: str = TEXT) -> tuple[Evidence, ...]:
    return joined(evidence, {gap: text[gap.start : gap.end] for gap in gaps(evidence)})


def spans(evidence: tuple[Evidence, ...]) -> list[tuple[int, int]]:
    return [(piece.start, piece.end) for piece in evidence]


def test_neighbours_become_the_verbatim_span_of_both_in_the_place_of_the_better() -> None:
    [whole, other] = together(pieces(SECOND, FOURTH, FIRST))
    assert (whole.start, whole.end, whole.text) == (0, 27, TEXT[0:27])
    assert whole.passage_id == UUID(int=0)
    assert whole.score == 0.5
    assert (other.start, other.n, whole.n) == (58, 2, 1)


def test_three_in_a_row_become_one() -> None:
    assert spans(together(pieces(THIRD, FIRST, SECOND))) == [(0, 45)]


def test_a_passage_between_that_is_no_evidence_keeps_two_apart() -> None:
    assert spans(together(pieces(FIRST, THIRD))) == [FIRST, THIRD]


def test_a_heading_between_keeps_two_apart_though_the_sections_are_named_alike() -> None:
    text = "Up.\n# A\nIn."
    evidence = pieces((0, 3), (8, 11), text=text)
    assert len(gaps(evidence)) == 1
    assert spans(together(evidence, text)) == [(0, 3), (8, 11)]


def test_other_sections_versions_and_documents_stay_apart() -> None:
    one, two = pieces(FIRST, SECOND)
    apart = [
        replace(two, section=replace(two.section, anchor="other")),
        replace(two, document=replace(two.document, version="other")),
        replace(two, document=replace(two.document, id=UUID(int=7))),
    ]
    for other in apart:
        assert gaps([one, other]) == []
        assert joined([one, other], {}) == (one, other)


def test_what_is_not_known_to_adjoin_stays_apart() -> None:
    assert spans(joined(pieces(FIRST, SECOND), {})) == [FIRST, SECOND]


def test_no_piece_grows_beyond_sense() -> None:
    size = 600
    text = " ".join(["x" * size] * 4)
    found = together(pieces(*((at * (size + 1), at * (size + 1) + size) for at in range(4)), text=text), text)
    assert [piece.end - piece.start for piece in found] == [2 * size + 1, 2 * size + 1]
    assert all(piece.end - piece.start <= LONGEST_JOINED for piece in found)


@given(st.permutations([FIRST, SECOND, THIRD, FOURTH]), st.integers(1, 4))
def test_whatever_is_found_every_piece_is_verbatim_and_none_overlaps(order: list[tuple[int, int]], count: int) -> None:
    evidence = pieces(*order[:count])
    found = together(evidence)
    assert [piece.n for piece in found] == list(range(1, len(found) + 1))
    assert all(piece.text == TEXT[piece.start : piece.end] for piece in found)
    ordered = sorted(spans(found))
    assert all(before[1] <= after[0] for before, after in pairwise(ordered))
    assert all(any(s <= start and end <= e for s, e in ordered) for start, end in order[:count])
    assert found[0].score == evidence[0].score
