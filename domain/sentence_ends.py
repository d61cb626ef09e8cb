"""Does this full stop end its sentence? Abbreviations, initials, acronyms and enumerators that do not."""

import re
from typing import Final

_OPENING: Final = frozenset("([{\"'“‘«/|")
_ACRONYM: Final = re.compile(r"(?:[^\W\d_]\.)+[^\W\d_]")
_LOOK_BACK_CHARS: Final = 24
"""Longer than any abbreviation below: what is looked at before a full stop stays bounded."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_NEVER_FINAL: Final = _words(
    "dr mr mrs ms prof rev hon mt messrs vs cf viz e.g i.e eg resp incl approx ca mme mlle "
    "z.b d.h bzw vgl bspw ggf evtl sog inkl zzgl bzgl sra srta sres dra p.ej ej ee ud uds"
)
"""English, German (``Hr. Müller``) and Spanish (``Sra. García``, ``p. ej. Madrid``, ``EE. UU.``)."""
_TITLES: Final = frozenset({"Hr", "Fr"})
"""Told from the hours of "2 hr." by their capital."""
_BEFORE_NUMBER: Final = _words(
    "no nos nr fig figs eq eqs sec secs ch chap vol vols p pp art tab ver v col st op par para "
    "abb abs kap bd pág págs núm cap"
)
_SOMETIMES_FINAL: Final = _words(
    "inc ltd co corp al jr sr bros dept est univ gen lt sgt capt st a.m p.m fig "
    "jan feb mar apr jun jul aug sep sept oct nov dec"
)
_AFTER_GERMAN_ORDINAL: Final = _words(
    "januar februar märz april mai juni juli august september oktober november dezember jahrhundert jahrhunderts"
)
_STARTERS: Final = _words(
    "the a an in it this that these those he she we they i you but and so however if when while for as at on with by "
    "to there here what why how who where its their his her our my your no not yes after before since because although "
    "use see note then thus therefore also"
)


_ABBREVIATED: Final = _NEVER_FINAL | _BEFORE_NUMBER | _SOMETIMES_FINAL | {title.lower() for title in _TITLES}
_LONGEST_ENUMERATOR: Final = 3


def plainly_ends(text: str, unit_start: int, dot: int) -> bool:
    """Whether ``ends_sentence`` is sure to say so, at a glance: a word or a year, a full stop, a blank, a capital."""
    if text[dot : dot + 2] != ". " or not text[dot + 2 : dot + 3].isupper():
        return False
    word = text[max(unit_start, dot - _LOOK_BACK_CHARS) : dot].rpartition(" ")[2]
    if word.isalpha():
        return len(word) > 1 and word.lower() not in _ABBREVIATED
    return word.isdigit() and len(word) > _LONGEST_ENUMERATOR


def ends_sentence(text: str, unit_start: int, dot: int, following: str, *, then: str) -> bool:
    """
    Whether the full stop at ``dot`` ends the unit that began at ``unit_start``.

    ``following`` is the whole next word or character, ``then`` the one character after it.
    """
    if not opens_sentence(following):
        return False
    farthest = max(unit_start, dot - _LOOK_BACK_CHARS)
    word = text[farthest:dot].rpartition(" ")[2]
    if not word.isalnum():
        word = _last_word(word)
    first = dot - len(word)
    if first == unit_start and word.isdigit() and len(word) <= _LONGEST_ENUMERATOR:
        return False  # "1. Open the lid": the number belongs to what it numbers
    if word.isdigit() and len(word) <= 2 and following.lower() in _AFTER_GERMAN_ORDINAL:
        return False  # "am 3. Oktober", "im 19. Jahrhundert"
    if len(word) == 1 and word.islower() and len(following) == 1 and then == ".":
        return False  # "z. B.", "u. U."
    lower = word.lower().lstrip("*_")
    if lower in _NEVER_FINAL or word in _TITLES:
        return False
    if lower in _BEFORE_NUMBER and following[0].isdigit():
        return False
    initial = len(word) == 1 and word.isupper()
    if initial or lower in _SOMETIMES_FINAL or ("." in word and _ACRONYM.fullmatch(word)):
        # "U.S. Senate" goes on, "in the U.S. The" does not; "A." after an initial is one more initial.
        return following.lower() in _STARTERS and not (len(following) == 1 and then == ".")
    return True


def _last_word(text: str) -> str:
    """What follows the last white space or opening mark of a text."""
    first = len(text)
    while first > 0 and not (text[first - 1].isspace() or text[first - 1] in _OPENING):
        first -= 1
    return text[first:]


def opens_sentence(following: str) -> bool:
    """A lower-case word goes on with the sentence before it, unless it is a name: ``iPhone``, ``useEffect``."""
    if following[0] in ",;:)]}":
        return False
    return not following[0].islower() or any(character.isupper() for character in following)
