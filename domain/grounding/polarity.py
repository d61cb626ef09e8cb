"""
Ways in which a claim can use its source's words and say something else.

All of them in English; denials in six more languages, and what makes a thing uncertain in German and Spanish.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from functools import lru_cache
from itertools import chain
from typing import Final


class _Marks:
    """
    A pattern of whole words, and the words of which a text has one wherever the pattern is found in it, or one that
    begins with ``beginning``.

    Few sentences have one, and to look for it takes a twentieth of the pattern's time. Of other letters than ASCII's
    several are taken for one, so that there the pattern alone tells.
    """

    def __init__(self, words: str, pattern: str, *, beginning: str = "") -> None:
        self._words = frozenset(words.split())
        self._beginning = beginning
        self._pattern = re.compile(pattern, re.IGNORECASE)

    def found(self, text: str) -> list[str]:
        may_be = not (text.isascii() and self._words.isdisjoint(_words(text)))
        if not may_be and self._beginning:
            may_be = self._beginning in text.lower()
        return self._pattern.findall(text) if may_be else []


_NEGATOR: Final = _Marks(
    "not no never none nobody nothing neither nor without cannot unable lack lacks fail fails failed t",
    r"\b(?:not|no|never|none|nobody|nothing|neither|nor|without|cannot|unable|lacks?|fails? to|failed to|\w+n['’]t)\b",
)
_HEDGE: Final = _Marks(
    "may might could possibly perhaps reportedly allegedly suggest suggests proposed planned unclear likely appear "
    "appears seem seems unless only except",
    r"\b(?:may|might|could|possibly|perhaps|reportedly|allegedly|suggests?|proposed|planned|hypothesi\w+|"
    r"unclear|likely|appears? to|seems? to|unless|only if|except)\b",
    beginning="hypothesi",
)
_NEGATORS: Final = {
    language: re.compile(rf"\b(?:{words})\b", re.IGNORECASE)
    for language, words in (
        ("de", r"nicht|kein\w*|nie|niemals|niemand\w*|nichts|weder|ohne|nirgends|un(?:möglich|zulässig|nötig)\w*"),
        ("es", r"no|nunca|jamás|nadie|nada|ningun[oa]s?|ningún|tampoco|ni|sin"),
        ("fr", r"pas|jamais|rien|personne|aucune?|ni|sans|non"),
        ("it", r"non|mai|nessun\w*|niente|nulla|né|senza"),
        ("pt", r"não|nunca|jamais|ninguém|nada|nenhum\w*|nem|sem"),
        ("nl", r"niet|geen|nooit|niemand|niets|noch|zonder"),
    )
}
_HEDGES: Final = {
    language: re.compile(rf"\b(?:{words})\b", re.IGNORECASE)
    for language, words in (
        ("de", r"vielleicht|möglicherweise|vermutlich|wahrscheinlich|angeblich|könnten?|dürften?|sofern|falls|außer"),
        ("es", r"quizás?|posiblemente|probablemente|supuestamente|podrían?|salvo|excepto|a menos que"),
    )
}
_UNIVERSAL: Final = _Marks(
    "all every always everyone any entirely completely only must guarantee guarantees",
    r"\b(?:all|every|always|everyone|any|entirely|completely|only|must|guarantees?)\b",
)
_PASSIVE: Final = _Marks(
    "by",
    r"\b(?:is|are|was|were|be|been|being|gets?|got)\s+(?:\w+ly\s+)?\w+(?:ed|en|wn|lt|ght|ld|nt|de|un)\s+(?:\w+\s+){0,3}?by\b",
)
_WORD: Final = re.compile(r"[^\W\d_]+")
_OPPOSITE_WORDS: Final = """
    increase increases increased|decrease decreases decreased reduce reduces reduced
    rise rises rose grow grows grew|fall falls fell drop drops dropped decline declined shrink shrank
    more greater higher larger longer faster|less fewer lower smaller shorter slower
    before|after
    enable enables enabled|disable disables disabled
    allow allows allowed permit permits permitted|prevent prevents prevented forbid forbids block blocks
    always|never
    all every|none
    minimum min least|maximum max most
    first|last
    true|false
    above over|below under
    add adds added|remove removes removed delete deletes deleted
    open opens opened|close closes closed
    start starts started begin begins began|stop stops stopped end ends ended
    success succeeds succeeded|failure fails failed
    required mandatory|optional
    win wins won|lose loses lost
    buy buys bought|sell sells sold
    north northern|south southern
    east eastern|west western
    accept accepts accepted approve approved|reject rejects rejected refuse refused
    safe|unsafe
    public|private
    synchronous|asynchronous
    mutable|immutable
    supported|unsupported deprecated
    ascending|descending
    inside internal|outside external
