"""What only Markdown, MDX, HTML heads and front matter have."""

import pytest

from adapters.formats.by_format import FormatParser
from domain.errors import DocumentUnreadable
from domain.library.model import BlockKind, Format, ParsedDocument, SourceDocument


def mdx(content: str) -> ParsedDocument:
    return FormatParser().parse(SourceDocument("page.mdx", content, Format.MDX))


def markdown(content: str) -> ParsedDocument:
    return FormatParser().parse(SourceDocument("page.md", content, Format.MARKDOWN))


def html(content: str) -> ParsedDocument:
    return FormatParser().parse(SourceDocument("page.html", content, Format.HTML))


def blocks(document: ParsedDocument) -> list[str]:
    return [document.text[block.start : block.end] for block in document.blocks]


def anchors(document: ParsedDocument) -> list[str | None]:
    return [section.anchor for section in document.sections]


def test_import_and_export_lines_are_not_shown() -> None:
    page = (
        "import A from 'a';\nimport {\n  B,\n} from 'b';\n\nexport const c = {\n\n  d: '}',\n};\n\nimport is a word.\n"
    )
    assert blocks(mdx(page)) == ["import is a word."]


def test_tags_go_and_what_they_enclose_stays() -> None:
    page = "<Box\n  wide={a > b}\n  on={() => { go('}') }}\n>\n\n**Inside** <Icon /> <b>bold</b>.\n\n</Box>\n"
    assert blocks(mdx(page)) == ["Inside bold."]


def test_expressions_go_unless_they_are_plain_strings() -> None:
    assert blocks(mdx("Version {version + `}`} of{' '}{\"it\"}{/* a note */}.\n\n{list.map((x) => (\n  x\n))}\n")) == [
        "Version of it."
    ]


def test_braces_of_plain_markdown_are_text() -> None:
    assert blocks(markdown("Send {name} to <https://x.example>.\n\n    indented code\n")) == [
        "Send {name} to https://x.example.",
        "indented code",
    ]


@pytest.mark.parametrize(
    "page", ["import A from 'a';\n\n{x}Text", "<Foo>\n\n{x}Text\n\n</Foo>", "{/* note */}\n\n{x}Text"]
)
def test_markdown_that_uses_mdx_is_read_as_mdx(page: str) -> None:
    assert blocks(markdown(page)) == ["Text"]


def test_markdown_that_only_shows_mdx_in_a_fence_is_not_mdx() -> None:
    assert blocks(markdown("```js\nimport A from 'a';\n```\n\n{x}"))[-1] == "{x}"


def test_comments_are_not_shown() -> None:
    page = (
        "One.\n\n<!-- ignore all\n\n# rules -->\n\nTwo <!-- three --> four.\n\n"
        "{/*\n\nfive\n\n*/}\n\nSix.\n\n<!-- open\n\nseven"
    )
    assert blocks(mdx(page)) == ["One.", "Two four.", "Six."]


@pytest.mark.parametrize("name", ["script", "style", "template", "svg"])
def test_what_a_browser_does_not_show_is_not_shown(name: str) -> None:
    page = f"One.\n\n<{name}>\n\n# hidden\n\n</{name}>\n\nTwo <{name}>hidden</{name}> three."
    assert blocks(markdown(page)) == ["One.", "Two three."]


def test_a_tab_begins_with_its_label() -> None:
    page = (
        "<Tabs>\n<TabItem value='a' label={\"A &amp; B\"}>\n\nOne.\n\n</TabItem>\n"
        "<TabItem value='b'>Two.</TabItem>\n</Tabs>\n"
    )
    assert blocks(mdx(page)) == ["A & B", "One.", "b\nTwo."]


def test_an_admonition_begins_with_its_title() -> None:
    page = (
        ":::::note\n\nOne.\n\n:::warning Own *title*\nTwo.\n:::\n\n:::tip[Label]\n- Three.\n:::\n\n:::::\n\n"
        ':::info{title="By attribute"}\nFour.\n:::\n'
    )
    assert blocks(mdx(page)) == ["Note", "One.", "Own title", "Two.", "Label", "- Three.", "By attribute", "Four."]


def test_details_show_their_summary() -> None:
    assert blocks(mdx("<details>\n<summary>More</summary>\n\nHidden at first.\n\n</details>")) == [
        "More",
        "Hidden at first.",
    ]


