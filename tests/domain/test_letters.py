"""How much of a word's letters a text's words hold."""

import pytest

from domain.grounding.letters import Letters, triples

TEXT = ("acquir", "compani", "is", "a", "über", "c++", "3t3")
WORDS = ("acquisit", "acquir", "companion", "b", "a", "überall", "isa", "qui", "c#", "", "3t")


@pytest.mark.parametrize("word", WORDS)
def test_a_share_is_that_of_the_words_runs_of_three_letters(word: str) -> None:
    held = frozenset().union(*map(triples, TEXT))
    own = triples(word)
    expected = len(own & held) / len(own) if own else 0.0
    assert Letters(TEXT).share_held(word) == expected


def test_asking_often_changes_no_answer() -> None:
    letters = Letters(TEXT)
    first = [letters.share_held(word) for word in WORDS]
    assert all([letters.share_held(word) for word in WORDS] == first for _ in range(3))


def test_no_words_hold_nothing() -> None:
    assert Letters(()).share_held("a") == 0.0
