"""What every DocumentParser owes, whatever the format."""

import string
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.formats.by_format import FormatParser
from domain.errors import DocumentUnreadable
from domain.library.model import BlockKind, Format, ParsedDocument, SourceDocument
from domain.library.ports import DocumentParser

WRITTEN = [Format.MARKDOWN, Format.MDX, Format.HTML, Format.TEXT, Format.RST]
HEADED = [Format.MARKDOWN, Format.MDX, Format.HTML]
SAME_PAGE = {
    Format.MARKDOWN: """---
title: Pinning
lang: en
authors: [Ada, Grace]
---

Why pin & how.

## Exact versions {#exact}

Use `==1.2` for **every** release.

- first
- second

### In a file

```ini
a = 1
```

| Tool | Flag |
|------|------|
| uv   | `-x` |
""",
    Format.HTML: """<!doctype html><html lang="en"><head><title>Pinning</title>
<meta name="author" content="Ada"><meta name="author" content="Grace"></head><body><nav>Home</nav><main>
<p>Why pin &amp; how.</p><h2 id="exact">Exact versions</h2><p>Use <code>==1.2</code> for <b>every</b> release.</p>
<ul><li>first</li><li>second</li></ul><h3 id="in-a-file">In a file</h3>
<pre><code class="language-ini">a = 1
</code></pre><table><tr><th>Tool</th><th>Flag</th></tr><tr><td>uv</td><td><code>-x</code></td></tr></table>
</main></body></html>""",
}
SAME_PAGE[Format.MDX] = "import Tabs from '@theme/Tabs';\n".join(
    [SAME_PAGE[Format.MARKDOWN][: SAME_PAGE[Format.MARKDOWN].index("Why")], "\n<div>\n\n"]
) + (SAME_PAGE[Format.MARKDOWN][SAME_PAGE[Format.MARKDOWN].index("Why") :] + "\n</div>\n")

MARKUP = st.sampled_from(
    [
        *("# ", "## ", "\n", "\n\n", "- ", "1. ", "> ", "```", "~~~", ":::note", ":::", "---\n", "| a ", "|--"),
        *("<b>", "</b>", "<div>", "<!--", "-->", "<pre>", "<h2 id=x>", "<li>", "<table><tr><td>", "<script>"),
        *("{", "}", "{/*", "*/}", "import x from 'y'\n", "<TabItem value='v'>", "`", "**", "_", "[", "](x)"),
        *("![", "[^1]: ", "&amp;", "\\", "    ", "\t", "\u200b", "é", "\u3000", "\u2028", "\x0c", "\x00", "\x1c"),
    ]
)
WORDS = st.text(string.ascii_letters + " ", max_size=8)
ANY_TEXT = st.lists(st.one_of(MARKUP, WORDS, st.text(max_size=5))).map("".join)


@pytest.fixture
def parser() -> DocumentParser:
    return FormatParser()


def parsed(parser: DocumentParser, content: str, kind: Format) -> ParsedDocument:
    return parser.parse(SourceDocument("docs/page.md", content, kind))


def shown(document: ParsedDocument, kind: BlockKind) -> list[str]:
    return [document.text[block.start : block.end] for block in document.blocks if block.kind is kind]


def assert_well_formed(document: ParsedDocument) -> None:
    at = 0
    for number, section in enumerate(document.sections):
        assert section.ordinal == number
        assert at <= section.start < section.end <= len(document.text)
        at = section.end
    at = 0
    for block in document.blocks:
        assert at <= block.start < block.end <= len(document.text)
        assert document.text[block.start : block.end].strip()
        assert sum(section.start <= block.start and block.end <= section.end for section in document.sections) == 1
        at = block.end


@pytest.mark.parametrize("kind", HEADED)
def test_the_same_page_gives_the_same_document_in_every_format(parser: DocumentParser, kind: Format) -> None:
    document = parsed(parser, SAME_PAGE[kind], kind)
    assert document.title == "Pinning"
    assert document.text.split("\n\n") == [
        "Why pin & how.",
        "Exact versions",
        "Use `==1.2` for every release.",
        "- first",
        "- second",
        "In a file",
        "```ini\na = 1\n```",
        "| Tool | Flag |\n| uv | `-x` |",
    ]
    assert [(section.heading_path, section.level, section.anchor) for section in document.sections] == [
        (("Pinning",), 0, None),
        (("Pinning", "Exact versions"), 2, "exact"),
        (("Pinning", "Exact versions", "In a file"), 3, "in-a-file"),
    ]
    assert [block.kind.value for block in document.blocks] == [
        *("paragraph", "heading", "paragraph", "list_item", "list_item", "heading", "code", "table")
    ]
    assert document.metadata["authors"] == ["Ada", "Grace"]
    assert document.metadata["lang"] == "en"


