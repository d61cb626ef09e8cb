"""The turn on the wire. The JSON answer, ``done`` and reading back all go through ``turn_body``, so they are equal."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType

from domain.conversation.model import Conversation, Feedback, Turn
from domain.grounding.model import Abstention, Citation, Claim, Evidence, Reference, Verifier
from domain.library.model import Page
from domain.retrieval.model import FusedHit


class CitedDocumentBody(Struct):
    id: UUID
    version: str
    collection: str
    uri: str
    title: str
    url: str | None
    peer_reviewed: bool | None
    metadata: dict[str, Any]


class CitedSectionBody(Struct):
    heading_path: tuple[str, ...]
    anchor: str | None
    page: int | None
    url: str | None


class ScoresBody(Struct):
    """The raw scores of the halves; null where a half did not find the passage. For operators only."""

    fused: float
    dense: float | None
    sparse: float | None


class EvidenceBody(Struct):
    n: int
    passage_id: UUID
    text: str
    start: int
    end: int
    score: float
    document: CitedDocumentBody
    section: CitedSectionBody
    scores: ScoresBody | UnsetType = UNSET


class CitationBody(Struct):
    evidence: int
    quote: str
    quote_start: int
    quote_end: int


class ClaimBody(Struct):
    index: int
    start: int
    end: int
    verdict: str
    score: float
    verbatim: bool
    citations: list[CitationBody]


class MissingBody(Struct):
    name: str
    reason: str


class VerifierBody(Struct):
    name: str
    version: str
    missing: MissingBody | UnsetType = UNSET


class AbstentionBody(Struct):
    reason: str
    message: str
    closest: list[EvidenceBody]


class ReferenceBody(Struct):
    evidence: tuple[int, ...]
    csl: dict[str, Any]
    formatted: str


class AttemptBody(Struct):
    model: str
    outcome: str
    ms: int


class UsageBody(Struct):
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float
    cost_estimated: bool
    cached: bool


class TurnBody(Struct):
    turn_id: UUID
    conversation_id: UUID
    created_at: datetime
    status: str
    question: str
    standalone_question: str
    answer: str
    abstention: AbstentionBody | None
    claims: list[ClaimBody]
    verifier: VerifierBody | None
    evidence: list[EvidenceBody]
    references: list[ReferenceBody]
    notices: tuple[str, ...]
    degraded: tuple[str, ...]
    model: str | None
    attempts: list[AttemptBody]
    usage: UsageBody
    timings_ms: dict[str, int]


class ConversationBody(Struct):
    id: UUID
    title: str
    collections: tuple[str, ...]
    created_at: datetime


class ConversationsPageBody(Struct):
    items: list[ConversationBody]
    next_cursor: str | None


class FeedbackBody(Struct):
    turn_id: UUID
    rating: str
    reasons: list[str]
    comment: str | None
    created_at: datetime
    updated_at: datetime


class TurnsPageBody(Struct):
    items: list[TurnBody]
    next_cursor: str | None


def conversation_body(conversation: Conversation) -> ConversationBody:
    created_at = conversation.created_at.astimezone(UTC)
    return ConversationBody(conversation.id, conversation.title, conversation.collections, created_at)


def conversations_page_body(page: Page[Conversation]) -> ConversationsPageBody:
    return ConversationsPageBody([conversation_body(one) for one in page.items], page.next_cursor)


def feedback_body(feedback: Feedback) -> FeedbackBody:
    return FeedbackBody(
        feedback.turn_id,
        feedback.rating.value,
        [reason.value for reason in feedback.reasons],
        feedback.comment,
        feedback.created_at.astimezone(UTC),
        feedback.updated_at.astimezone(UTC),
    )


def turns_page_body(page: Page[Turn]) -> TurnsPageBody:
    return TurnsPageBody([turn_body(turn) for turn in page.items], page.next_cursor)


def turn_body(turn: Turn) -> TurnBody:
    return TurnBody(
        turn_id=turn.id,
        conversation_id=turn.conversation_id,
        created_at=turn.created_at.astimezone(UTC),
        status=turn.status.value,
        question=turn.question,
        standalone_question=turn.standalone_question,
        answer=turn.answer,
        abstention=None if turn.abstention is None else _abstention_body(turn.abstention),
        claims=[claim_body(claim) for claim in turn.claims],
        verifier=None if turn.verifier is None else _verifier_body(turn.verifier),
        evidence=[evidence_body(piece) for piece in turn.evidence],
        references=[_reference_body(reference) for reference in turn.references],
        notices=turn.notices,
        degraded=turn.degraded,
        model=turn.model,
        attempts=[AttemptBody(one.model, one.outcome, one.ms) for one in turn.attempts],
        usage=UsageBody(
            turn.usage.prompt_tokens,
            turn.usage.completion_tokens,
            turn.usage.cost_usd,
            turn.usage.cost_estimated,
            turn.usage.cached,
        ),
        timings_ms=_timings(turn),
    )


def evidence_body(piece: Evidence, scores: FusedHit | None = None) -> EvidenceBody:
    document, section = piece.document, piece.section
    return EvidenceBody(
        n=piece.n,
        passage_id=piece.passage_id,
        text=piece.text,
        start=piece.start,
        end=piece.end,
        score=piece.score,
        document=CitedDocumentBody(
            document.id,
            document.version,
            document.collection,
            document.uri,
            document.title,
            document.url,
            document.peer_reviewed,
            dict(document.metadata),
        ),
        section=CitedSectionBody(section.heading_path, section.anchor, section.page, section.url),
        scores=UNSET if scores is None else ScoresBody(scores.score, scores.dense, scores.sparse),
    )


def claim_body(claim: Claim) -> ClaimBody:
    return ClaimBody(
        index=claim.index,
        start=claim.start,
        end=claim.end,
        verdict=claim.verdict.value,
        score=claim.score,
        verbatim=claim.verbatim,
        citations=[_citation_body(citation) for citation in claim.citations],
    )


def _citation_body(citation: Citation) -> CitationBody:
    return CitationBody(citation.evidence, citation.quote, citation.quote_start, citation.quote_end)


def _verifier_body(verifier: Verifier) -> VerifierBody:
    missing = verifier.missing
    return VerifierBody(
        verifier.name, verifier.version, UNSET if missing is None else MissingBody(missing.name, missing.reason)
    )


def _abstention_body(abstention: Abstention) -> AbstentionBody:
    closest = [evidence_body(piece) for piece in abstention.closest]
    return AbstentionBody(abstention.reason.value, abstention.message, closest)


def _reference_body(reference: Reference) -> ReferenceBody:
    return ReferenceBody(reference.evidence, dict(reference.csl), reference.formatted)


_TIMING_ORDER = ("rewrite", "embed", "retrieve", "rerank", "first_text", "judge", "total")


def _timings(turn: Turn) -> dict[str, int]:
    """In the order of the work, whatever order a database keeps a mapping's keys in."""
    known = {name: turn.timings_ms[name] for name in _TIMING_ORDER if name in turn.timings_ms}
    return known | {name: turn.timings_ms[name] for name in sorted(turn.timings_ms) if name not in known}
