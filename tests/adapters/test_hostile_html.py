"""HTML that costs its parser far more than it is long is refused before it is parsed; what browsers mend is read."""

import pytest

from adapters.formats.by_format import FormatParser
from adapters.formats.html_cost import costs_too_much
from domain.errors import DocumentUnreadable
from domain.library.chunking import CHUNK_CHARS
from domain.library.model import Format, ParsedDocument, SourceDocument
from domain.library.versions import make_version
from tests.builders import a_document


def parsed(content: str) -> ParsedDocument:
    return FormatParser().parse(SourceDocument("page", content, Format.HTML))


FONTS = "".join(f"<font color={n}>" for n in range(300))

HOSTILE = {
    "divisions in divisions": "<div>" * 100_000 + "text",
    "and closed again": "<div>" * 50_000 + "</div>" * 50_000,
    "with text in each": "<div>word " * 50_000,
    "a deep page with a wide floor": "<div>" * 5_000 + "<div></div>" * 100_000,
    "other elements between": "<section><article><div>" * 30_000,
    "tables in tables": "<table><tr><td>x" * 30_000,
    "lists in lists": "<ul><li>x" * 60_000,
    "quotes in capitals": "<BLOCKQUOTE>" * 60_000,
    "formatting that every paragraph repeats": f"<p>{FONTS}" + "<p>x" * 3_000,
    "formatting that every division repeats": f"<div>{FONTS}</div>" + "<div>x</div>" * 3_000,
    "behind a comment that ends at once": "<!--><div>" * 60_000 + "-->",
    "ends of what is not open": "<div></span>" * 60_000,
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=list(HOSTILE))
def test_what_would_cost_far_more_than_it_is_long_is_refused_unparsed(content: str) -> None:
    with pytest.raises(DocumentUnreadable, match="nest too deeply, or too much formatting"):
        parsed(content)


MENDED = {
    "paragraphs that nobody closes": "<p>word " * 20_000,
    "items": "<ul>" + "<li>word" * 20_000 + "</ul>",
    "links in items": "<ul>" + "<li><a href=x>word" * 10_000,
    "definitions": "<dl>" + "<dt>word<dd>meaning" * 10_000,
    "rows of a word processor": "<table>" + "<tr><td><font size=2>word" * 20_000,
    "paragraphs of a word processor": "<p><font size=2>word" * 20_000,
    "drawings": "<svg>" + '<path d="M1"/>' * 20_000 + "</svg><p>word",
    "a thousand deep": "<div>" * 1_000 + "word" + "<p>word" * 1_000,
    "scripts that write markup": "<script>" + "'<div>' + " * 50_000 + "</script><p>word",
    "comments": "<!-- " + "<div>" * 50_000 + "--><p>word",
    "balanced": "<div><p>word</p><span>more</span></div>" * 10_000,
    "signs": "<p>word " + "< " * 100_000,
}


@pytest.mark.parametrize("content", MENDED.values(), ids=list(MENDED))
def test_what_browsers_mend_is_read(content: str) -> None:
    assert "word" in parsed(content).text


@pytest.mark.parametrize(
    "piece", ["<!-- ", "<script>", "<script x", "<", "<a", "</b>", "<!--><div></div>", "<title>", "</script", "<p <p"]
)
def test_looking_takes_time_in_line_with_the_length(piece: str) -> None:
    """Held by no clock: else a page of four million characters would take hours, and gigabytes."""
    costs_too_much(piece * (4_000_000 // len(piece)))


def test_lists_in_lists_do_not_grow_by_the_square_of_their_depth() -> None:
    deep = parsed("<ul><li>word" * 5_000)
    assert len(deep.text) < 5_000 * 150
    assert max(len(line) - len(line.lstrip()) for line in deep.text.splitlines()) <= 120
    made = make_version(a_document().id, "v", deep, chunk_chars=CHUNK_CHARS)
    assert sum(passage.end - passage.start for passage in made.passages) <= len(deep.text)