@pytest.mark.parametrize("kind", HEADED)
def test_a_section_begins_with_its_heading(parser: DocumentParser, kind: Format) -> None:
    document = parsed(parser, SAME_PAGE[kind], kind)
    for section in document.sections[1:]:
        assert document.text[section.start : section.end].startswith(section.heading_path[-1])


@pytest.mark.parametrize("kind", HEADED)
def test_code_and_tables_are_whole_blocks(parser: DocumentParser, kind: Format) -> None:
    document = parsed(parser, SAME_PAGE[kind], kind)
    assert shown(document, BlockKind.CODE) == ["```ini\na = 1\n```"]
    assert shown(document, BlockKind.TABLE) == ["| Tool | Flag |\n| uv | `-x` |"]


@pytest.mark.parametrize("kind", [kind for kind in Format if not kind.binary])
def test_an_empty_document_has_no_text_and_no_section(parser: DocumentParser, kind: Format) -> None:
    document = parsed(parser, "", kind)
    assert (document.text, document.sections, document.blocks) == ("", (), ())


@pytest.mark.parametrize("kind", [kind for kind in Format if not kind.binary])
def test_a_blank_document_has_no_section(parser: DocumentParser, kind: Format) -> None:
    assert parsed(parser, " \n\n\t\n", kind).sections == ()


@pytest.mark.parametrize("kind", WRITTEN)
def test_a_title_given_by_the_owner_comes_first(parser: DocumentParser, kind: Format) -> None:
    document = parser.parse(SourceDocument("a", "Words.", kind, title="Given"))
    assert document.title == "Given"
    assert document.sections[0].heading_path == ("Given",)


@pytest.mark.parametrize("kind", WRITTEN)
def test_parsing_twice_gives_the_same_document(parser: DocumentParser, kind: Format) -> None:
    content = SAME_PAGE.get(kind, "One.\n\nTwo.")
    assert parsed(parser, content, kind) == parsed(parser, content, kind)


@pytest.mark.parametrize("kind", list(Format))
@settings(max_examples=120, deadline=None)
@given(content=ANY_TEXT)
def test_whatever_comes_sections_and_blocks_are_ordered_and_inside_the_text(kind: Format, content: str) -> None:
    try:
        document = parsed(FormatParser(), content, kind)
    except DocumentUnreadable:
        return
    assert_well_formed(document)


HOSTILE: dict[str, Callable[[int], str]] = {
    "nested quotes": lambda n: ">" * n + " x",
    "nested lists": lambda n: "- " * n + "x",
    "brackets": lambda n: "[" * n,
    "braces": lambda n: "{" * n,
    "unclosed tags": lambda n: "<a " * n,
    "nested elements": lambda n: "<div>" * n + "x",
    "nested list elements": lambda n: "<ul><li>" * n + "x",
    "unclosed fence": lambda n: "```\n" + "x\n" * n,
    "emphasis": lambda n: "*_" * n,
}


@pytest.mark.parametrize("kind", list(Format))
@pytest.mark.parametrize("shape", HOSTILE)
def test_deep_and_unclosed_structures_are_read_or_refused(parser: DocumentParser, kind: Format, shape: str) -> None:
    try:
        document = parsed(parser, HOSTILE[shape](10_000), kind)
    except DocumentUnreadable:
        return
    assert_well_formed(document)


def test_plain_text_is_stored_exactly_as_sent(parser: DocumentParser) -> None:
    content = "  One\r\nline. \r\n\r\n\r\n# not a heading\n\n\n\tTwo\u200b \n"
    document = parsed(parser, content, Format.TEXT)
    assert document.text == content
    assert shown(document, BlockKind.PARAGRAPH) == ["One\r\nline.", "# not a heading", "Two\u200b"]
    assert len(document.sections) == 1
