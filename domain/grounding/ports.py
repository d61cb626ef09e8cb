"""What grounding needs from outside."""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from domain.conversation.model import Usage
from domain.grounding.model import Verdict, Verifier
from domain.quick_init import quick_init


@quick_init
@dataclass(frozen=True, slots=True)
class CitedText:
    """A passage that a claim cites, as the reader is shown it."""

    text: str


@dataclass(frozen=True, slots=True)
class CitedClaim:
    """A sentence that asserts something, its markers taken off, and the texts that it cites; they count together."""

    text: str
    cited: tuple[CitedText, ...]


@quick_init
@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict, and the calibrated chance, 0 to 1, that the claim is supported; 0 for an uncited one."""

    verdict: Verdict
    score: float


class ClaimVerifier(Protocol):
    """Judges whether claims are borne out by the texts that they cite."""

    @property
    @abstractmethod
    def verifier(self) -> Verifier:
        """Who judges: stored with every answer, so that its error rates can be looked up."""

    @abstractmethod
    async def verify(
        self, claims: Sequence[CitedClaim], *, language: str, book: Callable[[Usage], None] = lambda usage: None
    ) -> Sequence[Judgement]:
        """
        One judgement per claim, in the order given; any number of claims, adapters batch.

        ``book`` is told what was spent on it, once a call, whatever came of the call, a cancelled one too.

        A claim that cites nothing is ``uncited``. A claim in the very words of a cited text is ``supported``, one that
        shares nothing with it is ``unsupported``. ``supported`` never scores below ``unsupported``. All or nothing:
        raises QuotaSpent, PortUnavailable, PortRefused or PortReplyInvalid, and the verdicts there were stand.
        """


class ReferenceFormatter(Protocol):
    """Turns bibliographic items into the entries that readers know."""

    @abstractmethod
    def format(self, item: Mapping[str, Any], *, style: str) -> str:
        """
        One CSL-JSON item (``id``, ``type`` and ``title`` at least) as one line of plain text in one of the STYLES.

        It names title, authors, year, container, and the DOI, else the URL, as far as the item has them. The same item
        always gives the same line, and any item gives one. Called on the answer's path: what it costs it costs once.
        Raises OutOfRange for an unknown style.
        """
