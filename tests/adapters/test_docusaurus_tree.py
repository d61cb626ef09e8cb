"""
A whole Docusaurus tree, against an oracle that shares nothing with the parser.

The oracle reads heading lines with regular expressions and makes slugs by Python's idea of a word character
(and the one mark that the tree has, an emoji's variation selector). It knows the headings of this tree, not Markdown.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.formats.by_format import FormatParser
from domain.library.model import BlockKind, Format, ParsedDocument, SourceDocument

DOCS = Path(__file__).parents[2].parent / "shared" / "data" / "react-native-docs" / "docs"
pytestmark = pytest.mark.skipif(not DOCS.is_dir(), reason=f"the evaluation data is not at {DOCS}")

PAGES = 239


def pages() -> list[Path]:
    return sorted(path for path in DOCS.rglob("*") if path.suffix in (".md", ".mdx"))


def parsed(path: Path) -> ParsedDocument:
    kind = Format.MDX if path.suffix == ".mdx" else Format.MARKDOWN
    return FormatParser().parse(SourceDocument(path.relative_to(DOCS).as_posix(), path.read_text("utf-8"), kind))


def heading_lines(source: str) -> Iterator[tuple[int, str]]:
    source = re.sub(r"\A---\n.*?\n---\n", "", source, flags=re.DOTALL)
    source = re.sub(r"<!--.*?-->", "", source, flags=re.DOTALL)
    fence = None
    for line in source.split("\n"):
        mark = re.match(r"\s*(```+|~~~+)(.*)", line)
        if fence is None and mark:
            fence = mark[1]
        elif fence is not None and mark and mark[1].startswith(fence) and not mark[2].strip():
            fence = None
        elif fence is None and (found := re.match(r"\s*(#{1,6})\s+(.*?)(\s+#+)?\s*$", line)):
            yield len(found[1]), found[2]


def expected_anchors(source: str) -> list[str | None]:
    taken: set[str] = set()
    anchors: list[str | None] = []
    for level, line in heading_lines(source):
        own = re.search(r"\{#(\S+)\}$", line)
        if own:
            anchors.append(own[1])
            continue
        text = re.sub(r"<[^>`]*>|(?<=\])\([^)]*\)|\\(?=\W)", "", line)
        base = re.sub(r"[^\w\ufe0f -]", "", text.lower()).replace(" ", "-")
        numbered = (base if n == 0 else f"{base}-{n}" for n in range(len(taken) + 1))
        anchor = next(candidate for candidate in numbered if candidate not in taken)
        taken.add(anchor)
        anchors.append(None if level == 1 else anchor)
    return anchors


def test_the_whole_tree_is_here() -> None:
    assert len(pages()) == PAGES


def test_every_heading_of_every_page_has_the_anchor_that_the_site_gives_it() -> None:
    wrong = {}
    counted = 0
    for path in pages():
        got = [section.anchor for section in parsed(path).sections if section.level]
        expected = expected_anchors(path.read_text("utf-8"))
        counted += len(expected)
        if got != expected:
            wrong[path.name] = [pair for pair in zip(got, expected, strict=False) if pair[0] != pair[1]][:3]
    assert not wrong
    assert counted > 2_000


def test_no_page_shows_markup() -> None:
    marks = re.compile(
        r"</?(?:[a-z]\w*|Tab\w+|[A-Z]\w+)[ />]|^(?:import|export) .* from |^:::|\*\*\w|\]\(|<!--|\{/\*", re.MULTILINE
    )
    shown = {}
    for path in pages():
        document = parsed(path)
        for block in document.blocks:
            text = document.text[block.start : block.end]
            prose = re.sub(r"(`+).+?\1", "", text, flags=re.DOTALL)
            if block.kind is not BlockKind.CODE and (found := marks.search(prose)):
                shown[path.name] = prose[max(0, found.start() - 30) : found.end() + 30]
    assert not shown


def test_every_fence_is_kept_whole() -> None:
    for path in pages():
        document = parsed(path)
        source = path.read_text("utf-8")
        for block in document.blocks:
            if block.kind is BlockKind.CODE:
                code = document.text[block.start : block.end].split("\n")[1:-1]
                lines = {line.strip() for line in source.split("\n")}
                assert all(line.strip() in lines for line in code), path.name


def test_every_page_with_front_matter_has_its_title() -> None:
    for path in pages():
        title = re.search(r"\A---\n(?:.*\n)*?title: ['\"]?(.*?)['\"]?\n(?:.*\n)*?---\n", path.read_text("utf-8"))
        if title:
            assert parsed(path).title == title[1].strip(), path.name
