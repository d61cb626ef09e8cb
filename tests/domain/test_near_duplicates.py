"""Passages that say the same again."""

from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.library.model import Passage, PassageInDocument, Section
from domain.retrieval.model import FoundPassage, FusedHit
from domain.retrieval.near_duplicates import drop_near_duplicates
from tests.builders import a_document

LANTERN = (
    "The lantern hangs in the hall above the stairs. Whoever comes home late lights it with the long match that lies "
    "on the sill, and puts it out again before the first of the others wakes."
)


def found(*texts: str) -> list[FoundPassage]:
    section = Section(0, (), 0, None, 0, 1_000)
    return [
        FoundPassage(
            PassageInDocument(Passage(uuid4(), 0, 0, len(text), text), section, a_document(uri=f"{place}.md")),
            FusedHit(uuid4(), 1 / (place + 1), None, None),
        )
        for place, text in enumerate(texts)
    ]


def test_of_two_equal_passages_the_better_one_stays() -> None:
    passages = found(LANTERN, LANTERN)
    assert drop_near_duplicates(passages) == passages[:1]


@pytest.mark.parametrize(
    "again",
    [
        LANTERN.upper(),
        LANTERN.replace("late", "early"),
        LANTERN.replace(". ", " – "),  # another sign between the words, and one that ASCII does not have
        LANTERN.replace(", ", ",").replace(". ", "\x1f"),
        "  " + LANTERN.replace(" ", "\n") + " ",
        LANTERN + " More is said of it elsewhere, in the chapter about the house.",
        LANTERN[: LANTERN.index(". Whoever") + 60],
    ],
    ids=[
        "case",
        "one word",
        "white space",
        "contained in a longer one",
        "part of the better one",
        "other signs",
        "no blanks",
    ],
)
def test_a_passage_that_hardly_differs_is_dropped(again: str) -> None:
    passages = found(LANTERN, again)
    assert drop_near_duplicates(passages) == passages[:1]


@pytest.mark.parametrize(
    "other",
    [
        "The lantern hangs in the hall above the stairs. Nobody has lit it since the winter when the oil ran out and "
        "the keeper moved down to the village with his dog.",
        " ".join(sorted(LANTERN.split())),
        "A compass points north.",
    ],
    ids=["same first sentence", "same words in another order", "nothing in common"],
)
def test_a_passage_that_says_something_else_stays(other: str) -> None:
    passages = found(LANTERN, other)
    assert drop_near_duplicates(passages) == passages


def test_short_passages_repeat_only_their_equals() -> None:
    passages = found("Yes.", "No.", "yes", "Yes, sir.")
    assert drop_near_duplicates(passages) == [passages[0], passages[1], passages[3]]


def test_order_is_kept_and_a_dropped_passage_drops_no_other() -> None:
    half, other_half = LANTERN[:90], LANTERN[90:]
    passages = found("First of all.", half, LANTERN, other_half)
    assert drop_near_duplicates(passages) == [passages[0], passages[1], passages[3]]


def test_no_passages_give_none() -> None:
    assert drop_near_duplicates([]) == []


WORDS = st.lists(st.sampled_from(["one", "two", "three", "four", "five", "six", "seven"]), min_size=1, max_size=14)


@given(WORDS, st.lists(st.tuples(st.integers(0, 13), st.sampled_from(["two", "eight", "nine"])), max_size=3))
def test_the_quick_look_never_changes_what_the_runs_say(words: list[str], edits: list[tuple[int, str]]) -> None:
    other = list(words)
    for place, word in edits:
        other[place % len(other)] = word
    first, second = runs_of_four(words), runs_of_four(other)
    repeats = len(first & second) >= 0.8 * min(len(first), len(second))
    kept = drop_near_duplicates(found(" ".join(words), " ".join(other)))
    assert len(kept) == (1 if repeats else 2)


def runs_of_four(words: list[str]) -> set[tuple[str, ...]]:
    return {tuple(words[at : at + 4]) for at in range(max(len(words) - 3, 1))}
