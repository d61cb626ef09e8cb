"""An answer made of the evidence's own sentences, quoted and cited; no word of it is invented."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from domain.conversation.question_kind import QuestionKind, fitness, kind_of
from domain.grounding.claims import is_claim
from domain.grounding.model import Evidence, Verdict
from domain.grounding.overlap import Unit, coverage, length_weight, units_of, weigh
from domain.grounding.reader import AnswerReader
from domain.grounding.verdicts import judge
from domain.text import Analyzer

MAX_SENTENCES: Final = 4
_MAX_LIST_ITEMS: Final = 6
_LONGEST_CHARS: Final = 500
_SHORTEST_TERMS: Final = 2
_MIN_SHARE: Final = 0.2
"""Weight of the question's words that a sentence, with its heading, must hold to be quoted at all."""
_ABSENT: Final = 0.5
_KEEP_UP: Final = 0.7
"""A further sentence must be worth this share of the best one."""
_SAME: Final = 0.8
"""Share of content words in common from which on two sentences say the same."""
_REDUNDANCY: Final = 0.5
"""What likeness to a picked sentence costs: maximal marginal relevance (Carbonell & Goldstein 1998), lambda 0.67."""
_OF_HEADING, _OF_NEIGHBOURS, _OF_EVIDENCE, _FIRST = 0.25, 0.15, 0.4, 0.05
_DANGLING: Final = re.compile(
    r"[\"“(*_]*(?:this|that|these|those|it|its|they|their|them|he|she|his|her|such|however|therefore|thus|instead|"
    r"otherwise|then|also|but|and|so|both|the (?:former|latter)|in this case|as a result)\b",
    re.IGNORECASE,
)
_SOURCE_NUMBERS: Final = re.compile(r"[ \t]*[\[［【]\d{1,3}(?:[,;–-]\s*\d{1,3})*[\]］】]")
_CODE: Final = ("```", "~~~")
_ENDS: Final = re.compile(r"[.!?…。！？][\"'”’»)\]*_`」』]*\Z")
_LIST_LINE: Final = re.compile(r"[ \t]*(?:[-*+•]|\d{1,3}[.)])[ \t]+\Z")


@dataclass(frozen=True, slots=True)
class _Sentence:
    """A sentence that may be quoted: where it stands, what it is worth, and what it says once quoted."""

    piece: Evidence
    place: int
    worth: float
    quoted: str
    unit: Unit


def extractive_answer(
    question: str, evidence: Sequence[Evidence], *, analyzer: Analyzer, language: str
) -> Iterator[str]:
    """
    The pieces of an answer: one to four sentences that answer best, each as ``“sentence” [n]``, verbatim.

    A sentence that leans on the one before it ("This ...") brings it along; one that ends in a colon brings the code
    fence or the list items that follow it. The source's own bracketed numbers are left out, for they would be read as
    markers. Yields nothing when no sentence is good enough. Every claim of the answer is judged ``supported``.
    """
    quoter = _Quoter(question, evidence, analyzer, language)
    before: _Sentence | None = None
    for sentence in quoter.chosen():
        yield _gap(before, sentence) + f"“{sentence.quoted}”"
        yield f" [{sentence.piece.n}]"
        before = sentence
        if fence := quoter.fence_after(sentence):
            yield f"\n\n{fence}"


def _gap(before: _Sentence | None, sentence: _Sentence) -> str:
    bullet = "- " if _is_item(sentence) else ""
    if before is None:
        return bullet
    if bullet:
        return ("\n" if _is_item(before) else "\n\n") + bullet
    adjoining = before.piece.n == sentence.piece.n and not _is_item(before)
    return " " if adjoining and _ENDS.search(before.quoted) else "\n\n"


def _is_item(sentence: _Sentence) -> bool:
    """Whether the sentence opens a list item."""
    start = sentence.unit.span.start
    line = sentence.piece.text.rfind("\n", 0, start) + 1
    return _LIST_LINE.match(sentence.piece.text[line:start]) is not None


