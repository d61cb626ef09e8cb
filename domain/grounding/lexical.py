"""The verifier that needs nothing but words."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from domain.conversation.model import Usage
from domain.grounding.model import Verifier
from domain.grounding.ports import CitedClaim, ClaimVerifier, Judgement
from domain.grounding.verdicts import VERIFIER, judgement
from domain.text import Analyzer


@dataclass(frozen=True, slots=True)
class LexicalVerifier(ClaimVerifier):
    """Pure and local; raises nothing."""

    analyzer: Analyzer

    @property
    def verifier(self) -> Verifier:
        return VERIFIER

    async def verify(
        self, claims: Sequence[CitedClaim], *, language: str, book: Callable[[Usage], None] = lambda usage: None
    ) -> Sequence[Judgement]:
        return [judgement(claim.text, claim.cited, analyzer=self.analyzer, language=language) for claim in claims]
