"""Anchors of MkDocs pages. The expected ids were read off pages that Python-Markdown 3.10 made of the same source."""

import pytest

from adapters.formats.by_format import FormatParser
from domain.library.model import Format, ParsedDocument, SourceDocument
from domain.library.sites import SitePlace, SiteTool

PAGE = """\
# The Étude & more
## Set-up -- and  go
## Set-up -- and  go
## Set up and go
## 日本
## 한국
## Use `a_b` (v1.0)
## Use [links](x.md) and *marks* ![pic](p.png)
## Named {: #own .wide }
## own
## Plain { #later }
## part_2
## part_2
## part
## part
## later
## aria:label {braces}x
## Fin
"""
IDS = [
    "the-etude-more",
    "set-up-and-go",
    "set-up-and-go_1",
    "set-up-and-go_2",
    "_1",
    "_2",
    "use-a_b-v10",
    "use-links-and-marks",
    "own",
    "own_1",
    "later",
    "part_2",
    "part_3",
    "part",
    "part_1",
    "later_1",
    "arialabel-bracesx",
    "fin",
]


def parsed(tool: SiteTool, text: str) -> ParsedDocument:
    place = SitePlace(tool, "a.md").as_metadata()
    return FormatParser().parse(SourceDocument("docs/a.md", text, Format.MARKDOWN, metadata=place))


@pytest.mark.parametrize("tool", [SiteTool.MKDOCS, SiteTool.MKDOCS_FILES])
def test_every_heading_has_the_id_that_mkdocs_gives_it(tool: SiteTool) -> None:
    assert [section.anchor for section in parsed(tool, PAGE).sections] == IDS


def test_an_attribute_list_is_not_shown() -> None:
    assert "## Named {" in PAGE
    headings = [section.heading_path[-1] for section in parsed(SiteTool.MKDOCS, PAGE).sections]
    assert {"Named", "Plain", "aria:label {braces}x"} <= set(headings)
    assert not any("own .wide" in heading for heading in headings)


def test_braces_and_tags_in_a_page_of_mkdocs_make_it_no_mdx() -> None:
    text = parsed(SiteTool.MKDOCS, "# A\n\nimport x from 'y'\n\nUse {{ value }} here.\n").text
    assert "{{ value }}" in text
    assert "import x" in text


def test_the_same_page_of_docusaurus_keeps_the_ids_of_docusaurus() -> None:
    anchors = [
        section.anchor for section in parsed(SiteTool.DOCUSAURUS, "# A\n\n## B c\n\nX.\n\n## B c\n\nY.\n").sections
    ]
    assert anchors == [None, "b-c", "b-c-1"]


def test_many_headings_of_one_text_cost_no_more_than_their_number() -> None:
    many = 15_000
    anchors = [section.anchor for section in parsed(SiteTool.MKDOCS, "# a\n" * many + "# a_5\n" * 100).sections]
    assert anchors[-1] == f"a_{many + 99}"
    assert len(set(anchors)) == many + 100