class _Quoter:
    """Weighs the sentences of some evidence for one question."""

    def __init__(self, question: str, evidence: Sequence[Evidence], analyzer: Analyzer, language: str) -> None:
        self._kind: QuestionKind = kind_of(question, language=language)
        self._analyzer, self._language = analyzer, language
        self._units = {piece.n: units_of(piece.text, analyzer, language) for piece in evidence}
        self._evidence = evidence
        wanted = {term.stem for term in analyzer.terms(question, language=language)}
        everything = [unit for units in self._units.values() for unit in units]
        held = frozenset().union(*(unit.stems for unit in everything))
        # A word that no passage holds tells the passages' sentences apart in nothing: it counts, but little.
        self._weights = weigh(wanted, everything) | {stem: _ABSENT * length_weight(stem) for stem in wanted - held}

    def chosen(self) -> list[_Sentence]:
        """The sentences to quote in reading order: passages by their best sentence, each in its own order."""
        candidates = sorted(self._candidates(), key=lambda sentence: -sentence.worth)
        picked: list[_Sentence] = []
        while candidates and len(picked) < MAX_SENTENCES:
            best = max(candidates, key=lambda sentence: self._marginal(sentence, picked))
            if picked and self._marginal(best, picked) < _KEEP_UP * picked[0].worth:
                break
            candidates.remove(best)
            if self._holds(best):
                picked.append(best)
        ranks = {sentence.piece.n: rank for rank, sentence in reversed(list(enumerate(picked)))}
        whole = {(s.piece.n, s.place): s for sentence in picked for s in self._with_company(sentence)}
        return sorted(whole.values(), key=lambda sentence: (ranks[sentence.piece.n], sentence.place))

    def fence_after(self, sentence: _Sentence) -> str:
        """The code fence that a sentence ending in a colon announces, "" when there is none."""
        if not sentence.quoted.endswith((":", "：")):
            return ""
        following = self._text_at(sentence.piece, sentence.place + 1)
        closed = following.count("\n") and following.rstrip().endswith(_CODE)
        return following if following.startswith(_CODE) and closed else ""

    def _candidates(self) -> Iterator[_Sentence]:
        for piece in self._evidence:
            units = self._units[piece.n]
            heading = " ".join((piece.document.title, *piece.section.heading_path))
            named = {term.stem for term in self._analyzer.terms(heading, language=self._language)}
            of_heading = coverage(self._weights, named)
            shares = [coverage(self._weights, unit.stems) for unit in units]
            for place, unit in enumerate(units):
                text = unit.span.of(piece.text)
                together = coverage(self._weights, unit.stems | named)
                related = bool(shares[place] or of_heading) and together >= _MIN_SHARE
                if not related or not self._is_quotable(text, unit):
                    continue
                beside = max(shares[max(0, place - 1) : place] + shares[place + 1 : place + 2], default=0.0)
                worth = shares[place] + _OF_HEADING * of_heading + _OF_NEIGHBOURS * beside + _OF_EVIDENCE * piece.score
                worth += _FIRST * (place == 0) + self._fitness(piece, place, unit)
                yield self._sentence(piece, place, worth)

    def _fitness(self, piece: Evidence, place: int, unit: Unit) -> float:
        text = unit.span.of(piece.text)
        following = self._text_at(piece, place + 1)
        subject = min((term.start for term in unit.terms if term.stem in self._weights), default=unit.span.end)
        bonus = fitness(self._kind, text, following, early=subject - unit.span.start)
        leads_nowhere = text.endswith((":", "：")) and not self._leads_on(piece, place)
        return bonus - 0.3 * leads_nowhere - 0.1 * bool(_DANGLING.match(text))

    def _leads_on(self, piece: Evidence, place: int) -> bool:
        following = self._text_at(piece, place + 1)
        units = self._units[piece.n]
        return following.startswith(_CODE) or (
            place + 1 < len(units) and _is_item(_Sentence(piece, place + 1, 0.0, "", units[place + 1]))
        )

    def _is_quotable(self, text: str, unit: Unit) -> bool:
        if text.startswith(("#", "|", "<", *_CODE)) or len(text) > _LONGEST_CHARS:
            return False
        if len(unit.stems) < (1 if text.endswith(":") else _SHORTEST_TERMS):
            return False
        return is_claim(text + " [1]", language=self._language) and not text.rstrip("\"'”’)").endswith(("?", "？"))

    def _marginal(self, sentence: _Sentence, picked: Sequence[_Sentence]) -> float:
        """Worth less the likeness to what is picked already, by the share of content words in common."""
        stems = sentence.unit.stems
        likeness = max((len(stems & other.unit.stems) / len(stems | other.unit.stems) for other in picked), default=0.0)
        return sentence.worth - _REDUNDANCY * likeness if likeness < _SAME else 0.0

    def _with_company(self, sentence: _Sentence) -> Iterator[_Sentence]:
        """The sentence, the one before it that it leans on, and the list that it announces."""
        if sentence.place and _DANGLING.match(sentence.quoted) and not _is_item(sentence):
            earlier = self._sentence(sentence.piece, sentence.place - 1, sentence.worth)
            if self._is_quotable(earlier.quoted, earlier.unit) and self._holds(earlier):
                yield earlier
        yield sentence
        if not sentence.quoted.endswith((":", "：")):
            return
        for place in range(
            sentence.place + 1, min(sentence.place + 1 + _MAX_LIST_ITEMS, len(self._units[sentence.piece.n]))
        ):
            item = self._sentence(sentence.piece, place, sentence.worth)
            if not _is_item(item) or not self._is_quotable(item.quoted, item.unit) or not self._holds(item):
                break
            yield item

    def _holds(self, sentence: _Sentence) -> bool:
        """Whether the quotation reads back as one sentence that its passage supports, word for word."""
        reader = AnswerReader(sentence.piece.n)
        written = f"“{sentence.quoted}” [{sentence.piece.n}]"
        sentences = (*reader.feed(written).sentences, *reader.finish().sentences)
        if len(sentences) != 1 or reader.text != written:
            return False
        claim = judge(sentences[0], 0, [sentence.piece], analyzer=self._analyzer, language=self._language)
        return claim is not None and claim.verdict is Verdict.SUPPORTED

    def _sentence(self, piece: Evidence, place: int, worth: float) -> _Sentence:
        unit = self._units[piece.n][place]
        return _Sentence(piece, place, worth, _SOURCE_NUMBERS.sub("", unit.span.of(piece.text)), unit)

    def _text_at(self, piece: Evidence, place: int) -> str:
        units = self._units[piece.n]
        return units[place].span.of(piece.text) if place < len(units) else ""
