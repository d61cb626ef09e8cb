"""What denies, doubts, widens or turns a sentence, wherever in it and however it is written."""

import pytest

from domain.grounding.polarity import Conflict, conflict


def _marks(listed: str) -> list[str]:
    return listed.replace("\n", " ").split(", ")


DENIALS = _marks(
    """not, no, never, none, nobody, nothing, neither, nor, without, cannot, unable, lack, lacks, don't, isn't, DON'T,
don’t, Never, nOT, fail to, fails to, failed to"""
)
DOUBTS = _marks(
    """may, might, could, possibly, perhaps, reportedly, allegedly, suggest, suggests, proposed, planned, hypothesise,
HYPOTHESIS, unclear, likely, unless, except, May, appear to, appears to, seem to, seems to, only if"""
)
WIDENINGS = _marks("all, every, always, everyone, any, entirely, completely, only, must, guarantee, guarantees, ALL")
PLACES = ("cats {} sleep", "cats sleep, {}", "{}: cats sleep", "cats ({}) sleep", "cats sleep—{}—here", "3-{}.")


def _with(mark: str, place: str) -> tuple[str, str]:
    return place.format(mark), place.format("so")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("mark", DENIALS)
def test_a_denial_of_either_contradicts_the_other(mark: str, place: str) -> None:
    denied, said = _with(mark, place)
    assert conflict(denied, said, language="en") is Conflict.CONTRADICTS
    assert conflict(said, denied, language="en") is Conflict.CONTRADICTS
    assert conflict(denied, denied, language="en") is None


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("mark", DOUBTS)
def test_what_the_source_doubts_is_not_told_by_a_claim_that_does_not(mark: str, place: str) -> None:
    doubted, said = _with(mark, place)
    assert conflict(said, doubted, language="en") is Conflict.UNTOLD
    assert conflict(doubted, doubted, language="en") is None


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("mark", WIDENINGS)
def test_a_claim_of_more_than_its_source_says_is_not_told(mark: str, place: str) -> None:
    widened, said = _with(mark, place)
    assert conflict(widened, said, language="en") is Conflict.UNTOLD
    assert conflict(widened, widened, language="en") is None


@pytest.mark.parametrize(
    "turned", ["dogs are chased by cats", "dogs WERE quickly eaten alive BY cats", "it got held by it"]
)
def test_who_did_it_to_whom_is_not_told_by_words_alone(turned: str) -> None:
    assert conflict(turned, "cats and dogs", language="en") is Conflict.UNTOLD
    assert conflict(turned, turned, language="en") is None


@pytest.mark.parametrize(
    "word", ["note", "mayor", "allow", "x_not", "not3", "knot", "baby", "anyhow", "cant", "onlyif"]
)
def test_a_word_that_only_holds_such_a_one_says_nothing(word: str) -> None:
    assert conflict(f"cats {word} sleep", "cats sleep", language="en") is None
    assert conflict("cats sleep", f"cats {word} sleep", language="en") is None
