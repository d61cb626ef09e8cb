"""What every ClaimVerifier does."""

from collections.abc import AsyncIterator

import pytest

from adapters.bm25.analyzer import SnowballAnalyzer
from adapters.openrouter.chat_model import OpenRouterChatModel
from adapters.resilience.dependency import Dependencies
from application.model_costs import ModelCosts
from application.model_judge import ModelJudge
from application.rerank_verifier import RerankVerifier
from domain.conversation.model import Usage
from domain.errors import PortError
from domain.grounding.lexical import LexicalVerifier
from domain.grounding.model import Verdict
from domain.grounding.ports import CitedClaim, CitedText, ClaimVerifier, Judgement
from domain.grounding.second_opinion import is_open
from tests.fakes.cohere import FakeCohere, refusal
from tests.fakes.openrouter import KEY, FakeOpenRouter, refused
from tests.providers import cohere_reranker, unlimited

PRESSURE = "The valve opens at a pressure of 4 bar and closes again below 3 bar."
GARDEN = "Roses need sun, and water twice a week in July."
LEFT_OPEN = "The valve that controls the pressure of steam opens and closes by a spring."
"""Of which words cannot be sure."""
WORDS = LexicalVerifier(SnowballAnalyzer())


@pytest.fixture
async def cohere() -> AsyncIterator[FakeCohere]:
    async with FakeCohere() as server:
        yield server


@pytest.fixture
async def openrouter() -> AsyncIterator[FakeOpenRouter]:
    async with FakeOpenRouter() as server:
        yield server
        assert server.invalid == []


@pytest.fixture(params=["lexical", "rerank", "model"])
async def verifier(
    request: pytest.FixtureRequest, cohere: FakeCohere, openrouter: FakeOpenRouter
) -> AsyncIterator[ClaimVerifier]:
    match request.param:
        case "lexical":
            yield WORDS
        case "rerank":
            async with cohere_reranker(cohere.url) as reranker:
                yield RerankVerifier(WORDS, reranker)
        case "model":
            model = OpenRouterChatModel(Dependencies(), KEY, openrouter.url)
            yield ModelJudge(WORDS, model, unlimited(), "m", ModelCosts())
            await model.close()


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


async def test_each_of_many_claims_gets_a_judgement_among_those_that_are_left_open(verifier: ClaimVerifier) -> None:
    claims = [citing(LEFT_OPEN.replace("steam", f"steam {number}"), PRESSURE, GARDEN) for number in range(40)]
    found = await judged(verifier, citing(PRESSURE, PRESSURE), *claims, citing("Submarines surface.", GARDEN))
    assert len(found) == 42
    assert (found[0].verdict, found[-1].verdict) == (Verdict.SUPPORTED, Verdict.UNSUPPORTED)
    worst = max(one.score for one in found if one.verdict is Verdict.UNSUPPORTED)
    assert all(one.score > worst for one in found if one.verdict is Verdict.SUPPORTED)


async def test_it_is_a_judgement_or_a_port_s_error_and_costs_are_told(
    verifier: ClaimVerifier, cohere: FakeCohere, openrouter: FakeOpenRouter
) -> None:
    booked: list[Usage] = []
    [words] = await judged(WORDS, citing(LEFT_OPEN, PRESSURE))
    assert is_open(words)
    [found] = await verifier.verify([citing(LEFT_OPEN, PRESSURE)], language="en", book=booked.append)
    assert found.verdict is not Verdict.UNCITED
    assert [one.prompt_tokens for one in booked] == ([100] if isinstance(verifier, ModelJudge) else [])

    cohere.always["/v2/rerank"] = refusal(401, "no")
    openrouter.script("m", refused(401))
    again = citing(LEFT_OPEN.replace("spring", "magnet"), PRESSURE)
    if verifier is WORDS:
        assert len(await judged(verifier, again)) == 1
        return
    with pytest.raises(PortError):
        await verifier.verify([again], language="en", book=booked.append)


async def test_who_judges_names_the_words_that_were_heard_first(verifier: ClaimVerifier) -> None:
    by = WORDS.verifier
    assert verifier is WORDS or verifier.verifier.version.endswith(f"+{by.name}-{by.version}")
