from collections.abc import Mapping
from dataclasses import replace
from uuid import UUID, uuid5

import pytest

from domain.library.model import Passage, PassageInDocument, Section
from domain.retrieval.model import FoundPassage, FusedHit
from domain.retrieval.preference import ALIKE, ON_TOPIC, Scored, are_peers, by_trust, prefer, varied
from tests.builders import a_document

SPACE = UUID(int=1)
PLAIN: Mapping[str, int] = {}
TIERS = {"docs": 9, "forum": 1}


def a_passage(
    name: str, score: float, *, document: str | None = None, collection: str = "docs", reviewed: bool | None = None
) -> FoundPassage:
    owner = a_document(uuid5(SPACE, document or name))
    owner = replace(owner, collection=collection, peer_reviewed=reviewed)
    passage = Passage(uuid5(SPACE, f"passage {name}"), 0, 0, len(name), name)
    source = PassageInDocument(passage, Section(0, ("Title",), 1, None, 0, len(name)), owner)
    return FoundPassage(source, FusedHit(passage.id, score, None, None))


def scored(found: FoundPassage, chance: float = 0.5) -> Scored:
    return Scored(found, chance, found.hit.score)


def preferred(*found: Scored, trust: Mapping[str, int] = PLAIN, top_k: int = 3) -> list[str]:
    return [one.passage.source.passage.text for one in prefer(found, trust, top_k=top_k)]


def test_without_reason_for_another_order_the_best_come_first() -> None:
    found = [a_passage("a", 0.9), a_passage("b", 0.8), a_passage("c", 0.7), a_passage("d", 0.6)]
    assert preferred(*map(scored, found)) == ["a", "b", "c"]
    assert are_peers(found, PLAIN)
    assert not are_peers([*found, a_passage("e", 0.5, collection="forum")], TIERS)


@pytest.mark.parametrize(("gap", "order"), [(ALIKE * 0.9, ["b", "a"]), (ALIKE * 1.1, ["a", "b"])])
def test_a_reviewed_source_goes_before_one_that_scores_alike_and_no_other(gap: float, order: list[str]) -> None:
    first, second = a_passage("a", 0.8), a_passage("b", 0.8 - gap, reviewed=True)
    assert preferred(scored(first), scored(second)) == order
    assert not are_peers([first, second], PLAIN)


def test_unknown_counts_no_more_than_unreviewed() -> None:
    found = [a_passage("a", 0.8, reviewed=False), a_passage("b", 0.79, reviewed=None)]
    assert preferred(*map(scored, found)) == ["a", "b"]


OF_ONE = [a_passage(name, score, document="x") for name, score in (("a", 0.9), ("b", 0.8), ("c", 0.7))]


@pytest.mark.parametrize(
    ("score", "chance", "taken"),
    [(0.7 - ALIKE * 0.9, 0.5, True), (0.7 - ALIKE * 1.1, 0.5, False), (0.7 - ALIKE * 0.9, 0.2, False)],
)
def test_a_document_s_third_passage_gives_way_to_another_document_that_answers_as_well(
    score: float, chance: float, taken: bool
) -> None:
    other = a_passage("d", score)
    found = varied(OF_ONE, [other], lambda one: chance if one is other else 0.5)
    assert found == ([*OF_ONE[:2], other] if taken else OF_ONE)


def test_another_document_gives_no_more_than_two_passages_either() -> None:
    first = [a_passage(str(number), 0.9, document="x") for number in range(6)]
    others = [a_passage(f"other {number}", 0.9, document="y") for number in range(3)]
    assert varied(first, others, lambda one: 0.5) == [*first[:4], *others[:2]]


def test_no_less_trusted_passage_stands_above_a_more_trusted_one_on_the_topic() -> None:
    poisons = [scored(a_passage(f"p{n}", 1.0 - n / 100, collection="forum"), chance=0.95) for n in range(6)]
    honest = scored(a_passage("honest", 0.2), chance=ON_TOPIC * 1.1)
    assert preferred(*poisons, honest, trust=TIERS)[0] == "honest"


def test_a_trusted_passage_off_the_topic_stays_where_its_score_puts_it() -> None:
    forum = scored(a_passage("forum", 0.9, collection="forum"), chance=0.9)
    off = scored(a_passage("off", 0.5), chance=ON_TOPIC / 2)
    assert preferred(forum, off, trust=TIERS) == ["forum", "off"]


def test_what_only_a_less_trusted_source_answers_is_still_found() -> None:
    docs = [scored(a_passage(f"d{n}", 0.5 - n / 100), chance=0.1) for n in range(6)]
    forum = scored(a_passage("forum", 0.9, collection="forum"), chance=0.9)
    assert "forum" in preferred(*docs, forum, trust=TIERS)


def test_of_two_that_say_the_same_the_more_trusted_is_met_first() -> None:
    copy, original = a_passage("copy", 0.9, collection="forum"), a_passage("original", 0.8)
    assert by_trust([copy, original], TIERS) == [original, copy]
    assert by_trust([copy, original], PLAIN) == [copy, original]