def test_a_fence_is_kept_word_for_word() -> None:
    page = '````tsx title="App.tsx"\n<b>{x}</b>\n\n:::note\n```\n  import a\n````\n'
    document = mdx(page)
    assert document.text == "````tsx\n<b>{x}</b>\n\n:::note\n```\n  import a\n````"
    assert document.blocks[0].kind is BlockKind.CODE


def test_an_mdx_code_block_is_read_as_mdx() -> None:
    assert blocks(markdown("import A from 'a';\n\n```mdx-code-block\n<A>\n\ntext\n\n</A>\n```\n\nend")) == [
        "text",
        "end",
    ]


def test_inline_marks_go_and_code_keeps_its_ticks() -> None:
    page = "*a* **b** ~~c~~ `d *e*` ``f`g`` [h](u) ![i](j) &lt;k&gt; \\*l\\* <m@n.example>\nsoft  \nhard"
    assert blocks(markdown(page)) == ["a b c `d *e*` ``f`g`` h <k> *l* m@n.example soft\nhard"]


def test_lists_keep_their_markers_and_depth() -> None:
    page = "3. one\n   two\n\n   more\n\n   - [x] in\n\n     ```\n     code\n     ```\n4. last\n"
    document = markdown(page)
    assert document.text == "3. one two\n\n   more\n\n   - in\n\n```\ncode\n```\n\n4. last"
    assert [block.kind.value for block in document.blocks] == [
        "list_item",
        "paragraph",
        "list_item",
        "code",
        "list_item",
    ]


def test_quotes_are_paragraphs_and_rules_are_nothing() -> None:
    assert blocks(markdown("> a\n> b\n\n---\n\n> > c\n")) == ["a b", "c"]


def test_footnotes_lose_their_marks() -> None:
    assert blocks(markdown("Said[^1] so[^2].\n\n[^1]: By whom.\n")) == ["Said so[^2].", "By whom."]


def test_front_matter_gives_title_and_metadata_that_json_can_hold() -> None:
    document = mdx(
        "---\ntitle: T\nauthors:\n  - {name: Ada}\npublished: 2024-05-01\npeer_reviewed: true\nsidebar_position: 2\n"
        "tags: [a, b]\nweight: .nan\n---\n\nText.\n"
    )
    assert document.title == "T"
    assert document.metadata == {
        "title": "T",
        "authors": [{"name": "Ada"}],
        "published": "2024-05-01",
        "peer_reviewed": True,
        "sidebar_position": 2,
    }
    assert document.text == "Text."


@pytest.mark.parametrize("page", ["---\ntitle: T\n\nText.", "---\n\nText.\n\n---\n\nMore.", "text\n---\na: b\n---\n"])
def test_what_is_no_front_matter_is_text(page: str) -> None:
    document = markdown(page)
    assert document.metadata == {}
    assert document.text


@pytest.mark.parametrize(
    "yaml",
    [
        "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]",
        "title: a: b",
        "id: 2024-13-45",
        "a: " + "[" * 5_000 + "]" * 5_000,
        "title: " + "x" * 70_000,
    ],
    ids=["aliases", "invalid", "impossible date", "deep", "long"],
)
def test_front_matter_that_cannot_be_trusted_refuses_the_page_by_name(yaml: str) -> None:
    with pytest.raises(DocumentUnreadable, match=r"^page\.md: its front matter") as refused:
        markdown(f"---\n{yaml}\n---\n\nText.")
    assert refused.value.uri == "page.md"


def test_characters_that_cannot_be_stored_do_not_come_in_by_an_escape() -> None:
    assert "\x00" not in repr(markdown('---\ntitle: "a\\0b"\n---\n&#0;&#xD800;'))
    assert markdown('---\ntitle: "a\\0b"\n---\n').title == "ab"


def test_headings_count_wherever_they_stand() -> None:
    page = (
        "- ## In list\n\n> ## In quote\n\n<Box>\n  para\n  ## In box\n</Box>\n\n"
        ":::note\n## In note\n:::\n\n<h2>no</h2>\n"
    )
    assert anchors(mdx(page)) == ["in-list", "in-quote", "in-box", "in-note"]


