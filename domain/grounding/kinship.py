"""Words of a question that a passage has in another form, in languages whose words change and grow together."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from domain.grounding.letters import triples
from domain.text import Analyzer, Term

_SHORTEST: Final = 4
"""Letters of a stem below which two words that look alike are seldom of one kind."""
_ALIKE, _SHORT_ALIKE = 0.65, 0.75
"""
Of the shorter stem's runs of three letters, what the longer one holds: "verlang" and "verlangert" have .86. More of a
stem of four letters.
"""
_PLAIN: Final = frozenset({"en"})
"""Where Snowball's stems do: English seldom changes a word's middle, and writes its compounds apart."""
_VOWELS: Final = {"es": (("ue", "o"), ("ie", "e"))}
"""What a stressed vowel becomes: devuelve, devolver."""
_PARTICIPLE: Final = {"de": "ge", "nl": "ge"}
"""What a verb has in front once it is done: gebucht, buchen."""


def akin(question: str, analyzer: Analyzer, language: str) -> Analyzer:
    """
    An analyzer that takes a word for a question's word where both have most of their letters in common.

    "Bibliotheksausweis" for "Bibliothek", "verlängert" for "verlängern", "devuelve" for "devolver". For telling whether
    a passage speaks of what was asked; a claim is judged by the stems alone. English keeps the analyzer as it is.
    """
    if language in _PLAIN:
        return analyzer
    stems = analyzer.stems(question, language=language)
    return _Akin(analyzer, frozenset(stem for stem in stems if len(stem) >= _SHORTEST or language in _VOWELS))


@dataclass(frozen=True)
class _Akin(Analyzer):
    analyzer: Analyzer
    wanted: frozenset[str]

    def terms(self, text: str, *, language: str) -> Sequence[Term]:
        found = self.analyzer.terms(text, language=language)
        return [Term(kin_of(stem, self.wanted, language), start, end) for stem, start, end in found]

    def stems(self, text: str, *, language: str) -> Sequence[str]:
        return [kin_of(stem, self.wanted, language) for stem in self.analyzer.stems(text, language=language)]


@lru_cache(maxsize=20_000)
def kin_of(stem: str, wanted: frozenset[str], language: str) -> str:
    """The stem among ``wanted`` that is most like this one, where it is like enough; else the stem itself."""
    if stem in wanted:
        return stem
    plain = _plain(stem, language)
    best, most = stem, 0.0
    for other in sorted(wanted):
        likeness = _likeness(plain, _plain(other, language))
        if likeness > most:
            best, most = other, likeness
    return best


def _plain(stem: str, language: str) -> str:
    for stressed, unstressed in _VOWELS.get(language, ()):
        stem = stem.replace(stressed, unstressed)
    prefix = _PARTICIPLE.get(language)
    return stem[len(prefix) :] if prefix and stem.startswith(prefix) and len(stem) > len(prefix) + _SHORTEST else stem


def _likeness(one: str, other: str) -> float:
    """0 to 1; 0 where it is not enough to call them kin."""
    if one == other:
        return 1.0
    shorter = min(len(one), len(other))
    if shorter < _SHORTEST:
        return 0.0
    ours, theirs = triples(one), triples(other)
    found = len(ours & theirs) / min(len(ours), len(theirs))
    return found if found >= (_SHORT_ALIKE if shorter == _SHORTEST else _ALIKE) else 0.0
