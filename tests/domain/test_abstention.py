from dataclasses import replace

from adapters.bm25.analyzer import SnowballAnalyzer
from domain.grounding.abstention import MIN_SCORE, decide_abstention
from domain.grounding.model import Abstention, AbstentionReason, Evidence
from tests.builders import an_evidence

ANALYZER = SnowballAnalyzer()


def scored(*scores: float) -> list[Evidence]:
    return [replace(an_evidence(n), score=score) for n, score in enumerate(scores, 1)]


def decide(question: str, evidence: list[Evidence]) -> Abstention | None:
    return decide_abstention(question, evidence, analyzer=ANALYZER, language="en")


def test_no_evidence_at_all_is_nothing_retrieved() -> None:
    abstention = decide("Who opens the door?", [])
    assert abstention is not None
    assert abstention.reason is AbstentionReason.NOTHING_RETRIEVED
    assert abstention.closest == ()
    assert abstention.message


def test_one_relevant_passage_is_enough() -> None:
    assert decide("Who opens the door?", scored(0.01, MIN_SCORE, 0.0)) is None


def test_only_irrelevant_passages_are_insufficient() -> None:
    abstention = decide("Who opens the door?", scored(0.01, MIN_SCORE - 0.001))
    assert abstention is not None
    assert abstention.reason is AbstentionReason.INSUFFICIENT_EVIDENCE


def test_the_three_closest_passages_come_best_first() -> None:
    abstention = decide("Who opens the door?", scored(0.01, 0.04, 0.02, 0.03))
    assert abstention is not None
    assert [piece.n for piece in abstention.closest] == [2, 4, 3]


def test_the_message_names_the_words_that_no_passage_holds() -> None:
    abstention = decide("Which kangaroo opens the door?", scored(0.01))
    assert abstention is not None
    assert "“kangaroo”" in abstention.message
    assert "door" not in abstention.message
