"""Pages with their parts in them."""

from collections.abc import Mapping

import pytest

from adapters.formats.by_format import FormatParser
from domain.errors import DocumentUnreadable
from domain.library.model import Format, ParsedDocument, SourceDocument
from domain.library.parts import MAX_ROUNDS, PART_BEGINS, Parts
from domain.library.sites import PLAIN, SiteTool, SiteTree


def joined(files: Mapping[str, str], name: str, *, site: SiteTree = PLAIN) -> str:
    parts = Parts(files.keys(), site, 100_000)
    content, held = files[name].encode(), dict[str, bytes]()
    for _ in range(MAX_ROUNDS):
        held |= {part: files[part].encode() for part in parts.missing(name, content, held)}
    return parts.joined(name, content, held).decode()


def page(files: Mapping[str, str], name: str = "a.mdx") -> ParsedDocument:
    return FormatParser().parse(SourceDocument(name, joined(files, name), Format.MDX))


def test_a_part_is_shown_where_its_tag_stands() -> None:
    files = {
        "g/a.mdx": "import Note from '../_n/_note.mdx'\n\n# A\n\nOne.\n\n<Note />\n\nThree.\n",
        "_n/_note.mdx": "---\ntitle: Part\n---\n\nimport Tabs from '@theme/Tabs';\n\nTwo **words**.\n",
    }
    assert page(files, "g/a.mdx").text == "A\n\nOne.\n\nTwo words.\n\nThree."


def test_offsets_are_those_of_the_text_with_its_parts() -> None:
    files = {"a.mdx": "import P from './_p.mdx'\n\n<P />\n\n## End\n\nLast.\n", "_p.mdx": "First."}
    document = page(files)
    last = document.sections[-1]
    assert document.text[last.start : last.end] == "End\n\nLast."


def test_headings_of_a_part_have_anchors_of_their_own_as_the_site_gives_them() -> None:
    files = {
        "a.mdx": "import P from './_p.mdx'\n\n## Same\n\nX.\n\n<P />\n\n## Same\n\nY.\n\n## Own {#mine}\n\nZ.\n",
        "_p.mdx": "## Same\n\nP.\n\n## Same\n\nQ.\n",
    }
    assert [section.anchor for section in page(files).sections] == ["same", "same", "same-1", "same-1", "mine"]


def test_parts_have_parts_and_names_of_their_own() -> None:
    files = {
        "a.mdx": "import P from './x/_p.mdx'\n\n<P />\n",
        "x/_p.mdx": "import P from './_q.mdx'\n\nOuter.\n\n<P kind=\"x\"></P>\n",
        "x/_q.mdx": "Inner.",
    }
    assert page(files).text == "Outer.\n\nInner."


def test_an_escaped_underscore_is_one() -> None:
    assert page({"a.mdx": "import P from './\\_p.mdx';\n\n<P />\n", "_p.mdx": "Part."}).text == "Part."


def test_a_part_in_a_list_or_a_tab_stays_in_it() -> None:
    files = {"a.mdx": "import P from './_p.mdx'\n\n- Item\n\n  <P />\n\n- Next\n", "_p.mdx": "Part.\n\nMore."}
    assert page(files).text == "- Item\n\n  Part.\n\n  More.\n\n- Next"


def test_site_is_the_root_of_the_site() -> None:
    files = {"s/docs/a.mdx": "import P from '@site/docs/_p.mdx'\n\n<P />\n", "s/docs/_p.mdx": "Part."}
    assert "Part." in joined(files, "s/docs/a.mdx", site=SiteTree(SiteTool.DOCUSAURUS, {}, "s/"))
    assert "Part." not in joined(files, "s/docs/a.mdx")


def test_mkdocs_knows_no_parts() -> None:
    files = {"docs/a.md": "import P from './_p.md'\n\n<P />\n", "docs/_p.md": "Part."}
    assert joined(files, "docs/a.md", site=SiteTree(SiteTool.MKDOCS, {"docs/": ""})) == files["docs/a.md"]


@pytest.mark.parametrize(
    "text",
    [
        "No part.\n",
        "import P from './_gone.mdx'\n\n<P />\n",
        "import P from '../../_p.mdx'\n\n<P />\n",
        "import P from './_p.mdx'\n\n```jsx\n<P />\n```\n",
        "```jsx\nimport P from './_p.mdx'\n```\n\n<P />\n",
        "import P from './_p.mdx'\n\nWords <P /> words.\n",
        "import P from './a.mdx'\n\n<P />\n",
    ],
)
def test_what_includes_nothing_stays_as_it_is(text: str) -> None:
    assert joined({"a.mdx": text, "_p.mdx": "Part."}, "a.mdx") == text


def test_a_circle_ends() -> None:
    files = {
        "a.mdx": "import B from './_b.mdx'\n\n<B />\n",
        "_b.mdx": "import C from './_c.mdx'\n\nIn b.\n\n<C />\n",
        "_c.mdx": "import B from './_b.mdx'\n\nIn c.\n\n<B />\n",
    }
    assert page(files).text == "In b.\n\nIn c."


def test_a_block_of_code_that_a_part_leaves_open_ends_with_it() -> None:
    files = {"a.mdx": "import P from './_p.mdx'\n\n<P />\n\n## End\n\nLast.\n", "_p.mdx": "```js\nlet x;"}
    assert [section.anchor for section in page(files).sections] == [None, "end"]


def test_parts_that_multiply_are_stopped_and_cost_their_page_alone() -> None:
    files = {f"_{depth}.mdx": f"import P from './_{depth + 1}.mdx'\n\n" + "<P />\n\n" * 50 for depth in range(6)}
    files |= {"_6.mdx": "x", "a.mdx": "import P from './_0.mdx'\n\n<P />\n"}
    with pytest.raises(DocumentUnreadable, match="too long together"):
        joined(files, "a.mdx")


def test_a_part_that_is_no_utf8_is_named() -> None:
    parts = Parts(["a.mdx", "_p.mdx"], PLAIN)
    with pytest.raises(DocumentUnreadable, match=r"_p\.mdx is not UTF-8"):
        parts.joined("a.mdx", b"import P from './_p.mdx'\n\n<P />\n", {"_p.mdx": b"\xe9"})


def test_a_mark_without_its_beginning_is_nothing() -> None:
    text = "{/* ibid:part-end */}\n\n## A\n\nX.\n\n" + PART_BEGINS + "\n\n## A\n\nY.\n"
    assert [section.anchor for section in page({"a.mdx": text}).sections] == ["a", "a"]
