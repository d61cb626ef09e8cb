"""A reranker's score of a claim against what it cites, as one more signal beside the words."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from domain.conversation.model import Usage
from domain.grounding.model import Verifier
from domain.grounding.ports import CitedClaim, ClaimVerifier, Judgement
from domain.grounding.second_opinion import is_open, one_step_lower, with_opinion
from domain.retrieval.ports import Reranker

UNRELATED: Final = 0.05
"""
The relevance below which a passage is not about the claim. Not fitted to anything: rerankers give texts on another
subject scores near 0, and a score this low is all that is read out of one.
"""
MOST_ASKED: Final = 8
"""Claims of one answer, one call each, those with the lowest chance first: a trial key has ten calls a minute."""
RULE_VERSION: Final = "1"


@dataclass(frozen=True, slots=True)
class RerankVerifier(ClaimVerifier):
    """
    Lowers, by one step, a claim to which ``reranker`` finds none of its passages related; it raises none.

    Relevance is not support: a claim and its contrary are equally relevant to a passage. The score of a passage for
    the reader's question says nothing of a claim, so the one that ordered the evidence cannot be used again.
    """

    words: ClaimVerifier
    reranker: Reranker

    @property
    def verifier(self) -> Verifier:
        by = self.words.verifier
        return Verifier(self.reranker.name, f"{RULE_VERSION}+{by.name}-{by.version}")

    async def verify(
        self, claims: Sequence[CitedClaim], *, language: str, book: Callable[[Usage], None] = lambda usage: None
    ) -> Sequence[Judgement]:
        judged = list(await self.words.verify(claims, language=language))
        places = [place for place, words in enumerate(judged) if is_open(words)]
        asked = sorted(places, key=lambda place: judged[place].score)[:MOST_ASKED]
        calls = [asyncio.create_task(self._relevance(claims[place])) for place in asked]
        try:
            relevances = await asyncio.gather(*calls)
        finally:
            for call in calls:
                call.cancel()
        for place, relevance in zip(asked, relevances, strict=True):
            if relevance < UNRELATED:
                judged[place] = with_opinion(judged[place], one_step_lower(judged[place].verdict))
        return judged

    async def _relevance(self, claim: CitedClaim) -> float:
        """Of the passage that is most relevant to the claim."""
        ranked = await self.reranker.rerank(claim.text, [one.text for one in claim.cited], keep=1)
        return ranked[0].score
