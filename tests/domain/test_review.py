from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from domain.grounding.model import Evidence
from domain.grounding.source_notices import source_notices
from domain.library.review import peer_reviewed
from tests.builders import an_evidence


@pytest.mark.parametrize(
    ("metadata", "reviewed"),
    [
        ({}, None),
        ({"peer_reviewed": True}, True),
        ({"peer_reviewed": "No"}, False),
        ({"peer_reviewed": "perhaps"}, None),
        ({"doi": "10.1000/x", "venue": "Acta"}, True),
        ({"doi": "https://doi.org/10.1000/x", "venue": "Acta", "peer_reviewed": False}, False),
        ({"doi": "10.1000/x"}, None),
        ({"venue": "Acta"}, None),
        ({"doi": "10.1000/x", "venue": "  "}, None),
        ({"doi": "10.48550/arXiv.1706.03762", "venue": "arXiv"}, None),
        ({"doi": "not one", "venue": "Acta"}, None),
        ({"doi": 10.1, "venue": ["Acta"]}, None),
    ],
)
def test_review_is_known_only_where_the_document_says_so(metadata: Mapping[str, Any], reviewed: bool | None) -> None:
    assert peer_reviewed(metadata) is reviewed


def a_source(n: int, reviewed: bool | None) -> Evidence:
    evidence = an_evidence(n)
    return replace(evidence, document=replace(evidence.document, peer_reviewed=reviewed))


@pytest.mark.parametrize(
    ("reviewed", "notices"),
    [
        ([False, False], ("only_unreviewed_sources",)),
        ([True, False], ("cites_unreviewed_source",)),
        ([None, False], ("cites_unreviewed_source",)),
        ([True, None], ()),
        ([], ()),
    ],
)
def test_readers_are_told_of_unreviewed_sources(reviewed: list[bool | None], notices: tuple[str, ...]) -> None:
    evidence = [a_source(n, one) for n, one in enumerate(reviewed, start=1)]
    assert source_notices([piece.n for piece in evidence], evidence) == notices


def test_sources_that_are_not_cited_are_not_spoken_of() -> None:
    assert source_notices([1], [a_source(1, True), a_source(2, False)]) == ()
