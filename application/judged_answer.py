"""An answer as it grows: text let through, sentences judged, under the verification that was asked for."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from application.events import AskEvent, ClaimJudged, TextWritten
from application.judging import Opinion
from domain.grounding.claims import without_markers
from domain.grounding.links import Sites
from domain.grounding.model import Claim, Evidence, Verdict, Verification, Verifier, WrittenSentence
from domain.grounding.overlap import Passage, passage_of
from domain.grounding.ports import CitedClaim, CitedText, Judgement
from domain.grounding.reader import AnswerReader, Read
from domain.grounding.second_opinion import is_open
from domain.grounding.verdicts import VERIFIER, adds_nothing, judge
from domain.text import Analyzer

_HELD_BACK: Final = (Verdict.UNSUPPORTED, Verdict.UNCITED)
_LEAST_LEFT: Final = 1 / 3
"""Share of the claims below which what is left is no answer any more."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A sentence that ended after, or with, the first claim on which another opinion is wanted."""

    sentence: WrittenSentence
    claim: Claim | None

    @property
    def is_open(self) -> bool:
        """A claim that names evidence that there is not is at best ``partial``, whoever judges it."""
        return self.claim is not None and not self.sentence.stray and is_open(_judgement(self.claim))


@dataclass(slots=True)
class JudgedAnswer:
    """
    Turns a writer's pieces into events; ``text``, ``claims`` and ``cited`` hold what a reader has been given.

    FLAG lets text through at once and judges each sentence when it ends; REDACT lets a sentence through only when it
    has been judged, and is neither unsupported nor uncited, or asserts nothing and says nothing that the evidence does
    not; OFF judges none, and ``cited`` comes from the markers alone. Under each, links go to the evidence's own sites
    alone.

    ``asks``: another opinion is wanted on what words leave open. From the first such claim on, claims wait (under
    REDACT their sentences, too) until ``settle`` brings the opinion, or ``break_off`` says that none will come, so
    that each claim is told once and is true. ``verifier`` is who judged.
    """

    evidence: Sequence[Evidence]
    verification: Verification
    analyzer: Analyzer
    language: str
    asks: bool = False
    claims: list[Claim] = field(default_factory=list)
    withheld: int = 0
    verifier: Verifier = VERIFIER
    passes: Callable[[str], bool] = field(init=False)
    """
    Whether a piece is let through as it is and brings nothing else: then it has been taken, as one TextWritten.

    Most pieces are a word inside a sentence. Any other goes to ``feed``.
    """
    _given: list[str] = field(default_factory=list)
    _given_chars: int = 0
    _cited: dict[int, None] = field(default_factory=dict)
    _reader: AnswerReader = field(init=False)
    _taken: int = 0
    _waiting: list[_Waiting] = field(default_factory=list)
    _lets_through: bool = field(init=False)
    _passages: Sequence[Passage] = field(init=False)
    """The evidence taken apart, kept for as long as sentences are compared with it."""

    def __post_init__(self) -> None:
        self._reader = AnswerReader(len(self.evidence), Sites(self.evidence))
        self._lets_through = self.verification is not Verification.REDACT
        self._passages = [passage_of(piece.text, self.analyzer, self.language) for piece in self.evidence]
        self.passes = self._reader.takes_whole if self._lets_through else _none_passes

    @property
    def text(self) -> str:
        return self._reader.text if self._lets_through else "".join(self._given)

    @property
    def failed(self) -> bool:
        """Whether so much was held back that what is left does not answer."""
        return self.withheld > 0 and len(self.claims) < _LEAST_LEFT * (len(self.claims) + self.withheld)

    @property
    def cited(self) -> tuple[int, ...]:
        """The evidence numbers that the text cites, in order of first citation."""
        return tuple(self._cited)

    def feed(self, piece: str) -> Sequence[AskEvent]:
        return self._pass_on(self._reader.feed(piece))

    def finish(self) -> Sequence[AskEvent]:
        """The rest, but for what waits: then ``wanted`` is not empty, and ``settle`` gives it."""
        events = self._pass_on(self._reader.finish())
        return events if self._waiting else events + self._ending()

    @property
    def wanted(self) -> Sequence[CitedClaim]:
        """The claims on which another opinion is wanted."""
        return [self._cited_claim(one.sentence) for one in self._waiting if one.is_open]

    def settle(self, opinion: Opinion) -> Sequence[AskEvent]:
        """What waited, with the opinion on it. After ``finish``."""
        self.verifier = opinion.verifier
        judged = None if opinion.judgements is None else iter(opinion.judgements)
        return self._told(judged) + self._ending()

    def break_off(self) -> Sequence[AskEvent]:
        """What waited and whose text a reader has seen, as the words judge it; the answer ends here."""
        if self.verification is Verification.REDACT:
            self._waiting.clear()
        return self._told(None)

    def _told(self, judged: Iterator[Judgement] | None) -> list[AskEvent]:
        events: list[AskEvent] = []
        for one in self._waiting:
            claim = one.claim
            if claim is not None and one.is_open and judged is not None:
                found = next(judged)
                claim = replace(claim, verdict=found.verdict, score=found.score)
            events += self._let_through(one.sentence, claim)
        self._waiting.clear()
        return events

    def _ending(self) -> list[AskEvent]:
        """What comes after the last sentence."""
        if self.verification is not Verification.REDACT:
            return []
        return self._release(self._reader.text[self._taken :])

    def _cited_claim(self, sentence: WrittenSentence) -> CitedClaim:
        cited = tuple(CitedText(piece.text) for piece in self.evidence if piece.n in sentence.markers)
        return CitedClaim(without_markers(sentence.text), cited)

    def _pass_on(self, read: Read) -> list[AskEvent]:
        if not self._lets_through:
            return [event for sentence in read.sentences for event in self._judge(sentence)]
        events: list[AskEvent] = [TextWritten(read.text)] if read.text else []
        for sentence in read.sentences:
            events += self._judge(sentence)
        return events

    def _release(self, text: str) -> list[AskEvent]:
        if not text:
            return []
        self._given.append(text)
        return [TextWritten(text)]

    def _judge(self, sentence: WrittenSentence) -> list[AskEvent]:
        if self.verification is Verification.OFF:
            self._cited.update(dict.fromkeys(sentence.markers))
            return []
        claim = self._claim(sentence)
        if self.asks:
            one = _Waiting(sentence, claim)
            if self._waiting or one.is_open:
                self._waiting.append(one)
                return []
        return self._let_through(sentence, claim)

    def _let_through(self, sentence: WrittenSentence, claim: Claim | None) -> list[AskEvent]:
        if self.verification is Verification.REDACT:
            return self._release_unless_held_back(sentence, claim)
        return [] if claim is None else self._keep(claim)

    def _release_unless_held_back(self, sentence: WrittenSentence, claim: Claim | None) -> list[AskEvent]:
        piece = self._reader.text[self._taken : sentence.end]
        if self._is_held_back(sentence, claim):
            self.withheld += claim is not None
            self._taken += len(piece)
            return []
        shift = self._given_chars - self._taken
        events = self._release(piece)
        self._given_chars += len(piece)
        self._taken += len(piece)
        if claim is not None:
            events += self._keep(replace(claim, start=claim.start + shift, end=claim.end + shift))
        return events

    def _is_held_back(self, sentence: WrittenSentence, claim: Claim | None) -> bool:
        if claim is not None:
            return claim.verdict in _HELD_BACK
        texts = [piece.text for piece in self.evidence]
        return not adds_nothing(sentence.text, texts, analyzer=self.analyzer, language=self.language)

    def _claim(self, sentence: WrittenSentence) -> Claim | None:
        return judge(sentence, len(self.claims), self.evidence, analyzer=self.analyzer, language=self.language)

    def _keep(self, claim: Claim) -> list[AskEvent]:
        claim = claim if claim.index == len(self.claims) else replace(claim, index=len(self.claims))
        self.claims.append(claim)
        self._cited.update(dict.fromkeys(citation.evidence for citation in claim.citations))
        return [ClaimJudged(claim)]


def _none_passes(_: str) -> bool:
    return False


def _judgement(claim: Claim) -> Judgement:
    return Judgement(claim.verdict, claim.score)
