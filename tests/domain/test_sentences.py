import random
import time
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain.sentences import SentenceScanner, sentence_spans

TRICKY = st.lists(
    st.sampled_from(
        [
            *".!?…。,:;'\"“”()[]*_`#|>-\n \t",
            "\n\n",
            *"«»\u00a0",
            "« ",
            " »",
            "```",
            "~~~",
            "- ",
            "1. ",
            "# ",
            "e.g",
            "Dr",
            "U.S",
            "z",
            "März",
            "।",
            "The",
            "next",
            "3",
            "[1]",
        ]
    ),
    max_size=30,
).map("".join)


def sentences(text: str) -> list[str]:
    return [span.of(text) for span in sentence_spans(text)]


@pytest.mark.parametrize(
    "sentence",
    [
        "Dr. Smith met Mrs. Jones.",
        "Use a linter, e.g. Ruff, i.e. a fast one.",
        "Lovelace et al. (1843) wrote it.",
        "See Fig. 3 and Sec. 4 on p. 12.",
        "The U.S. Senate voted.",
        "J. R. R. Tolkien wrote it.",
        "It costs 3.14 dollars.",
        "Upgrade to v1.2.3 today.",
        "Open config.yaml or visit https://example.com/a.b?c=d today.",
        "Node.js and example.org are names.",
        "Wait... what happened?",
        '"Really?" he asked.',
        "Apples, pears, etc. are fruit.",
        "Call `a.b()` (or c.d) now.",
        "Das gilt z. B. Hr. Meier oder u. U. Frau Abel.",
        "Der Zoll fiel am 3. Oktober und im 19. Jahrhundert.",
        "Abb. 3 und Kap. 12 zeigen es bzw. Tafel 4.",
        "La Sra. Gil vive, p. ej. Luis también, en EE. UU. desde 1990.",
        "La pág. 3 y el cap. 4 lo dicen.",
    ],
)
def test_a_full_stop_inside_a_sentence_does_not_end_it(sentence: str) -> None:
    assert sentences(f"{sentence} Then more.") == [sentence, "Then more."]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It works. It is fast.", ["It works.", "It is fast."]),
        ("Stop! Why? Because.", ["Stop!", "Why?", "Because."]),
        ("He lives in the U.S. The end.", ["He lives in the U.S.", "The end."]),
        ("It began in 2020. Nobody knew.", ["It began in 2020.", "Nobody knew."]),
        ('He said "Stop." Then he left.', ['He said "Stop."', "Then he left."]),
        ("It is so. (Really so.) Yes.", ["It is so.", "(Really so.)", "Yes."]),
        ("It runs. iPhone users wait. useEffect runs.", ["It runs.", "iPhone users wait.", "useEffect runs."]),
        ("今日は晴れ。明日は「雨」です。", ["今日は晴れ。", "明日は「雨」です。"]),
        ("So it goes… The rest is silence.", ["So it goes…", "The rest is silence."]),
        ("It takes 2 hr. Patients wait.", ["It takes 2 hr.", "Patients wait."]),
        ("Es waren 3. Danach kam x. Dann ging es.", ["Es waren 3.", "Danach kam x.", "Dann ging es."]),
        ("यह एक है [1]। यह दो है।[2] और?", ["यह एक है [1]।", "यह दो है।[2]", "और?"]),
        ("هل هذا سؤال؟ نعم.", ["هل هذا سؤال؟", "نعم."]),
        ("Il dit : « Viens ! » Puis il part.", ["Il dit : « Viens ! »", "Puis il part."]),
        ("« Ça va ?\u202f» dit-il. « Oui. »", ["« Ça va ?\u202f» dit-il.", "« Oui. »"]),
        ("Er rief. »Komm!« Dann ging er.", ["Er rief.", "»Komm!«", "Dann ging er."]),
    ],
)
def test_a_sentence_ends_where_the_next_one_begins(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One line\ngoes on here.", ["One line\ngoes on here."]),
        ("No stop\n\nNew paragraph", ["No stop", "New paragraph"]),
        ("# A heading. With a stop\nText.", ["# A heading. With a stop", "Text."]),
        ("Intro:\n- one\n- two. And more.\n  still two", ["Intro:", "one", "two.", "And more.\n  still two"]),
        ("1. Open it.\n2. Close it.", ["Open it.", "Close it."]),
        ("| a. B | b |\n|---|---|\n| c | d |", ["| a. B | b |", "| c | d |"]),
        ("Before\n\n---\n\nAfter", ["Before", "After"]),
        ("Run:\n```sh\na. B\n\nc\n```\nDone.", ["Run:", "```sh\na. B\n\nc\n```", "Done."]),
        ("~~~\nnever closed. Really", ["~~~\nnever closed. Really"]),
    ],
)
def test_blocks_of_a_page_are_units_of_their_own(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One [1]. Two.[2] Three.", ["One [1].", "Two.[2]", "Three."]),
        ("One. [1] [2] Two. [3]", ["One. [1] [2]", "Two. [3]"]),
        ("“One.” [1] “two goes on.” [2]", ["“One.” [1]", "“two goes on.” [2]"]),
    ],
)
def test_markers_belong_to_the_sentence_before_them(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


@given(TRICKY)
@example("1. \n.")
def test_spans_are_in_order_trimmed_and_not_empty(text: str) -> None:
    spans = sentence_spans(text)
    assert all(span.of(text) == span.of(text).strip() != "" for span in spans)
    assert all(before.end <= after.start for before, after in pairwise(spans))


@given(TRICKY)
def test_no_word_is_left_out(text: str) -> None:
    kept = "".join(sentences(text))
    assert sorted(filter(str.isalpha, kept)) == sorted(filter(str.isalpha, text))


@given(TRICKY, st.randoms())
def test_a_text_that_grows_gives_the_same_sentences(text: str, chance: random.Random) -> None:
    scanner = SentenceScanner()
    grown = []
    for length in sorted(chance.choices(range(len(text) + 1), k=6)):
        grown += scanner.advance(text[scanner.offset : length]) if length >= scanner.offset else []
    assert grown + scanner.advance(text[scanner.offset :], final=True) == sentence_spans(text)


@pytest.mark.parametrize(
    "pattern", [". ", ".\n", " ", "> ", "[1]", "- ", "`", '(".', ". [1", "|", "\n- ", "a.B. ", ". »", " » "]
)
def test_hostile_repetition_takes_linear_time(pattern: str) -> None:
    def seconds(copies: int) -> float:
        began = time.perf_counter()
        sentence_spans(pattern * copies)
        return time.perf_counter() - began

    # Ten times the text may take forty times as long on a busy machine; quadratic work would take a hundred.
    assert seconds(20_000) < 40 * min(seconds(2_000) for _ in range(5)) + 0.2
