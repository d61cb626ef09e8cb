from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.citeproc.formatter import CiteprocReferenceFormatter
from adapters.memory.references import PlainReferenceFormatter
from domain.errors import OutOfRange
from domain.grounding.ports import ReferenceFormatter
from domain.grounding.references import STYLES

FORMATTERS: dict[str, ReferenceFormatter] = {
    "memory": PlainReferenceFormatter(),
    "citeproc": CiteprocReferenceFormatter(),
}
ARTICLE: Mapping[str, Any] = {
    "id": "1",
    "type": "article-journal",
    "title": "On computable numbers",
    "author": [{"family": "Turing", "given": "Alan M."}, {"literal": "Princeton Library Team"}],
    "issued": {"date-parts": [[1936, 11, 12]]},
    "container-title": "Proceedings",
    "DOI": "10.1112/plms/s2-42.1.230",
    "URL": "https://x.test/turing",
}
WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20).filter(str.strip)
ITEMS = st.fixed_dictionaries(
    {"id": st.just("1"), "type": st.sampled_from(["webpage", "book", "article-journal"]), "title": WORDS},
    optional={
        "author": st.lists(
            st.fixed_dictionaries({"literal": WORDS})
            | st.fixed_dictionaries({"family": WORDS}, optional={"given": WORDS}),
            min_size=1,
            max_size=25,
        ),
        "issued": st.lists(st.integers(1, 12), min_size=1, max_size=3).map(lambda parts: {"date-parts": [parts]}),
        "container-title": WORDS,
        "DOI": WORDS.map("10.1000/{}".format),
        "URL": WORDS.map("https://x.test/{}".format),
    },
)


@pytest.fixture(params=FORMATTERS)
def formatter(request: pytest.FixtureRequest) -> ReferenceFormatter:
    return FORMATTERS[request.param]


@pytest.mark.parametrize("style", sorted(STYLES))
def test_an_entry_names_everything_that_the_item_has(formatter: ReferenceFormatter, style: str) -> None:
    entry = formatter.format(ARTICLE, style=style)
    for part in ("Turing", "Princeton Library Team", "1936", "On computable numbers", "Proceedings", ARTICLE["DOI"]):
        assert part in entry
    assert entry == formatter.format(dict(ARTICLE), style=style)


@pytest.mark.parametrize("style", sorted(STYLES))
def test_a_doi_stands_instead_of_the_address(formatter: ReferenceFormatter, style: str) -> None:
    assert "x.test" not in formatter.format(ARTICLE, style=style)
    entry = formatter.format({"id": "1", "type": "webpage", "title": "Pinning", "URL": "https://x.test/p"}, style=style)
    assert "https://x.test/p" in entry


def test_an_unknown_style_is_refused(formatter: ReferenceFormatter) -> None:
    with pytest.raises(OutOfRange, match="citation_style"):
        formatter.format(ARTICLE, style="comic")


@pytest.mark.parametrize("name", sorted(FORMATTERS))
@pytest.mark.parametrize("style", sorted(STYLES))
@given(item=ITEMS)
def test_any_item_gives_one_line_with_its_title(name: str, style: str, item: Mapping[str, Any]) -> None:
    entry = FORMATTERS[name].format(item, style=style)
    assert entry.strip()
    assert "\n" not in entry
