"""A second opinion on an answer's claims: asked once, when the text is written, and never waited for long."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from domain.conversation.model import Usage
from domain.errors import PortError, PortReplyInvalid, QuotaSpent
from domain.grounding.model import Missing, Verifier
from domain.grounding.ports import CitedClaim, ClaimVerifier, Judgement
from domain.grounding.verdicts import VERIFIER

_log = logging.getLogger("ibid.ask")

_REASONS: Final = ((QuotaSpent, "quota"), (TimeoutError, "late"), (PortReplyInvalid, "invalid"))


@dataclass(frozen=True, slots=True)
class Opinion:
    """``judgements`` None: nobody but the words judged, and ``verifier`` says who is missing and why."""

    judgements: Sequence[Judgement] | None
    verifier: Verifier


@dataclass(frozen=True, slots=True)
class Judging:
    """``verifier`` has ``within_s`` seconds for all the claims of one answer."""

    verifier: ClaimVerifier
    within_s: float

    async def ask(self, claims: Sequence[CitedClaim], *, language: str, book: Callable[[Usage], None]) -> Opinion:
        """Raises nothing of what goes wrong: the words' verdicts stand then."""
        by = self.verifier.verifier
        try:
            async with asyncio.timeout(self.within_s):
                judgements = await self.verifier.verify(claims, language=language, book=book)
        except (PortError, TimeoutError) as error:
            reason = next((word for kind, word in _REASONS if isinstance(error, kind)), "unavailable")
            _log.warning("claims not judged", extra={"verifier": by.name, "reason": reason, "claims": len(claims)})
            return Opinion(None, Verifier(VERIFIER.name, VERIFIER.version, Missing(by.name, reason)))
        _log.info("claims judged", extra={"verifier": by.name, "claims": len(claims)})
        return Opinion(judgements, by)
