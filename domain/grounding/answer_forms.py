"""
What form the answer to a question has (a maker, a date, a count), and whether a sentence gives it.

General knowledge of English; nothing here was fitted. In other languages, and of other questions, nothing is known.
"""

import re
from collections.abc import Callable, Hashable, Sequence
from functools import lru_cache
from typing import Final, NamedTuple, cast

from domain.grounding.dates import MONTH_OR_WEEKDAY
from domain.grounding.measures import MeasureAsked, measures_asked
from domain.text import Analyzer

_MADE: Final = (
    r"created|founded|invented|discovered|designed|developed|wrote|written|authored|composed|directed|built|made|produced|"
    r"introduced|established|started|launched|published"
)
_MAKER: Final = r"(?:co-?)?(?:creator|founder|inventor|discoverer|author|composer|maker)s?"
_WHO_MADE: Final = re.compile(
    r"\W*(?:who|(?:which|what) (?:company|companies|person|people|team|organi[sz]ation|firm|group))\s+"
    r"(?:(?:has|had|have|was|is|are|were|originally|first|also|the|an?)\s+)*"
    rf"(?:{_MADE}|{_MAKER})\b",
    re.IGNORECASE,
)
"""Of making and finding, in the past: who makes the coffee is a matter of roles, and has no name as a rule."""
_MAKING: Final = re.compile(rf"\b(?:{_MADE}|{_MAKER})\b", re.IGNORECASE)
_NAME: Final = r"[A-Z][\w.’'-]*"
_AGENT: Final = re.compile(
    rf"\b(?i:{_MADE}|work|product|project)(?:\s+[\w'’-]+){{0,4}}?\s+(?:by|of)\s+(?:(?:the|an?)\s+)?({_NAME})"
    rf"|\b(?:{_MADE})\s+by\s+(?:(?:the|an?|its|their)\s+)?(?!default\b|hand\b|\w+(?:ing|ly)\b)([a-z][\w-]+)"
    rf"|\b({_NAME})(?:\s+(?:has|had|have|first|originally|also|and|who))*\s+(?:{_MADE})\b"
    rf"|\b(?i:the|an?|our|my|his|her|their)\s+([a-z][\w-]*)\s+(?:{_MADE})\b"
    rf"|\b(?i:{_MAKER})(?:\s+of\s+[^.!?,]{{1,40}})?(?:,|:|\s+(?:is|was|are|were))?\s+({_NAME})"
    rf"|\b({_NAME})(?:,|\s+(?:is|was|are|were))\s+(?:the|an?|its|their)\s+(?:\w+\s+)?(?:{_MAKER})\b"
)
"""Who made something: the name after "made by", before "made", or beside "its maker"."""
_PERSONS: Final = frozenset(("He", "She", "We", "I"))
_WHEN_DID: Final = re.compile(
    r"\W*(?:when (?:did|was|were|had)|(?:in |on |since )?(?:what|which) (?:year|month|day|date|decade|century))\b",
    re.IGNORECASE,
)
_DATED: Final = re.compile(
    rf"\d|\b{MONTH_OR_WEEKDAY}\b|"
    r"(?i:\b(?:yesterday|ago|centur(?:y|ies)|decades?|during|after|"
    r"(?:last|this|next|same|previous|first|second|third) "
    r"(?:year|month|week|night|day|season|spring|summer|autumn|fall|winter|morning|evening)|"
    r"(?:spring|summer|autumn|winter))\b)"
)
_HOW_MANY: Final = re.compile(
    r"\W*how many\s+(?:(?:more|other|of|the|different|new|such)\s+)*(?P<counted>[\w-]+)", re.IGNORECASE
)
_COUNT: Final = re.compile(
    r"(?<![\w.])\d|"
    r"(?i:\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen|"
    r"(?:twen|thir|for|fif|six|seven|eigh|nine)ty(?:-\w+)?|hundreds?|thousands?|millions?|billions?|dozens?)\b)|"
    r"(?P<loose>(?i:\b(?:no|one|a single|both|a couple of|half)\b))"
)
"""Numbers; those that may be meant otherwise ("this one") are loose, and count only before what is counted."""
_WHAT_LIMIT: Final = re.compile(
    r"\W*(?:what(?: is| was| are|'s|’s) the (?:maximum|minimum|max|min|average|mean|median|total)\s+"
    r"(?P<limited>[\w-]+)|"
    r"how much (?:is|are|was|were)\b|how much (?:does|do|did) [^?]+ (?:cost|pay|weigh|earn)\b)",
    re.IGNORECASE,
)
_NO_LIMIT: Final = re.compile(
    r"\b(?:no limit|unlimited|any number|infinite|free|nothing|no (?:charge|cost|fee)s?)\b", re.IGNORECASE
)
_COUNTED_CHARS: Final = 60
"""After a number, where what it counts stands: "four thousand three hundred more asylum officers"."""
PART: Final = 0.4
"""
Of the question, what a sentence has to be about for its name, date or number to be the answer's: one of two words,
the shorter as well.
"""
_MOST: Final = 0.75
"""The same where the number may be of something else, or by another word: "100 million of you" for people."""