"""
_OPPOSITES: Final = tuple(
    tuple(frozenset(side.split()) for side in line.split("|")) for line in _OPPOSITE_WORDS.strip().splitlines()
)
_SIDES: Final[Mapping[str, Sequence[tuple[frozenset[str], frozenset[str]]]]] = {
    word: [(here, there) for pair in _OPPOSITES for here, there in (pair, pair[::-1]) if word in here]
    for word in frozenset().union(*(side for pair in _OPPOSITES for side in pair))
}
"""For each word that has one: the words of its sense, and those of the opposite."""
_HAVE_OPPOSITES: Final = frozenset(_SIDES)


class Conflict(Enum):
    """How a claim departs from a source that uses its words."""

    CONTRADICTS = "contradicts"
    """Denies what the source asserts, or the reverse; or says the opposite word."""
    UNTOLD = "untold"
    """Says it with another certainty, scope or with roles that words alone cannot tell."""


def conflict(claim: str, source: str, *, language: str) -> Conflict | None:
    """What in the claim's wording its source's wording does not bear out; None when nothing shows."""
    if language != "en":
        return _denied_elsewhere(claim, source, language)
    claim_words, source_words = _words(claim), _words(source)
    opposite = _opposed(claim_words, source_words)
    claim_negates, source_negates = len(_NEGATOR.found(claim)), len(_NEGATOR.found(source))
    if opposite or (claim_negates == 0) != (source_negates == 0):
        return Conflict.CONTRADICTS
    hedged = _HEDGE.found(source) and not _HEDGE.found(claim)
    widened = set(_lower(_UNIVERSAL.found(claim))) - set(_lower(_UNIVERSAL.found(source)))
    turned = bool(_PASSIVE.found(claim)) != bool(_PASSIVE.found(source))
    if hedged or widened or turned or claim_negates != source_negates:
        return Conflict.UNTOLD
    return None


def _denied_elsewhere(claim: str, source: str, language: str) -> Conflict | None:
    negator, hedge = _NEGATORS.get(language), _HEDGES.get(language)
    here, there = (len(negator.findall(text)) if negator else 0 for text in (claim, source))
    if (here == 0) != (there == 0):
        return Conflict.CONTRADICTS
    hedged = hedge is not None and hedge.search(source) and not hedge.search(claim)
    return Conflict.UNTOLD if here != there or hedged else None


def opposites(text: str, *, language: str) -> Sequence[tuple[frozenset[str], frozenset[str]]]:
    """For each word of a text that has one: the words of its sense, and those of the opposite; lower case."""
    words = _words(text) if language == "en" else frozenset()
    sides = (side for pair in _OPPOSITES for side in (pair, pair[::-1]))
    return [(here, there) for here, there in sides if words & here and not words & there]


def says_opposite(claim: str, source: str, *, language: str) -> bool:
    """Whether one has a word that the other has the opposite of, and neither has both."""
    if language != "en" or _HAVE_OPPOSITES.isdisjoint(words := _words(claim)):
        return False
    lower = source.lower()
    opposite = chain.from_iterable([there for word in words & _HAVE_OPPOSITES for _, there in _SIDES[word]])
    return any([word in lower for word in opposite]) and _opposed(words, _words(source))  # noqa: C419 - speed


def _opposed(one: frozenset[str], other: frozenset[str]) -> bool:
    sides = {side for word in one & _HAVE_OPPOSITES for side in _SIDES[word]}
    return any(other & there and not other & here and not one & there for here, there in sides)


def _lower(words: Iterable[str]) -> Iterable[str]:
    return (word.lower() for word in words)


@lru_cache(maxsize=256)
def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text.lower()))
