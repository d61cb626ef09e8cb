"""Cutting documents into passages."""

from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.library.chunking import (
    CONTEXT_AFTER,
    CONTEXT_BEFORE,
    MAX_CODE_CHARS,
    ChunkSpan,
    chunk,
    in_context,
    passage_id,
    passage_input,
)
from domain.library.model import Block, BlockKind, ParsedDocument, Section

SENTENCE = "The lantern hangs in the hall above the stairs. "
DOCUMENT, OTHER_DOCUMENT = UUID(int=1), UUID(int=2)


def a_parsed(*sections: list[tuple[BlockKind, str]]) -> ParsedDocument:
    """A document of sections of blocks, blank lines between them."""
    text, blocks, spans = "", [], []
    for ordinal, parts in enumerate(sections):
        start = len(text)
        for kind, content in parts:
            blocks.append(Block(len(text), len(text) + len(content), kind))
            text += content + "\n\n"
        spans.append(Section(ordinal, (f"Part {ordinal}",), 2, f"part-{ordinal}", start, len(text)))
    return ParsedDocument(text, None, tuple(spans), tuple(blocks))


def heading(text: str) -> tuple[BlockKind, str]:
    return BlockKind.HEADING, text


def paragraph(text: str) -> tuple[BlockKind, str]:
    return BlockKind.PARAGRAPH, text


def code(text: str) -> tuple[BlockKind, str]:
    return BlockKind.CODE, text


def table(*rows: str) -> tuple[BlockKind, str]:
    return BlockKind.TABLE, "\n".join(rows)


def texts(parsed: ParsedDocument, **sizes: int) -> list[str]:
    return [parsed.text[span.start : span.end] for span in chunk(parsed, **sizes)]


def test_blocks_of_a_section_share_a_passage_as_long_as_they_fit() -> None:
    parsed = a_parsed([paragraph("One."), paragraph("Two."), paragraph("x" * 90)])
    assert texts(parsed, chunk_chars=100) == ["One.\n\nTwo.", "x" * 90]


def test_a_passage_stays_inside_one_section() -> None:
    parsed = a_parsed([paragraph("One.")], [paragraph("Two.")])
    assert chunk(parsed) == [ChunkSpan(0, 0, 4), ChunkSpan(1, 6, 10)]


def test_headings_are_left_out() -> None:
    assert texts(a_parsed([heading("Title"), paragraph("Text.")])) == ["Text."]


def test_a_section_that_holds_only_a_heading_is_a_passage_of_it() -> None:
    assert texts(a_parsed([heading("Alone")], [heading("Title"), paragraph("Text.")])) == ["Alone", "Text."]


def test_a_long_paragraph_is_cut_between_sentences() -> None:
    found = texts(a_parsed([paragraph((SENTENCE * 10).strip())]), chunk_chars=200)
    assert all(text.endswith(".") and text.startswith("The lantern") for text in found)
    assert [len(text) for text in found] == [191, 191, 95]


def test_a_long_sentence_is_cut_between_words() -> None:
    found = texts(a_parsed([paragraph("word " * 100 + "end")]), chunk_chars=98)
    assert " ".join(found).split() == ["word"] * 100 + ["end"]
    assert all(len(text) <= 98 for text in found)


def test_a_word_longer_than_a_passage_is_cut_anywhere() -> None:
    assert texts(a_parsed([paragraph("a" * 250)]), chunk_chars=100) == ["a" * 100, "a" * 100, "a" * 50]


def test_a_code_block_stays_whole_though_longer_than_a_passage() -> None:
    block = "\n".join(f"line {number}. Next sentence." for number in range(60))
    assert texts(a_parsed([paragraph("Before."), code(block), paragraph("After.")]), chunk_chars=100) == [
        "Before.",
        block,
        "After.",
    ]


def test_a_code_block_beyond_the_hard_limit_is_cut_at_line_ends() -> None:
    lines = [f"    call({number}, 'a b. C d.')" for number in range(300)]
    found = texts(a_parsed([code("\n".join(lines))]))
    assert all(len(text) <= MAX_CODE_CHARS for text in found)
    assert {line.strip() for text in found for line in text.split("\n")} == {line.strip() for line in lines}


def test_a_table_is_cut_between_rows_and_never_inside_one() -> None:
    rows = [f"| row {number} | {'cell. Text ' * 4}|" for number in range(30)]
    found = texts(a_parsed([table(*rows)]), chunk_chars=150)
    assert [row for text in found for row in text.split("\n")] == rows
    long_row = "| " + "word " * 100 + "|"
    assert long_row in texts(a_parsed([table(rows[0], long_row, rows[1])]), chunk_chars=150)


