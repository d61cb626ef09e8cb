"""Things that documents name in passing, as one of several, and say nothing about."""

import re
from collections.abc import Sequence, Set
from typing import Final

from domain.grounding.model import Evidence
from domain.text import Analyzer

_ASKED: Final = re.compile(
    r"\W*how (?:to|(?:do|can|should|would|could|might|must) (?:i|we|you|one|people|users|developers))\b", re.IGNORECASE
)
_BEFORE: Final = r"\b(?:or|like|such as|including|e\.g\.)\s+(?:an?\s+|the\s+)?"
_AFTER: Final = r"(?:\s+\w+)?(?:,?\s+or\b|,\s+\w+(?:\s+\w+)?,?\s+(?:or|and)\b)"


def only_mentioned(
    question: str,
    evidence: Sequence[Evidence],
    named: Sequence[Set[str]],
    held: Set[str],
    *,
    analyzer: Analyzer,
    language: str,
) -> bool:
    """
    Whether an English question asks how something is done with a thing that is nowhere more than one of several.

    "A state container like Redux or MobX" does not tell how Redux is set up; still less do passages that never name it.
    Known by a name: a capital inside the question. A name that a heading has (``named``, by piece) is a subject, and so
    is one that stands by itself once. ``held`` are the stems of all the evidence.
    """
    if language != "en" or _ASKED.match(question) is None:
        return False
    named_to = 0
    for stem, start, end in analyzer.terms(question, language=language):
        name = question[start:end]
        if start < max(named_to, 1) or not name[0].isupper():
            continue
        named_to = end  # the parts of a name such as GraphQL come after it
        if stem not in held:
            return True
        if not any(stem in names for names in named):
            found = [mention for piece in evidence for mention in _mentions(name, piece.text)]
            if found and all(found):
                return True
    return False


def _mentions(name: str, text: str) -> list[bool]:
    """Of each time that a text has the name, whether it is one of several there; table rows say nothing of it."""
    word = re.compile(rf"(?P<before>{_BEFORE})?\b{re.escape(name)}\b(?P<after>{_AFTER})?")
    return [
        bool(found["before"] or found["after"])
        for line in text.splitlines()
        if not line.startswith("|")
        for found in word.finditer(line)
    ]
