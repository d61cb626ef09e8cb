"""An answer as it grows: text let through, sentences judged, under the verification that was asked for."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from application.events import AskEvent, ClaimJudged, TextWritten
from domain.grounding.model import Claim, Evidence, Verdict, Verification, WrittenSentence
from domain.grounding.reader import AnswerReader, Read
from domain.grounding.verdicts import adds_nothing, judge
from domain.text import Analyzer

_written: Final = partial(tuple.__new__, TextWritten)
"""TextWritten(*fields) for half of what a named tuple's own constructor takes."""
_HELD_BACK: Final = (Verdict.UNSUPPORTED, Verdict.UNCITED)
_LEAST_LEFT: Final = 1 / 3
"""Share of the claims below which what is left is no answer any more."""


@dataclass(slots=True)
class JudgedAnswer:
    """
    Turns a writer's pieces into events; ``text``, ``claims`` and ``cited`` hold what a reader has been given.

    FLAG lets text through at once and judges each sentence when it ends; REDACT lets a sentence through only when it
    has been judged, and is neither unsupported nor uncited, or asserts nothing and says nothing that the evidence does
    not; OFF judges none, and ``cited`` comes from the markers alone.
    """

    evidence: Sequence[Evidence]
    verification: Verification
    analyzer: Analyzer
    language: str
    claims: list[Claim] = field(default_factory=list)
    withheld: int = 0
    _given: list[str] = field(default_factory=list)
    _given_chars: int = 0
    _cited: dict[int, None] = field(default_factory=dict)
    _reader: AnswerReader = field(init=False)
    _taken: int = 0

    def __post_init__(self) -> None:
        self._reader = AnswerReader(len(self.evidence))

    @property
    def text(self) -> str:
        return "".join(self._given)

    @property
    def failed(self) -> bool:
        """Whether so much was held back that what is left does not answer."""
        return self.withheld > 0 and len(self.claims) < _LEAST_LEFT * (len(self.claims) + self.withheld)

    @property
    def cited(self) -> tuple[int, ...]:
        """The evidence numbers that the text cites, in order of first citation."""
        return tuple(self._cited)

    def feed(self, piece: str) -> Sequence[AskEvent]:
        # Most pieces are a word inside a sentence.
        if self._reader.takes_whole(piece):
            if self.verification is Verification.REDACT:
                return ()
            self._given.append(piece)
            return (_written((piece,)),)
        return self._pass_on(self._reader.feed(piece))

    def finish(self) -> Sequence[AskEvent]:
        events = self._pass_on(self._reader.finish())
        if self.verification is Verification.REDACT:
            events += self._release(self._reader.text[self._taken :])
        return events

    def _pass_on(self, read: Read) -> list[AskEvent]:
        if self.verification is Verification.REDACT:
            return [event for sentence in read.sentences for event in self._judge_then_release(sentence)]
        events = self._release(read.text)
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
        return [] if claim is None else self._keep(claim)

    def _judge_then_release(self, sentence: WrittenSentence) -> list[AskEvent]:
        piece = self._reader.text[self._taken : sentence.end]
        claim = self._claim(sentence)
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
        self.claims.append(claim)
        self._cited.update(dict.fromkeys(citation.evidence for citation in claim.citations))
        return [ClaimJudged(claim)]
