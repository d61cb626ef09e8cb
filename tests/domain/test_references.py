from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.memory.references import PlainReferenceFormatter
from domain.errors import OutOfRange
from domain.grounding.model import CitedDocument, Evidence, Reference
from domain.grounding.references import STYLES, references
from tests.builders import an_evidence

PLAIN = PlainReferenceFormatter()

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "family", "given"]), inner),
    max_leaves=6,
)


def documented(n: int, metadata: Mapping[str, Any], *, like: Evidence | None = None) -> Evidence:
    evidence = an_evidence(n)
    document: CitedDocument = replace(evidence.document, title="Pinning", metadata=metadata)
    return replace(evidence, document=like.document if like else document)


def only(metadata: Mapping[str, Any]) -> Reference:
    (reference,) = references([1], [documented(1, metadata)], style="apa", formatter=PLAIN)
    return reference


def test_each_cited_document_has_one_reference_in_the_order_of_first_citation() -> None:
    first, second = documented(1, {}), documented(2, {})
    third, fourth = documented(3, {}, like=first), documented(4, {})
    found = references([2, 3, 1, 2], [first, second, third, fourth], style="apa", formatter=PLAIN)
    assert [reference.evidence for reference in found] == [(2,), (1, 3)]


def test_nothing_cited_gives_no_reference_and_unknown_numbers_none_either() -> None:
    assert references([], [an_evidence(1)], style="apa", formatter=PLAIN) == ()
    assert references([9], [an_evidence(1)], style="apa", formatter=PLAIN) == ()


def test_an_unknown_style_is_refused() -> None:
    with pytest.raises(OutOfRange, match="citation_style"):
        references([1], [an_evidence(1)], style="chicago", formatter=PLAIN)
    assert frozenset({"apa", "ieee"}) == STYLES


@pytest.mark.parametrize(
    ("metadata", "kind"),
    [({}, "webpage"), ({"doi": "10.1000/x"}, "article-journal"), ({"venue": "Acta"}, "article-journal"),
     ({"isbn": "978-0-13-110362-7"}, "book"), ({"doi": "not one"}, "webpage")],
)  # fmt: skip
def test_the_kind_of_source_follows_from_its_metadata(metadata: Mapping[str, Any], kind: str) -> None:
    assert only(metadata).csl["type"] == kind


def test_the_item_carries_what_the_metadata_says() -> None:
    csl = only(
        {"authors": ["Ludwig van Beethoven"], "published": "2024-03", "doi": "doi:10.1000/X", "venue": "Acta"}
    ).csl
    assert csl["author"] == [{"family": "van Beethoven", "given": "Ludwig"}]
    assert csl["issued"] == {"date-parts": [[2024, 3]]}
    assert (csl["DOI"], csl["container-title"], csl["title"]) == ("10.1000/X", "Acta", "Pinning")
    assert csl["URL"] == "https://docs.example.com/intro"


@pytest.mark.parametrize("published", ["2024-13-01", "2024-02-31", "soon", "", None, True, 24])
def test_a_date_that_does_not_exist_is_kept_to_its_year_or_left_out(published: object) -> None:
    issued = only({"published": published}).csl.get("issued")
    assert issued in (None, {"date-parts": [[2024]]})


@given(st.dictionaries(st.sampled_from(["authors", "published", "doi", "isbn", "venue"]), JSON))
def test_any_metadata_gives_an_entry(metadata: Mapping[str, Any]) -> None:
    reference = only(metadata)
    assert "Pinning." in reference.formatted
    assert {"id", "type", "title"} <= set(reference.csl)
