"""Which sentences say something when they are quoted alone."""

import re
from functools import lru_cache
from typing import Final

from domain.grounding.claims import is_claim
from domain.grounding.overlap import Unit
from domain.sentences import ALWAYS_STOPS

LONGEST_CHARS: Final = 500
_SHORTEST_TERMS: Final = 2
_PLAIN_TERMS: Final = 6
"""Content words from which on a line without a full stop is taken for a statement and no longer for a label."""
CODE: Final = ("```", "~~~")
ENDS: Final = re.compile(rf"[.!?…{ALWAYS_STOPS}][\"'”’»)\]*_`」』]*\Z")
_LIST_LINE: Final = re.compile(r"[ \t]*(?:[-*+•]|\d{1,3}[.)])[ \t]+\Z")
_POINTS_ELSEWHERE: Final = re.compile(
    r"\W*(?:for (?:(?:more|further|additional|full|detailed|complete)\b|"
    r"(?:an?|some|the) (?:full|complete|list|overview|examples?|in-depth|detailed)\b)|"
    r"see\b|learn (?:more|how|about)\b|read (?:more|the|about)\b|check (?:out|the)\b|refer to\b|(?:take|have) a look\b|"
    r"(?:more|further) (?:info|information|details|reading)\b|head (?:over )?to\b|visit\b|"
    r"(?:you|we) (?:can|may|might|could) (?:also )?(?:find|read|learn|see|look|check|refer|explore)\b|"
    r"to (?:learn|read|find out) (?:more|about)\b|"
    r"(?:please )?(?:consult|follow) (?:the|our|this|these)\b[^.]*\b(?:guide|page|documentation|docs|instructions)\b|"
    r"(?:this|the following|the next) (?:page|section|guide|document|chapter|article|example|tutorial)s?\b|"
    r"(?:in this|below|above|here)\b[^.]*\b(?:section|guide|page|example|tutorial|article|list of)\b|"
    r"if you(?:'d| would)? (?:like|want|wish|need) to (?:learn|know|read|find out)\b)"
    r"|.*, (?:learn|see|read|check) (?:how|more|about|out)\b"
    r"|.*\b(?:check out|refer to|take a look at|(?:please|also|,) see|read) "
    r"(?:the|our|this|these|its|\w+['’]s)\b[^.]*\b"
    r"(?:guide|page|docs?|documentation|section|article|details|information|reference|announcement|post)\b"
    r"|.*\b(?:described|explained|shown|listed|documented|covered|outlined) "
    r"(?:here|below|above|(?:in|on) (?:the|our|this|these|its)(?: \w+)? "
    r"(?:guide|page|docs?|documentation|section|article)s?)\b",
    re.IGNORECASE,
)
"""English sentences that send the reader elsewhere instead of saying it."""


_LABELLED: Final = re.compile(r"[^:.!?\n]{1,60}(?::| [–—-]) +\S[^:\n]*\Z")
"""A label and what is so of it: "After five years: three months"."""
_FRAGMENT: Final = re.compile(r"(?:whether|if|when)\b[^,;]*\Z", re.IGNORECASE)


def is_item(text: str, start: int) -> bool:
    """Whether what begins at ``start`` opens a list item."""
    line = text.rfind("\n", 0, start) + 1
    return _LIST_LINE.match(text[line:start]) is not None


def is_quotable(sentence: str, unit: Unit, *, item: bool, language: str, reply: bool = False) -> bool:
    """
    Whether a sentence may be quoted: it asserts, and is no heading, label, table row or code.

    ``reply``: it stands below its question, and may be as short as "The landlord does."
    """
    if sentence.startswith(("#", "|", "<", *CODE)) or len(sentence) > LONGEST_CHARS:
        return False
    announces = sentence.endswith((":", "："))
    if len(unit.stems) < (1 if announces or reply else _SHORTEST_TERMS):
        return False
    if not (announces or item or ENDS.search(sentence) or unit.words >= _PLAIN_TERMS or _LABELLED.match(sentence)):
        return False
    return is_claim(sentence + " [1]", language=language) and not sentence.rstrip("\"'”’)").endswith(("?", "？"))


def is_pointer(sentence: str, *, language: str) -> bool:
    """Whether a sentence only says where to read: "For more information, check out ..."."""
    return language == "en" and _POINTS_ELSEWHERE.match(sentence) is not None


def is_fragment(sentence: str) -> bool:
    """Whether an English sentence is a condition with nothing that follows from it: "Whether it is shown."."""
    return _FRAGMENT.match(sentence) is not None


def is_named_above(sentence: str, headings: tuple[str, ...]) -> bool:
    """Whether a sentence is one of the headings that it stands under, and nothing else."""
    return _letters(sentence) in _letters_of(headings)


@lru_cache(maxsize=32)  # asked for by each sentence below them
def _letters_of(headings: tuple[str, ...]) -> frozenset[str]:
    return frozenset(map(_letters, headings))


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text)).casefold()
