"""Evidence, claims, citations, verdicts, abstention, references: what makes an answer traceable."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from domain.quick_init import quick_init, replaced


class Verdict(StrEnum):
    """What a claim's evidence says of it."""

    SUPPORTED = "supported"
    PARTIAL = "partial"
    UNSUPPORTED = "unsupported"
    UNCITED = "uncited"


class AbstentionReason(StrEnum):
    NOTHING_RETRIEVED = "nothing_retrieved"
    INSUFFICIENT_EVIDENCE = "insufficient_evidence"
    VERIFICATION_FAILED = "verification_failed"


class Verification(StrEnum):
    """What happens to claims: FLAG marks them, REDACT holds unsupported ones back, OFF judges none."""

    FLAG = "flag"
    REDACT = "redact"
    OFF = "off"


@quick_init
@dataclass(frozen=True, slots=True)
class CitedDocument:
    """The document of a piece of evidence, as it stood when the answer was written."""

    id: UUID
    version: str
    collection: str
    uri: str
    title: str
    url: str | None
    peer_reviewed: bool | None
    metadata: Mapping[str, Any] = field(default_factory=dict)


@quick_init
@dataclass(frozen=True, slots=True)
class CitedSection:
    heading_path: tuple[str, ...]
    anchor: str | None
    page: int | None
    url: str | None


@quick_init
@dataclass(frozen=True, slots=True)
class Evidence:
    """
    A numbered passage that an answer may rest on; what is shown is exactly what was used.

    ``start`` and ``end`` are code points of the cited version's text; ``score`` is calibrated, 0 to 1.
    """

    n: int
    passage_id: UUID
    text: str
    start: int
    end: int
    score: float
    document: CitedDocument
    section: CitedSection

    def numbered(self, n: int) -> "Evidence":
        return self if self.n == n else replaced(self, n=n)


@quick_init
@dataclass(frozen=True, slots=True)
class Citation:
    """
    A claim's pointer to evidence number ``evidence``, with the words that carry it.

    ``quote`` is verbatim: it equals code points [quote_start, quote_end) of the cited version's text.
    """

    evidence: int
    quote: str
    quote_start: int
    quote_end: int


@quick_init
@dataclass(frozen=True, slots=True)
class Claim:
    """One sentence of an answer that asserts something: code points [start, end) of the answer, markers included."""

    index: int
    start: int
    end: int
    verdict: Verdict
    score: float
    verbatim: bool
    citations: tuple[Citation, ...]


@quick_init
@dataclass(frozen=True, slots=True)
class Missing:
    """Who was to judge, too, and did not: ``quota``, ``late``, ``invalid`` (a reply of no use) or ``unavailable``."""

    name: str
    reason: str


@quick_init
@dataclass(frozen=True, slots=True)
class Verifier:
    """Who judged the claims."""

    name: str
    version: str
    missing: Missing | None = None


@quick_init
@dataclass(frozen=True, slots=True)
class Abstention:
    """No answer, why, and the passages that came closest."""

    reason: AbstentionReason
    message: str
    closest: tuple[Evidence, ...] = ()


@quick_init
@dataclass(frozen=True, slots=True)
class Reference:
    """The bibliographic entry of a cited document, and the evidence numbers that cite it."""

    evidence: tuple[int, ...]
    csl: Mapping[str, Any]
    formatted: str


class WrittenSentence(NamedTuple):
    """
    A sentence that ends in an answer: its span [start, end) of the answer so far, and the evidence it names.

    ``stray`` says that it named evidence that there is not, too; ``heading`` that a row of ``=`` or ``-`` underlines
    it.
    """

    start: int
    end: int
    text: str
    markers: Sequence[int]
    stray: bool = False
    heading: bool = False
