"""Things that documents name in passing, as one of several, and say nothing about."""

import re
from collections.abc import Mapping, Sequence, Set
from itertools import chain
from typing import Final

from domain.grounding.dates import MONTH_OR_WEEKDAY
from domain.grounding.leaning import refers
from domain.grounding.model import Evidence
from domain.grounding.overlap import units_of
from domain.grounding.question_kind import asked_last
from domain.grounding.telling import tells_all
from domain.text import Analyzer

_ASKED: Final = re.compile(
    r"\W*how (?:to|(?:do|can|should|would|could|might|must) (?:i|we|you|one|people|users|developers))\b", re.IGNORECASE
)
_BEFORE: Final = r"\b(?:or|like|such as|including|e\.g\.)\s+(?:an?\s+|the\s+)?"
_AFTER: Final = r"(?:\s+\w+)?(?:,?\s+or\b|,\s+\w+(?:\s+\w+)?,?\s+(?:or|and)\b)"

_OF_ONESELF: Final = " I "
"""A capital that begins no name."""
_DAY: Final = re.compile(rf"{MONTH_OR_WEEKDAY}s?\Z", re.IGNORECASE)
"""What English writes with a capital and is no thing that anything is done with."""


def only_mentioned(
    question: str,
    evidence: Sequence[Evidence],
    weights: Mapping[str, float],
    named: Sequence[Set[str]],
    rows: Sequence[Sequence[Set[str]]],
    held: Set[str],
    *,
    analyzer: Analyzer,
    language: str,
) -> bool:
    """
    Whether an English question asks how something is done with a thing that is nowhere more than one of several.

    "A state container like Redux or MobX" does not tell how Redux is set up; still less do passages that never name it,
    unless they tell all the rest: who asks how the pipes are rinsed on Sundays, or "ASAP", is answered by how they are.
    Known by a name: a capital inside the sentence that asks. A name that a heading has is a subject, and so is one that
    stands by itself once.

    ``weights`` are the question's stems; ``named`` (by piece) those of the headings, ``rows`` (by piece) of each
    sentence, ``held`` what of the question all the evidence has.
    """
    if language != "en" or question[1:].replace(_OF_ONESELF, " ").islower():
        return False  # there is no name
    asked = asked_last(question)
    if _ASKED.match(asked) is None:
        return False

    def is_held(stem: str) -> bool:
        # A sentence by itself may have words that it has not beside others.
        return stem in held or any(stem in stems_of for stems_of in chain(named, *rows))

    named_to = 0
    absent: set[str] = set()
    terms = analyzer.terms(asked, language=language)
    for stem, start, end in terms:
        name = asked[start:end]
        if start < max(named_to, 1) or not name[0].isupper():
            if start < named_to and not is_held(stem):
                absent.add(stem)
            continue
        named_to = end  # the parts of a name such as GraphQL come after it
        if _DAY.match(name):
            continue
        if not is_held(stem):
            absent.add(stem)
        elif not any(stem in names for names in named):
            found = [mention for piece in evidence for mention in _mentions(name, piece.text)]
            if found and all(found):
                return True
    if not absent:
        return False
    own = {term.stem for term in terms} - absent
    told = [
        _with_what_they_refer_to(piece, said, analyzer, language) for piece, said in zip(evidence, rows, strict=True)
    ]
    return not tells_all({stem: weight for stem, weight in weights.items() if stem in own}, held, named, told)


def _with_what_they_refer_to(
    piece: Evidence, rows: Sequence[Set[str]], analyzer: Analyzer, language: str
) -> Sequence[Set[str]]:
    """The stems of each sentence, with those of the one before where it says "it"."""
    texts = [unit.span.of(piece.text) for unit in units_of(piece.text, analyzer, language)]
    return [
        said | before if refers(text) else said
        for text, before, said in zip(texts, [frozenset[str](), *rows], rows, strict=False)
    ]


def _mentions(name: str, text: str) -> list[bool]:
    """Of each time that a text has the name, whether it is one of several there; table rows say nothing of it."""
    word = re.compile(rf"(?P<before>{_BEFORE})?\b{re.escape(name)}\b(?P<after>{_AFTER})?")
    return [
        bool(found["before"] or found["after"])
        for line in text.splitlines()
        if not line.startswith("|")
        for found in word.finditer(line)
    ]
