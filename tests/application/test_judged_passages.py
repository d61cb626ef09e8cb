"""How long a passage that was taken apart is remembered."""

import gc
from collections.abc import Sequence

from adapters.bm25.analyzer import SnowballAnalyzer
from application.judged_answer import JudgedAnswer
from domain.grounding.model import Verification
from domain.grounding.overlap import units_of
from domain.grounding.sources import source_of
from tests.builders import an_evidence

MANY = 1_000
TEXT = "Cats sleep a lot in winter. Dogs run in the park each day."


class CountingAnalyzer(SnowballAnalyzer):
    def __init__(self) -> None:
        super().__init__()
        self.taken_apart = 0
        """How often the one passage of two sentences was."""

    def stems_of_each(self, texts: Sequence[str], *, language: str) -> Sequence[Sequence[str]]:
        self.taken_apart += len(texts) == 2
        return super().stems_of_each(texts, language=language)


def _others(analyzer: CountingAnalyzer) -> None:
    for number in range(MANY):
        units_of(f"Passage number {number} of others.", analyzer, "en")


def test_an_answers_passages_are_taken_apart_once_however_many_others_come_between() -> None:
    analyzer = CountingAnalyzer()
    answer = JudgedAnswer((an_evidence(1, text=TEXT),), Verification.FLAG, analyzer, "en")
    answer.feed("Cats sleep a lot in winter [1]. Dogs run in")
    source = source_of(TEXT, analyzer, "en")
    _others(analyzer)
    answer.feed(" the park each day [1].")
    answer.finish()
    assert [claim.verdict.value for claim in answer.claims] == ["supported"] * 2
    assert source_of(TEXT, analyzer, "en") is source
    assert analyzer.taken_apart == 1


def test_what_was_taken_apart_goes_when_no_answer_needs_it_and_others_have_come() -> None:
    analyzer = CountingAnalyzer()
    answer = JudgedAnswer((an_evidence(1, text=TEXT),), Verification.FLAG, analyzer, "en")
    answer.feed("Cats sleep a lot in winter [1]. Dogs run in")
    del answer
    gc.collect()
    _others(analyzer)
    gc.collect()
    units_of(TEXT, analyzer, "en")
    assert analyzer.taken_apart == 2
