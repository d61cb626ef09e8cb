"""Streamed text is wrapped as it comes."""

from hypothesis import given
from hypothesis import strategies as st

from entrypoints.terminal.text_flow import TextFlow, printable

TEXT = st.text(alphabet="ab -\n[1].`", max_size=200)


def flowed(*pieces: str, width: int | None) -> str:
    written: list[str] = []
    flow = TextFlow(written.append, width=width)
    for piece in pieces:
        flow.feed(piece)
    flow.finish()
    return "".join(written)


def test_lines_break_between_words_and_never_inside_one() -> None:
    assert flowed("alpha be", "ta gam", "ma delta", width=11) == "alpha beta\ngamma delta\n"


def test_a_list_item_goes_on_under_its_first_word() -> None:
    assert flowed("- one two three\n12. four five six", width=10) == "- one two\n  three\n12. four\n    five\n    six\n"


def test_code_is_not_wrapped() -> None:
    code = "```\nlong line of code that goes on\n```\n"
    assert flowed(code, width=10) == code


def test_wide_characters_count_as_two_columns() -> None:
    assert flowed("日本語 日本語", width=10) == "日本語\n日本語\n"


def test_a_word_waits_for_its_end_and_is_not_kept_back_after_it() -> None:
    written: list[str] = []
    flow = TextFlow(written.append, width=80)
    flow.feed("two equ")
    assert "".join(written) == "two"
    flow.feed("als ")
    assert "".join(written) == "two equals"


@given(TEXT, st.integers(1, 9), st.sampled_from([None, 5, 12]))
def test_the_pieces_do_not_change_what_is_shown(text: str, size: int, width: int | None) -> None:
    pieces = [text[start : start + size] for start in range(0, len(text), size)]
    assert flowed(*pieces, width=width) == flowed(text, width=width)


@given(TEXT, st.sampled_from([5, 12]))
def test_wrapping_loses_no_word(text: str, width: int) -> None:
    assert flowed(text, width=width).split() == text.split()


def test_a_document_cannot_send_commands_to_the_terminal() -> None:
    assert printable("a\x1b[2Jb\x07\x9b31mc\u202ed\r\n\te") == "a[2Jb31mcd\n\te"