class FormAsked(NamedTuple):
    """
    ``share`` is how much of the question a sentence must hold to give its answer; 2 where it does not at all.

    ``by_other_words``: stems of the question that the sentence may have other words for, "made by" for "who created".
    """

    share: Callable[[str], float]
    by_other_words: frozenset[str] = frozenset()


_NOT_GIVEN: Final = 2.0


def form_asked(question: str, *, analyzer: Analyzer, language: str) -> FormAsked | None:
    """The form that the answer to a question must have; None where any sentence may be the answer."""
    return _form_asked(question, cast(Hashable, analyzer)) if language == "en" else None


@lru_cache(maxsize=64)  # asked by abstaining and by quoting
def _form_asked(question: str, remembered: Hashable) -> FormAsked | None:
    analyzer = cast(Analyzer, remembered)
    if _WHO_MADE.match(question):
        known = frozenset(analyzer.stems(question, language="en"))
        making = frozenset(analyzer.stems(" ".join(_MAKING.findall(question)), language="en"))
        return FormAsked(lambda sentence: PART if _names_maker(sentence, known, analyzer) else _NOT_GIVEN, making)
    if _WHEN_DID.match(question):
        return FormAsked(lambda sentence: PART if _DATED.search(sentence) else _NOT_GIVEN)
    if (asked := _WHAT_LIMIT.match(question)) is not None:
        limited = frozenset(analyzer.stems(asked["limited"] or "", language="en"))
        measures = measures_asked(question, "en")
        return FormAsked(lambda sentence: _share_for_limit(sentence, limited, measures, analyzer))
    if (asked := _HOW_MANY.match(question)) is not None:
        counted = frozenset(analyzer.stems(asked["counted"], language="en"))
        return FormAsked(lambda sentence: _share_for_count(sentence, counted, analyzer))
    return None


def _names_maker(sentence: str, known: frozenset[str], analyzer: Analyzer) -> bool:
    for found in _AGENT.finditer(sentence):
        name = next(filter(None, found.groups()))
        stems = analyzer.stems(name, language="en")
        if name in _PERSONS or (stems and known.isdisjoint(stems)):
            return True
    return False


def _share_for_limit(
    sentence: str, limited: frozenset[str], measures: Sequence[MeasureAsked], analyzer: Analyzer
) -> float:
    numbers = (number for number in _COUNT.finditer(sentence) if not number["loose"])
    if next(numbers, None) is None and _NO_LIMIT.search(sentence) is None:
        return _NOT_GIVEN
    told = not limited or not limited.isdisjoint(analyzer.stems(sentence, language="en"))
    return PART if told or any(measure.is_given(sentence) for measure in measures) else _MOST


def _share_for_count(sentence: str, counted: frozenset[str], analyzer: Analyzer) -> float:
    least = _NOT_GIVEN
    for number in _COUNT.finditer(sentence):
        least = least if number["loose"] else _MOST
        after = sentence[number.end() : number.end() + _COUNTED_CHARS]
        if not counted.isdisjoint(analyzer.stems(after, language="en")):
            return PART
    return least