def test_a_list_item_keeps_its_dash() -> None:
    items = [(BlockKind.LIST_ITEM, f"- Item {number} of the list.") for number in range(10)]
    assert all(text.startswith("- Item") for text in texts(a_parsed(items), chunk_chars=60))


@pytest.mark.parametrize("empty", [a_parsed(), a_parsed([paragraph(" \n ")]), ParsedDocument("", None, (), ())])
def test_a_document_without_text_has_no_passages(empty: ParsedDocument) -> None:
    assert chunk(empty) == []


_WORDS = st.text(st.sampled_from("ab.! \n\t|`-#é語"), max_size=120)
_BLOCK = st.tuples(st.sampled_from(list(BlockKind)), _WORDS)
_SECTIONS = st.lists(st.lists(_BLOCK, max_size=5), max_size=4)


@given(_SECTIONS, st.integers(10, 90))
@settings(max_examples=150, deadline=None)
def test_every_character_that_is_no_heading_is_in_exactly_one_passage(
    sections: list[list[tuple[BlockKind, str]]], chunk_chars: int
) -> None:
    parsed = a_parsed(*sections)
    spans = chunk(parsed, chunk_chars=chunk_chars)
    assert all(one.end <= next_one.start for one, next_one in pairwise(spans))
    held = {place for span in spans for place in range(span.start, span.end)}
    for block in parsed.blocks:
        for place in range(block.start, block.end):
            if block.kind is not BlockKind.HEADING and not parsed.text[place].isspace():
                assert place in held


@given(_SECTIONS, st.integers(10, 90))
@settings(max_examples=150, deadline=None)
def test_passages_are_trimmed_inside_their_section_and_no_longer_than_allowed(
    sections: list[list[tuple[BlockKind, str]]], chunk_chars: int
) -> None:
    parsed = a_parsed(*sections)
    may_be_long = [block for block in parsed.blocks if block.kind in (BlockKind.CODE, BlockKind.TABLE)]
    for span in chunk(parsed, chunk_chars=chunk_chars):
        text = parsed.text[span.start : span.end]
        assert text
        assert text == text.strip()
        section = parsed.sections[span.section]
        assert section.start <= span.start < span.end <= section.end
        if not any(block.start <= span.start < block.end for block in may_be_long):
            assert len(text) <= chunk_chars


def test_context_is_whole_words_of_the_same_section() -> None:
    parsed = a_parsed([paragraph("Elsewhere.")], [paragraph("word " * 300)], [paragraph("Beyond.")])
    section = parsed.sections[1]
    start = section.start + 500
    seen = in_context(parsed.text, section, start, start + 4)
    assert set(seen.split()) == {"word"}
    around = CONTEXT_BEFORE + CONTEXT_AFTER
    assert around - 10 <= len(seen) <= around + 4
    assert in_context(parsed.text, section, section.start, section.end) == ("word " * 300).strip()


def test_context_of_a_section_that_is_one_passage_is_the_passage() -> None:
    parsed = a_parsed([paragraph("Only this.")], [paragraph("Not this.")])
    assert in_context(parsed.text, parsed.sections[0], 0, 10) == "Only this."


def test_what_is_embedded_names_title_and_headings_once() -> None:
    assert passage_input("Guide", ("Guide", "Setup", "Windows"), "Run it.") == "Guide > Setup > Windows\n\nRun it."
    assert passage_input("", (), "Run it.") == "Run it."


def test_a_passage_is_known_by_document_headings_text_and_ordinal() -> None:
    known = passage_id(DOCUMENT, ("Guide", "Setup"), "Run it.", 0)
    assert known == passage_id(DOCUMENT, ("Guide", "Setup"), "Run it.", 0)
    assert known.version == 5
    others = {
        passage_id(OTHER_DOCUMENT, ("Guide", "Setup"), "Run it.", 0),
        passage_id(DOCUMENT, ("Guide",), "Run it.", 0),
        passage_id(DOCUMENT, ("Guide > Setup",), "Run it.", 0),
        passage_id(DOCUMENT, ("Guide", "Setup"), "Run it", 0),
        passage_id(DOCUMENT, ("Guide", "Setup"), "Run it.", 1),
    }
    assert len(others | {known}) == 6


def test_a_passage_keeps_its_id_for_ever() -> None:
    """Ids stand in stored citations: this one must never change."""
    assert passage_id(DOCUMENT, ("Guide",), "Run it.", 0) == UUID("da5c4133-c89a-5a61-a7f4-9f0e2381fcb3")
