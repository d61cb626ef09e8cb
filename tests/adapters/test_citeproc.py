"""Entries in the styles that Ibid ships, as their manuals want them."""

import logging
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.citeproc.formatter import CiteprocReferenceFormatter

FORMATTER: Final = CiteprocReferenceFormatter()
PAGE: Final = {"id": "1", "type": "webpage", "title": "Pinning", "URL": "https://x.test/p"}
LOVELACE: Final = {"family": "Lovelace", "given": "Ada"}
TURING: Final = {"family": "Turing", "given": "Alan Mathison"}
ROSSUM: Final = {"family": "van Rossum", "given": "Guido"}
SARTRE: Final = {"family": "Sartre", "given": "Jean-Paul"}
TEAM: Final = {"literal": "React Team"}


def an_item(*authors: dict[str, str], issued: tuple[int, ...] = (), **fields: Any) -> dict[str, Any]:
    item: dict[str, Any] = PAGE | ({"author": list(authors)} if authors else {})
    return item | ({"issued": {"date-parts": [list(issued)]}} if issued else {}) | fields


ARTICLE: Final = an_item(
    {"family": "Knuth", "given": "Donald E."},
    issued=(1968, 2, 1),
    type="article-journal",
    DOI="10.1000/x1",
    **{"container-title": "Acta"},
)
BOOK: Final = an_item(ROSSUM, issued=(1999,), type="book", title="Why?", ISBN="9780131103627", URL="")


@pytest.mark.parametrize(
    ("item", "entry"),
    [
        (PAGE, "Pinning. (n.d.). https://x.test/p"),
        (an_item(LOVELACE, issued=(1843,)), "Lovelace, A. (1843). Pinning. https://x.test/p"),
        (
            an_item(LOVELACE, TURING, issued=(2024, 3, 5)),
            "Lovelace, A., & Turing, A. M. (2024, March 5). Pinning. https://x.test/p",
        ),
        (
            an_item(ROSSUM, SARTRE, TEAM, issued=(2020, 6)),
            "van Rossum, G., Sartre, J.-P., & React Team. (2020, June). Pinning. https://x.test/p",
        ),
        (ARTICLE, "Knuth, D. E. (1968). Pinning. Acta. https://doi.org/10.1000/x1"),
        (BOOK, "van Rossum, G. (1999). Why?"),
        (an_item(title="“Quoted.”"), "“Quoted.” (n.d.). https://x.test/p"),
    ],
)
def test_apa(item: dict[str, Any], entry: str) -> None:
    assert FORMATTER.format(item, style="apa") == entry


@pytest.mark.parametrize(
    ("item", "entry"),
    [
        (PAGE, "“Pinning.” [Online]. Available: https://x.test/p"),
        (an_item(TEAM, issued=(2024, 3)), "React Team, “Pinning,” Mar. 2024. [Online]. Available: https://x.test/p"),
        (an_item(LOVELACE, TURING), "A. Lovelace and A. M. Turing, “Pinning.” [Online]. Available: https://x.test/p"),
        (ARTICLE, "D. E. Knuth, “Pinning,” Acta, Feb. 1, 1968, doi: 10.1000/x1"),
        (BOOK, "G. van Rossum, Why? 1999."),
        (an_item(title="Why?", URL=""), "“Why?”"),
    ],
)
def test_ieee(item: dict[str, Any], entry: str) -> None:
    assert FORMATTER.format(item, style="ieee") == entry


def test_apa_names_nineteen_of_more_than_twenty_authors_and_the_last() -> None:
    entry = FORMATTER.format(an_item(*({"family": f"Name{n}", "given": "A."} for n in range(1, 26))), style="apa")
    assert "Name19, A., … Name25, A. (n.d.)" in entry
    assert "Name20" not in entry


def test_ieee_names_the_first_of_more_than_six_authors() -> None:
    entry = FORMATTER.format(an_item(*({"family": f"Name{n}", "given": "A."} for n in range(1, 8))), style="ieee")
    assert entry.startswith("A. Name1 et al., “Pinning.”")


def test_an_item_that_the_engine_chokes_on_still_gives_an_entry_and_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="ibid.references"):
        entry = FORMATTER.format(PAGE | {"author": [{"nick": "ada"}]}, style="apa")
    assert entry == "Pinning. https://x.test/p"
    assert "could not be formatted" in caplog.text


@pytest.mark.parametrize("style", ["apa", "ieee"])
@given(
    title=st.text("aZéß文5 ,.:()/&'-?”", min_size=1, max_size=30).filter(str.strip),
    path=st.text("aZ5./-_~%+=&?#:@", max_size=20),
)
def test_a_page_that_has_nothing_but_title_and_address_is_written_as_any_other(
    style: str, title: str, path: str
) -> None:
    page = PAGE | {"title": title, "URL": f"https://x.test/{path}"}
    # No style speaks of the language, and whoever has more than a title and an address goes the whole way.
    assert FORMATTER.format(page, style=style) == FORMATTER.format(page | {"language": "en"}, style=style)
