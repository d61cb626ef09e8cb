"""The sentences of some evidence that may answer a question, and what each is worth."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from domain.conversation.question_kind import QuestionKind, fitness, kind_of
from domain.conversation.quotable import CODE, is_item, is_named_above, is_pointer, is_quotable
from domain.grounding.model import Evidence
from domain.grounding.overlap import Unit, coverage, length_weight, units_of, weigh
from domain.grounding.salience import salience
from domain.text import Analyzer

_ABSENT: Final = 0.5
"""What a word that no passage holds counts in ranking: it tells the passages' sentences apart in nothing."""
_SHORT_WEIGHT, _SHORT_SHARE = 2.5, 0.6
_LONG_WEIGHT, _LONG_SHARE = 7.0, 0.2
_OF_HEADING, _OF_NEIGHBOURS, _OF_EVIDENCE, _OF_FOCUS = 0.25, 0.15, 0.4, 0.15
_FIRST, _OPENING, _LEADS_NOWHERE, _LEANS = 0.05, 0.2, 0.3, 0.1
_DANGLING: Final = re.compile(
    r"[\"“(*_]*(?:this|that|these|those|it|its|they|their|them|he|she|his|her|such|however|therefore|thus|instead|"
    r"otherwise|then|also|but|and|so|both|the (?:former|latter)|in this case|as a result)\b",
    re.IGNORECASE,
)
_SOURCE_NUMBERS: Final = re.compile(r"[ \t]*[\[［【]\d{1,3}(?:[,;–-]\s*\d{1,3})*[\]］】]")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence that may be quoted: where it stands, what it is worth, and what it says once quoted."""

    piece: Evidence
    place: int
    worth: float
    quoted: str
    unit: Unit

    @property
    def leans(self) -> bool:
        """It begins with a word that points at the sentence before it."""
        return _DANGLING.match(self.quoted) is not None

    @property
    def announces(self) -> bool:
        return self.quoted.endswith((":", "："))

    @property
    def is_item(self) -> bool:
        return is_item(self.piece.text, self.unit.span.start)


class Candidates:
    """Weighs the sentences of some evidence for one question."""

    def __init__(self, question: str, evidence: Sequence[Evidence], analyzer: Analyzer, language: str) -> None:
        self._kind: QuestionKind = kind_of(question, language=language)
        self._analyzer, self._language, self._evidence = analyzer, language, evidence
        self._units = {piece.n: units_of(piece.text, analyzer, language) for piece in evidence}
        self._salience = salience(question, analyzer=analyzer, language=language)
        self._weights = self._rarity()
        self._least = _least_share(sum(self._salience.values()))

    def __iter__(self) -> Iterator[Sentence]:
        """Those that hold enough of what the question is about, their headings' words counting as their own."""
        for piece in self._evidence:
            named = self._named(piece)
            of_heading = coverage(self._weights, named)
            shares = [coverage(self._weights, unit.stems) for unit in self._units[piece.n]]
            for place, unit in enumerate(self._units[piece.n]):
                beside = max(shares[max(0, place - 1) : place] + shares[place + 1 : place + 2], default=0.0)
                if not (shares[place] or of_heading) or not self._holds_enough(piece, place, named):
                    continue
                if not self.is_quotable(piece, place) or is_pointer(unit.span.of(piece.text), language=self._language):
                    continue
                worth = shares[place] + _OF_HEADING * of_heading + _OF_NEIGHBOURS * beside + _OF_EVIDENCE * piece.score
                worth += _OF_FOCUS * len(unit.stems & self._weights.keys()) / len(unit.stems)
                yield self.sentence(piece, place, worth + self._form(piece, place, of_heading))

    def sentence(self, piece: Evidence, place: int, worth: float) -> Sentence:
        unit = self._units[piece.n][place]
        return Sentence(piece, place, worth, _SOURCE_NUMBERS.sub("", unit.span.of(piece.text)), unit)

    def count(self, piece: Evidence) -> int:
        return len(self._units[piece.n])

    def text_at(self, piece: Evidence, place: int) -> str:
        units = self._units[piece.n]
        return units[place].span.of(piece.text) if place < len(units) else ""

    def is_quotable(self, piece: Evidence, place: int) -> bool:
        unit = self._units[piece.n][place]
        text = unit.span.of(piece.text)
        item = is_item(piece.text, unit.span.start)
        headings = (piece.document.title, *piece.section.heading_path)
        return is_quotable(text, unit, item=item, language=self._language) and not is_named_above(text, headings)

    def _rarity(self) -> Mapping[str, float]:
        """The question's words weighed by salience and by rarity among the sentences."""
        everything = [unit for units in self._units.values() for unit in units]
        held = frozenset().union(*(unit.stems for unit in everything))
        rarity = weigh(held & self._salience.keys(), everything)
        return {
            stem: weight * rarity[stem] / length_weight(stem) if stem in rarity else _ABSENT * weight
            for stem, weight in self._salience.items()
        }

    def _named(self, piece: Evidence) -> set[str]:
        heading = " ".join((piece.document.title, *piece.section.heading_path))
        return {term.stem for term in self._analyzer.terms(heading, language=self._language)}

    def _holds_enough(self, piece: Evidence, place: int, named: set[str]) -> bool:
        around = self._units[piece.n][max(0, place - 1) : place + 1]
        held = frozenset().union(named, *(unit.stems for unit in around))
        return coverage(self._salience, held) >= self._least

    def _form(self, piece: Evidence, place: int, of_heading: float) -> float:
        """What a sentence's form and place are worth, whatever its words."""
        unit = self._units[piece.n][place]
        text = unit.span.of(piece.text)
        subject = min((term.start for term in unit.terms if term.stem in self._weights), default=unit.span.end)
        bonus = fitness(self._kind, text, self.text_at(piece, place + 1), early=subject - unit.span.start)
        opens = place == 0 and self._kind is QuestionKind.DEFINITION and len(piece.section.heading_path) <= 1
        bonus += _FIRST * (place == 0) + _OPENING * opens * of_heading
        leads_nowhere = text.endswith((":", "：")) and not self._leads_on(piece, place)
        return bonus - _LEADS_NOWHERE * leads_nowhere - _LEANS * bool(_DANGLING.match(text))

    def _leads_on(self, piece: Evidence, place: int) -> bool:
        units = self._units[piece.n]
        if place + 1 == len(units):
            return False
        return self.text_at(piece, place + 1).startswith(CODE) or is_item(piece.text, units[place + 1].span.start)


def _least_share(weight: float) -> float:
    """
    The share of a question's weight that a quoted sentence must hold, with its headings and the sentence before it.

    A short question has nothing to spare: two words of three are not enough for "How do I debounce a text input?". A
    long one is mostly put in other words by what answers it.
    """
    along = (weight - _SHORT_WEIGHT) / (_LONG_WEIGHT - _SHORT_WEIGHT)
    return _SHORT_SHARE + (_LONG_SHARE - _SHORT_SHARE) * min(1.0, max(0.0, along))
