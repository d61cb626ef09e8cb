"""The sentences of some evidence that may answer a question, and what each is worth."""

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Final

from domain.conversation.quotable import (
    CODE,
    LONGEST_CHARS,
    is_fragment,
    is_item,
    is_named_above,
    is_pointer,
    is_quotable,
)
from domain.grounding.answer_forms import PART, form_asked
from domain.grounding.leaning import leans, refers
from domain.grounding.measures import Given
from domain.grounding.model import Evidence
from domain.grounding.overlap import Unit, coverage, length_weight, units_of, weigh
from domain.grounding.polarity import opposites
from domain.grounding.question_kind import FITS, QuestionKind, asked_last, asks_for_several, defines, fitness, kind_of
from domain.grounding.salience import salience
from domain.grounding.tables import ROW, cells_of, heads_of, row_stems
from domain.text import Analyzer

_ABSENT, _COMMON = 0.5, 0.6
"""What a word counts in ranking that no passage holds, and at least one that all do: they tell nothing apart."""
_SHORT_WEIGHT, _LONG_WEIGHT = 2.5, 7.0
"""Questions of two words and of six to eight, by ``salience``: in between, what follows goes from first to second."""
_SHORT_SHARE, _LONG_SHARE = 0.6, 0.15
"""
Of the question's weight, what a quoted sentence must hold, with its headings and the sentence that it leans on. A short
question has nothing to spare, and a long one is mostly put in other words by what answers it.
"""
_SHORT_KEEP_UP, _LONG_KEEP_UP = 0.84, 0.7
"""Of the best sentence's worth, what a further one must be worth: a long question asks for several things."""
_OF_HEADING, _OF_NEIGHBOURS, _OF_EVIDENCE, _OF_FOCUS = 1.0, 0.05, 0.4, 0.25
_OF_REST: Final = 0.3
"""
What it is worth to hold all that the headings leave unsaid of the question: below "fadeDuration", asked for its
default, the sentence that speaks of a default.
"""
_COLUMN: Final = 0.3
"""What it is worth that a table row stands in a column, or is named by a label, that the question names."""
_NOTHING: Final = 1e-9
_OF_LEANT_ON: Final = 0.5
"""What counts of the words that a sentence leans on: they are the sentence's before it."""
_GIVES_FORM: Final = 0.8
"""What it is worth to give the name, date or number that is asked for: no other sentence can be the answer."""
_REPLIES, _SAYS_THE_SAME = 0.45, 0.75
"""
What it is worth to open the list below a heading that a question for several things is answered by, or to follow a
heading that asks the very question: as much as defining. And how much of question and heading must be the same.
"""
_FULL_REPLY: Final = 4
"""Content words: a shorter reply, "The landlord does.", takes the sentence after it along."""
_CARRIED: Final = 0.5
"""What a word counts that only leads up to the question: it tells the subject, and less what is asked of it."""
_UPWARDS: Final = 0.5
_FIRST, _OPENING, _LEADS_NOWHERE, _LEANS, _FRAGMENT, _OPPOSITE = 0.08, 0.4, 0.3, 0.1, 0.2, 0.3
_SOURCE_NUMBERS: Final = re.compile(r"[ \t]*[\[［【]\d{1,3}(?:[,;–-]\s*\d{1,3})*[\]］】]")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence that may be quoted: where it stands, what it is worth, and what it says once quoted."""

    piece: Evidence
    place: int
    worth: float
    quoted: str
    unit: Unit
    head: str | None = None
    """Of a table row, the row that names its columns."""

    def written(self, numbers: Sequence[int]) -> str:
        """As it stands in an answer, in quotation marks and with its markers; a table row cell by cell."""
        markers = "".join([f"[{n}]" for n in numbers])
        if self.head is None:
            return f"“{self.quoted}” {markers}"
        cells = [f"“{cell}”" if cell else "" for cell in cells_of(self.quoted)]
        return f"| {' | '.join(cells)} {markers} |"

    @property
    def leans(self) -> bool:
        """It begins with a word that points at the sentence before it."""
        return leans(self.quoted)

    @property
    def announces(self) -> bool:
        return self.quoted.endswith((":", "："))

    @property
    def is_item(self) -> bool:
        return is_item(self.piece.text, self.unit.span.start)


class Candidates:
    """Weighs the sentences of some evidence for one question."""

    def __init__(self, question: str, evidence: Sequence[Evidence], analyzer: Analyzer, language: str) -> None:
        self._opposites = opposites(question, language=language)
        asked = asked_last(question)
        self._kind: QuestionKind = kind_of(asked, language=language)
        self._asks_for_several = asks_for_several(asked, language=language)
        self._asked_form = form_asked(asked, analyzer=analyzer, language=language)
        self._analyzer, self._language, self._evidence = analyzer, language, evidence
        self._units = {piece.n: units_of(piece.text, analyzer, language) for piece in evidence}
        self._stems_of = {piece.n: row_stems(piece.text, self._units[piece.n]) for piece in evidence}
        self._salience = salience(question, analyzer=analyzer, language=language)
        self._weights = self._rarity(question, asked)
        self._given = Given(question, analyzer, language)
        self._whole, whole = sum(self._weights.values()), sum(self._salience.values())
        length = min(1.0, max(0.0, (whole - _SHORT_WEIGHT) / (_LONG_WEIGHT - _SHORT_WEIGHT)))
        self._least = (_SHORT_SHARE + (_LONG_SHARE - _SHORT_SHARE) * length) * whole
        self.keep_up = _SHORT_KEEP_UP + (_LONG_KEEP_UP - _SHORT_KEEP_UP) * length

    def __iter__(self) -> Iterator[Sentence]:
        """Those that hold enough of what the question is about, their headings' words counting as their own."""
        if not self._whole:
            return
        for piece in self._evidence:
            named = self._weights.keys() & self._named(piece)
            of_heading = self._heading_fit(piece)
            held = self._held(piece)
            shares = self._shares(piece, held)
            unsaid = self._whole - self._weight(named)
            for place, unit in enumerate(self._units[piece.n]):
                if not (shares[place] or of_heading) or not self._holds_enough(piece, place, held, named):
                    continue
                if not self.is_quotable(piece, place) or is_pointer(unit.span.of(piece.text), language=self._language):
                    continue
                beside = max(shares[max(0, place - 1) : place] + shares[place + 1 : place + 2], default=0.0)
                worth = shares[place] + _OF_HEADING * of_heading + _OF_NEIGHBOURS * beside + _OF_EVIDENCE * piece.score
                stems = self._stems_of[piece.n][place]
                worth += _OF_FOCUS * len(stems & self._weights.keys()) / len(stems)
                worth += _OF_REST * (self._weight(held[place] - named) / unsaid if unsaid > _NOTHING else 1.0)
                yield self.sentence(piece, place, worth + self._form(piece, place, of_heading))

    def _weight(self, stems: Set[str]) -> float:
        return sum(map(self._weights.__getitem__, stems))

    def _shares(self, piece: Evidence, held: Sequence[Set[str]]) -> list[float]:
        """Of the question's weight, what each sentence holds; what it leans on counts half."""
        shares: list[float] = []
        for place, own in enumerate(held):
            weight = self._weight(own) if own else 0.0
            if place and (before := held[place - 1] - own) and leans(self.text_at(piece, place)):
                weight += _OF_LEANT_ON * self._weight(before)
            shares.append(weight / self._whole)
        return shares

    def sentence(self, piece: Evidence, place: int, worth: float) -> Sentence:
        unit = self._units[piece.n][place]
        head = self._head(piece, place)
        if head is not None:
            head = _SOURCE_NUMBERS.sub("", head)
        return Sentence(piece, place, worth, _SOURCE_NUMBERS.sub("", unit.span.of(piece.text)), unit, head)

    def defines(self, sentence: Sentence) -> bool:
        """Whether the sentence is the definition that was asked for, and needs no other."""
        return defines(self._kind, sentence.quoted, early=self._early(sentence.unit))

    def count(self, piece: Evidence) -> int:
        return len(self._units[piece.n])

    def text_at(self, piece: Evidence, place: int) -> str:
        units = self._units[piece.n]
        return units[place].span.of(piece.text) if place < len(units) else ""

    def is_quotable(self, piece: Evidence, place: int, *, listed: bool = False) -> bool:
        """``listed``: below the sentence that announces it, where a label may stand as well."""
        unit = self._units[piece.n][place]
        text = unit.span.of(piece.text)
        if text.startswith(ROW):
            return len(text) <= LONGEST_CHARS and self._is_asked_of_row(piece, place)
        item = listed and is_item(piece.text, unit.span.start)
        headings = (piece.document.title, *piece.section.heading_path)
        reply = place == 0 and self._is_asked_above(piece)
        quotable = is_quotable(text, unit, item=item, language=self._language, reply=reply)
        return quotable and not is_named_above(text, headings)

    def is_short_reply(self, sentence: Sentence) -> bool:
        """Whether it replies to its heading, which asks the very question, in so few words that more belong to it."""
        return sentence.place == 0 and sentence.unit.words < _FULL_REPLY and self._is_asked_above(sentence.piece)

    def _is_asked_above(self, piece: Evidence) -> bool:
        path = piece.section.heading_path
        asks = bool(path) and path[-1].rstrip().endswith(("?", "？"))
        return asks and self._heading_fit(piece) >= _SAYS_THE_SAME

    def opens_list(self, sentence: Sentence) -> bool:
        """Whether a list begins with it that answers as a whole: its heading says what the question asks for."""
        return self._opens_list(sentence.piece, sentence.place)

    def _opens_list(self, piece: Evidence, place: int) -> bool:
        if not self._asks_for_several:
            return False
        units = self._units[piece.n]
        first = is_item(piece.text, units[place].span.start)
        first = first and not (place and is_item(piece.text, units[place - 1].span.start))
        return first and self._heading_fit(piece) >= _SAYS_THE_SAME

    def _rarity(self, question: str, asked: str) -> Mapping[str, float]:
        """The question's words weighed by salience and by rarity among the sentences; less what only leads up to it."""
        everything = [unit for units in self._units.values() for unit in units]
        held = frozenset().union(*(unit.stems for unit in everything))
        rarity = weigh(held & self._salience.keys(), everything)
        own = self._salience.keys() if asked == question else self._stems(asked)
        return {
            stem: (weight if stem in own else _CARRIED * weight)
            * (max(_COMMON, rarity[stem] / length_weight(stem)) if stem in rarity else _ABSENT)
            for stem, weight in self._salience.items()
        }

    def _named(self, piece: Evidence) -> set[str]:
        return self._stems(" ".join((piece.document.title, *piece.section.heading_path)))

    def _stems(self, text: str) -> set[str]:
        return set(self._analyzer.stems(text, language=self._language))

    def _heading_fit(self, piece: Evidence) -> float:
        """
        How well one heading, or the title, names what the question asks about, 0 to 1: full where they say the same.

        The further above the passage a heading stands, the less it says of it.
        """
        path = piece.section.heading_path or (piece.document.title,)
        best = 0.0
        for above, heading in enumerate(reversed(path)):
            stems = self._stems(heading)
            if stems:
                precision = len(stems & self._weights.keys()) / len(stems)
                best = max(best, coverage(self._weights, stems) * precision * _UPWARDS**above)
        return best

    def _holds_enough(self, piece: Evidence, place: int, held: Sequence[Set[str]], named: Set[str]) -> bool:
        around = named | held[place]
        if place and not held[place - 1] <= around and refers(self.text_at(piece, place)):
            around |= held[place - 1]
        return sum(map(self._salience.__getitem__, around)) >= self._least

    def _held(self, piece: Evidence) -> list[Set[str]]:
        """Of the question, what each sentence has, a row with its head, and what a unit in it stands for."""
        wanted = self._weights.keys()
        held: list[Set[str]] = [wanted & stems for stems in self._stems_of[piece.n]]
        if not self._given:
            return held
        return [own | self._given.by([self.text_at(piece, place)]) for place, own in enumerate(held)]

    def _head(self, piece: Evidence, place: int) -> str | None:
        if not self.text_at(piece, place).startswith(ROW):
            return None
        head = heads_of(piece.text, self._units[piece.n])[place]
        return None if head is None else self.text_at(piece, head)

    def _is_asked_of_row(self, piece: Evidence, place: int) -> bool:
        """Whether the question names a column of the row's table, or the row by its label, or its measure."""
        head = self._head(piece, place)
        if head is None:
            return False
        row = self.text_at(piece, place)
        names = map(self._stems, (cells_of(row)[0], *cells_of(head)))
        return any(name and name <= self._weights.keys() for name in names) or bool(
            self._given and self._given.by([row])
        )

    def _form(self, piece: Evidence, place: int, of_heading: float) -> float:
        """What a sentence's form and place are worth, whatever its words."""
        unit = self._units[piece.n][place]
        text = unit.span.of(piece.text)
        bonus = fitness(self._kind, text, self.text_at(piece, place + 1), early=self._early(unit))
        opens = place == 0 and self._kind is QuestionKind.DEFINITION and len(piece.section.heading_path) <= 1
        if self._given and self._given.by([text]):
            bonus += FITS
        if self._asked_form is not None and self._asked_form.share(text) <= PART:
            bonus += _GIVES_FORM
        if text.startswith(ROW):
            bonus += _COLUMN
        if self._opens_list(piece, place) or (place == 0 and self._is_asked_above(piece)):
            bonus += _REPLIES
        bonus += _FIRST * (place == 0) + _OPENING * opens * of_heading
        leads_nowhere = text.endswith((":", "：")) and not self._leads_on(piece, place)
        bonus -= _LEADS_NOWHERE * leads_nowhere + _OPPOSITE * self._says_opposite(text)
        return bonus - _LEANS * leans(text) - _FRAGMENT * is_fragment(text)

    def _says_opposite(self, text: str) -> bool:
        """Whether it has only the opposite of one of the question's words: to stop the server, asked how to start."""
        if not self._opposites:
            return False
        words = set(text.lower().replace(",", " ").split())
        return any(words & there and not words & here for here, there in self._opposites)

    def _early(self, unit: Unit) -> int:
        """Where in the sentence the question's first word stands; only of a definition does anybody look."""
        if self._kind is not QuestionKind.DEFINITION:
            return 0
        return unit.opening(self._weights.keys())

    def _leads_on(self, piece: Evidence, place: int) -> bool:
        units = self._units[piece.n]
        if place + 1 == len(units):
            return False
        return self.text_at(piece, place + 1).startswith(CODE) or is_item(piece.text, units[place + 1].span.start)
