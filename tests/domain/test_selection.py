from domain.grounding.selection import selection_first
from tests.builders import an_evidence

FIRST = "A snapshot is a copy of the index at one moment."
SECOND = "Restore a snapshot with the restore command, which stops the service first."


def test_the_passage_that_holds_the_selection_comes_first_and_numbers_are_anew() -> None:
    found = selection_first(
        [an_evidence(1, text=FIRST), an_evidence(2, text=SECOND)], "with the restore command, which"
    )
    assert [(piece.n, piece.text) for piece in found] == [(1, SECOND), (2, FIRST)]


def test_a_selection_over_several_passages_brings_each_of_them() -> None:
    evidence = [an_evidence(1, text="Something else entirely, of no use."), an_evidence(2, text=FIRST)]
    found = selection_first([*evidence, an_evidence(3, text=SECOND)], f"{FIRST}\n\n{SECOND}")
    assert [piece.text for piece in found][:2] == [FIRST, SECOND]


def test_a_selection_from_elsewhere_changes_nothing() -> None:
    evidence = (an_evidence(1, text=FIRST), an_evidence(2, text=SECOND))
    assert selection_first(evidence, "Words of no passage at all") == evidence
    assert selection_first(evidence, "...") == evidence
