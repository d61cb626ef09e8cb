from typing import Any

import pytest

from domain.grounding.bibtex import bibtex

PAGE: dict[str, Any] = {"id": "1", "type": "webpage", "title": "Pinning", "URL": "https://x.test/p_1%20#a"}


def test_a_page_without_author_and_date() -> None:
    assert bibtex([PAGE]) == "@misc{pinning,\n  title = {{Pinning}},\n  url = {https://x.test/p_1%20#a},\n}\n"


def test_an_article_with_everything() -> None:
    item = {
        "id": "1",
        "type": "article-journal",
        "title": "Cost & effect of 100% {x}_y",
        "author": [{"family": "van Rössum", "given": "Guido"}, {"literal": "React Team & Co"}],
        "issued": {"date-parts": [[1999, 3, 5]]},
        "container-title": "Acta #1",
        "DOI": "10.1000/a_b",
    }
    assert bibtex([item]) == (
        "@article{vanrossum1999cost,\n"
        "  author = {van Rössum, Guido and {React Team \\& Co}},\n"
        "  title = {{Cost \\& effect of 100\\% \\{x\\}\\_y}},\n"
        "  journal = {Acta \\#1},\n"
        "  year = {1999},\n"
        "  month = mar,\n"
        "  doi = {10.1000/a_b},\n"
        "}\n"
    )


def test_a_book_keeps_its_isbn() -> None:
    assert "@book{x,\n  title = {{X}},\n  isbn = {978},\n}" in bibtex([{"type": "book", "title": "X", "ISBN": "978"}])


def test_no_two_entries_share_a_key() -> None:
    written = bibtex([PAGE, PAGE, {**PAGE, "title": "一二"}, {**PAGE, "title": "三"}])
    assert [line[6:-1] for line in written.splitlines() if line.startswith("@")] == [
        "pinning", "pinning-2", "source", "source-2",
    ]  # fmt: skip


@pytest.mark.parametrize("nasty", ["}", "{", "\\", "}}, title = {other", "a\nb", "https://x.test/}%{"])
def test_no_value_can_end_its_field(nasty: str) -> None:
    written = bibtex([{"type": "webpage", "title": nasty, "author": [{"literal": nasty}], "URL": nasty}])
    for escaped in (r"\{", r"\}"):
        written = written.replace(escaped, "")
    depth = 0
    for character in written:
        depth += {"{": 1, "}": -1}.get(character, 0)
        assert depth >= 0
    assert depth == 0
    assert written.rstrip().endswith("}")
    assert sum(line.startswith("  ") for line in written.splitlines()) == 3