@pytest.mark.parametrize(
    ("heading", "anchor", "text"),
    [
        ('`accessible` <div className="label">Android</div>', "accessible-android", "`accessible` Android"),
        ("<Icon/> Foo", "-foo", "Foo"),
        ("![alt text](x.png) more", "alt-text-more", "more"),
        ("[link *em*](u) `code_x`", "link-em-code_x", "link em `code_x`"),
        ("Foo {bar}", "foo-bar", "Foo"),
        ("Qux {/* #own-id */}", "own-id", "Qux"),
        ("Baz {/* note */}", "baz--note-", "Baz"),
        ("With *Bold* end{#own_id}", "own_id", "With Bold end"),
        ("aria:label", "aria", "aria:label"),
        ("Closed ##", "closed", "Closed"),
    ],
)
def test_a_heading_gets_the_id_that_docusaurus_gives_it(heading: str, anchor: str, text: str) -> None:
    """The ids were read off a build by docusaurus 3.10.2."""
    document = mdx(f"## {heading}\n")
    assert anchors(document) == [anchor]
    assert document.text == text


def test_an_html_comment_can_name_a_heading_of_plain_markdown() -> None:
    assert anchors(markdown("## Heading <!-- #own -->\n")) == ["own"]


def test_the_heading_path_runs_from_the_title_down() -> None:
    page = "Before.\n\n# Title\n\n## `A`\n\n#### B\n\n## C\n\n# Other\n\n## D\n"
    assert [section.heading_path for section in markdown(page).sections] == [
        ("Title",),
        ("Title",),
        ("Title", "A"),
        ("Title", "A", "B"),
        ("Title", "C"),
        ("Title", "Other"),
        ("Title", "Other", "D"),
    ]


def test_the_title_of_a_page_has_no_anchor() -> None:
    assert anchors(markdown("# Same\n\n## Same\n")) == [None, "same-1"]


def test_windows_line_ends_and_a_byte_order_mark_change_nothing() -> None:
    page = "---\ntitle: T\n---\n\n## A\n\nb\nc\n"
    assert markdown("\ufeff" + page.replace("\n", "\r\n")) == markdown(page)


def test_html_keeps_the_main_content_alone() -> None:
    page = (
        "<body><header>a</header><nav>b</nav><main><header><h1>Kept</h1></header><p>c<script>d</script></p>"
        "<p hidden>e</p><p style='display: none'>f</p><aside>g</aside><footer>h</footer></main>"
        "<footer>i</footer></body>"
    )
    assert blocks(html(page)) == ["Kept", "c"]
    assert blocks(html(page.replace("main>", "div>"))) == ["c"]


@pytest.mark.parametrize(
    "heading",
    [
        '<h2 id="x">A</h2>',
        '<h2><a name="x"></a>A</h2>',
        '<h2><span id="x">A</span></h2>',
        '<a id="x"><h2>A</h2></a>',
        '<section id="x"><h2>A<a class="headerlink" href="#x">¶</a></h2></section>',
    ],
)
def test_an_html_heading_is_reached_by_the_id_around_or_in_it(heading: str) -> None:
    document = html(f"<main>{heading}<p>b</p></main>")
    assert anchors(document) == ["x"]
    assert blocks(document) == ["A", "b"]


def test_the_site_name_is_no_part_of_an_html_title() -> None:
    assert html("<title>Pinning | Tool</title><h1>Pinning</h1>").title == "Pinning"
    assert html("<title>Pinning</title><h1>Other</h1>").title == "Pinning"
    assert html("<h1>Alone</h1>").title == "Alone"


def test_html_preformatted_text_keeps_its_lines() -> None:
    document = html('<pre class="language-sh"><code><span>a  b</span><br><span>  ```</span></code></pre>')
    assert document.text == "````sh\na  b\n  ```\n````"


LISTS = {
    "- one\n- two\n": ["- one", "- two"],
    "- one\n  goes on\n- two\ngoes on, too\n": ["- one goes on", "- two goes on, too"],
    "1. one\n2. two\n10. ten\n": ["1. one", "2. two", "3. ten"],
    "- one\n  - inner\n- two\n": ["- one", "  - inner", "- two"],
    "- one\n-\n- two\n": ["- one", "- two"],
    "- one\n- - two\n": ["- one", "  - two"],
    "- one\n - two\n  - three\n": ["- one", "- two", "- three"],
    "- one\n-two\n": ["- one -two"],
    "> - one\n- two\n": ["- one", "- two"],
}


@pytest.mark.parametrize("content", list(LISTS))
def test_an_item_ends_where_the_next_one_begins(content: str) -> None:
    parsed = FormatParser().parse(SourceDocument("page", content, Format.MARKDOWN))
    assert [line for line in parsed.text.splitlines() if line] == LISTS[content]
