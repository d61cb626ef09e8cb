"""What every ClaimVerifier does."""

import pytest

from adapters.bm25.analyzer import SnowballAnalyzer
from domain.grounding.lexical import LexicalVerifier
from domain.grounding.model import Verdict
from domain.grounding.ports import CitedClaim, CitedText, ClaimVerifier, Judgement

PRESSURE = "The valve opens at a pressure of 4 bar and closes again below 3 bar."
GARDEN = "Roses need sun, and water twice a week in July."


@pytest.fixture(params=["lexical"])
def verifier(request: pytest.FixtureRequest) -> ClaimVerifier:
    return {"lexical": LexicalVerifier(SnowballAnalyzer())}[request.param]


def citing(claim: str, *texts: str) -> CitedClaim:
    return CitedClaim(claim, tuple(CitedText(text) for text in texts))


async def judged(verifier: ClaimVerifier, *claims: CitedClaim) -> list[Judgement]:
    return list(await verifier.verify(claims, language="en"))


async def test_it_says_who_judges(verifier: ClaimVerifier) -> None:
    assert verifier.verifier.name
    assert verifier.verifier.version


async def test_no_claims_give_no_judgements(verifier: ClaimVerifier) -> None:
    assert await judged(verifier) == []


async def test_judgements_come_in_the_order_of_the_claims(verifier: ClaimVerifier) -> None:
    found = await judged(
        verifier,
        citing("Roses need sun, and water twice a week in July.", GARDEN),
        citing("Submarines surface at midnight.", GARDEN),
        citing("The valve opens at a pressure of 4 bar and closes again below 3 bar.", GARDEN, PRESSURE),
    )
    assert [one.verdict for one in found] == [Verdict.SUPPORTED, Verdict.UNSUPPORTED, Verdict.SUPPORTED]


async def test_a_claim_that_cites_nothing_is_uncited(verifier: ClaimVerifier) -> None:
    assert await judged(verifier, citing("Roses need sun.")) == [Judgement(Verdict.UNCITED, 0.0)]


async def test_scores_are_chances_and_rank_as_the_verdicts_do(verifier: ClaimVerifier) -> None:
    same, other = await judged(verifier, citing(PRESSURE, PRESSURE), citing("Submarines surface at midnight.", GARDEN))
    assert 1 >= same.score > other.score >= 0
