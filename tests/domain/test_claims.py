import pytest

from domain.grounding.claims import is_claim, without_markers


@pytest.mark.parametrize(
    "text",
    ["Doors open outwards.", "Doors open [1].", "“Is it open?” [1]", "- Doors open", "You need these tools: [1]",
     "ドアは開く。",      "| Door | opens | [1]", "Sure thing happens [2].", "Here is the key [1]."],
)  # fmt: skip
def test_a_sentence_that_asserts_is_a_claim(text: str) -> None:
    assert is_claim(text)


@pytest.mark.parametrize(
    "text",
    ["Do doors open?", "ドアは開く？", "هل هذا باب؟",
     "# Doors open", "**Doors**", "```\nopen()\n```", "~~~\nopen()", "Here is how:",
     "Follow these steps:", "| Door | opens |", "[1]", "…", "Sure, happy to help.", "For example:",
     "I hope this helps!",      "I don't know the answer.", "Let me know if it fails."],
)  # fmt: skip
def test_what_asserts_nothing_is_no_claim(text: str) -> None:
    assert not is_claim(text)


def test_a_question_stays_none_when_it_is_cited_without_quotation() -> None:
    assert not is_claim("Do doors open [1]?")


def test_english_phrases_mean_nothing_in_another_language() -> None:
    assert is_claim("Sure, happy to help.", language="de")


def test_markers_come_off_with_the_blanks_before_them() -> None:
    assert without_markers("One [1][2]. [3]") == "One."
