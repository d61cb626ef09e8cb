"""
Which way the words of a sentence point: more of something, less of it, or denied. English alone.

The words are those of plain English and of research reports for more and less; they were written down before anything
was fitted, and their weights, in ``calibration``, are common to all of them.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from operator import add
from typing import Final, TypeAlias

_WORD: Final = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_RISING: Final = """
    increas\\w* rais\\w+ rise\\w* rose rising grow\\w* grew promot\\w* enhanc\\w* encourag\\w* improv\\w*
    activat\\w* stimulat\\w* induc\\w* accelerat\\w* strengthen\\w* higher more greater larger longer faster
    elevat\\w* facilitat\\w* up-?regulat\\w* augment\\w* boost\\w* extend\\w* gain\\w* support\\w* enabl\\w*
    allow\\w* permit\\w* add(?:s|ed)? adding elicit\\w* trigger\\w* caus\\w+ produc\\w* stabili[sz]\\w* better
    effective\\w* positiv\\w+ expan\\w+ success\\w* maintain\\w* required necessary essential need\\w*
    hypersensitiv\\w+ exacerbat\\w* aggravat\\w* most start\\w* begin\\w* began open\\w* accept\\w* win\\w* won
    include\\w* high hyper\\w+ potentiat\\w* overexpress\\w+ associat\\w+ link\\w* correlat\\w+ interact\\w*
    abilit\\w+ able dependent present presence
"""
_FALLING: Final = """
    decreas\\w* reduc\\w* lower\\w* fall fell fallen falls falling drop\\w* declin\\w* shr[aiu]nk\\w*
    inhibit\\w* suppress\\w* prevent\\w* slow\\w* weak\\w* impair\\w* damag\\w* worsen\\w* less fewer smaller
    shorter diminish\\w* attenuat\\w* block\\w* down-?regulat\\w* deactivat\\w* inactivat\\w* disrupt\\w*
    delay\\w* limit\\w* restrict\\w* forbid\\w* disabl\\w* remov\\w* delet\\w* abolish\\w* abrogat\\w*
    dampen\\w* ineffective\\w* negativ\\w+ fail\\w* los(?:s|e|es|ing|t) deplet\\w* deficien\\w+ lack\\w* unable
    incapable struggl\\w* immune resist\\w* protect\\w* independent unrelated poor\\w* destabili[sz]\\w*
    repress\\w* antagoni\\w+ hypo\\w+ low worse least stop\\w* end(?:s|ed|ing) clos(?:e|es|ed|ing) reject\\w*
    refus\\w* exclud\\w* absen\\w+ knockout knockdown mutant mitigat\\w* alleviat\\w* ameliorat\\w* silenc\\w*
    depriv\\w* unnecessary insufficien\\w+ optional little
"""
_DENYING: Final = "not never without cannot neither nor no none nobody nothing \\w+n['’]t"
_RISES, _FALLS, _DENIES = (
    re.compile("|".join(words.split()), re.IGNORECASE) for words in (_RISING, _FALLING, _DENYING)
)
_SAME: Final = "little unaffected unchanged similar same equal\\w* independent unrelated"
_NO_DIFFERENCE: Final = re.compile("|".join(f"{_DENYING} {_SAME}".split()), re.IGNORECASE)
_DENYING_ENDS: Final = ("n't", "n’t")


_OPENING: Final = re.compile(r"[a-z]+(?![?*])")


def _by_opening(words: Sequence[str]) -> dict[str, re.Pattern[str]]:
    openings: dict[str, list[str]] = {}
    for word in words:
        if found := _OPENING.match(word):
            openings.setdefault(found[0][:_OPENING_LETTERS], []).append(word)
    return {opening: re.compile("|".join(group)) for opening, group in openings.items()}


_OPENING_LETTERS: Final = 3
_BY_OPENING: Final = _by_opening(f"{_RISING} {_FALLING} {_DENYING} {_SAME}".split())
"""All of these words by the letters that they begin with, three or as many as they have: one look tells most others."""
_DENIAL_REACH: Final = 25
"""Characters after a denial in which a direction is turned round: "did not increase"."""
_NEAR: Final = 40
_NEAR_IN_SOURCE: Final = 50
_SAME_WORD: Final = 5
"""Letters that two forms of one direction word share: increase, increased."""


@dataclass(frozen=True, slots=True)
class Direction:
    """A word that points up (+1) or down (-1), turned round where it is denied, and where it stands."""

    start: int
    sign: int
    word: str


@dataclass(frozen=True, slots=True)
class Senses:
    """What a sentence's words say of more and less."""

    directions: tuple[Direction, ...]
    denials: int
    denies_difference: bool

    @property
    def rises(self) -> bool:
        return any(direction.sign > 0 for direction in self.directions)

    @property
    def falls(self) -> bool:
        return any(direction.sign < 0 for direction in self.directions)

    @property
    def words(self) -> frozenset[str]:
        return frozenset(direction.word for direction in self.directions)


_SILENT: Final = Senses((), 0, denies_difference=False)


@lru_cache(maxsize=1024)
def senses_of(text: str, language: str) -> Senses:
    """The senses of one sentence; none in a language other than English."""
    if language != "en":
        return _SILENT
    tokens = text.split()
    known = list(map(_KNOWN.__getitem__, tokens))  # no word goes over white space
    if not any(known):
        return _SILENT
    found: list[Direction] = []
    denials, denied_to, same = 0, -1, False
    for at, senses in zip(_starts(text, tokens), known, strict=False):
        for start, end, sign, same_word, word in senses:
            same = same or same_word
            if sign is None:
                continue
            if sign == 0:
                denials, denied_to = denials + 1, at + end + _DENIAL_REACH
            else:
                turned = -sign if at + start < denied_to else sign
                found.append(Direction(at + start, turned, word))
    return Senses(tuple(found), denials, same)


def _starts(text: str, tokens: Sequence[str]) -> Iterable[int]:
    """Where in a text what stands between its white space begins."""
    ends = list(accumulate(map(len, tokens)))
    if len(text) == ends[-1] + len(tokens) - 1:  # one blank between two
        return map(add, [0, *ends], range(len(tokens)))
    starts, at = [], 0
    for token in tokens:
        starts.append(text.index(token, at))
        at = starts[-1] + len(token)
    return starts


_AROUND: Final = ".,;:!?()[]{}<>\"'“”‘’«»*`$€£%&"
"""What may stand around a word and is none: no apostrophe or hyphen goes with a word that it does not stand within."""
_CACHED_TOKENS: Final = 20_000
_LONGEST_CACHED: Final = 40

_Sense: TypeAlias = tuple[int, int, int | None, bool, str]
"""
A word that has one: where it begins and ends in what stands between white space; +1, -1, 0 for a denial or None;
whether it denies a difference; and what forms of it have in common.
"""


class _Known(dict[str, tuple[_Sense, ...]]):
    """The senses of what stands between white space: of most none. Empties itself when full."""

    def __missing__(self, token: str) -> tuple[_Sense, ...]:
        plain = token.strip(_AROUND)
        if plain.isalnum():
            opening = plain[:_OPENING_LETTERS].lower()
            apart = opening in _BY_OPENING or opening[:2] in _BY_OPENING
        else:
            apart = True
        senses = self._of_words(token) if apart else ()
        if len(self) >= _CACHED_TOKENS:
            self.clear()
        if len(token) <= _LONGEST_CACHED:
            self[token] = senses
        return senses

    def _of_words(self, token: str) -> tuple[_Sense, ...]:
        found: list[_Sense] = []
        for match in _WORD.finditer(token):
            word = match[0].lower()
            sign, same = _sense_of(word)
            if sign is not None or same:
                found.append((match.start(), match.end(), sign, same, word[:_SAME_WORD]))
        return tuple(found)


def _sense_of(word: str) -> tuple[int | None, bool]:
    """+1, -1, 0 for a denial, None for any other word; and whether it denies a difference."""
    alike = _BY_OPENING.get(word[:_OPENING_LETTERS]) or _BY_OPENING.get(word[:2])
    plain = alike is None or not alike.fullmatch(word)
    if plain and not word.endswith(_DENYING_ENDS):
        return None, False
    sign = 0 if _DENIES.fullmatch(word) else 1 if _RISES.fullmatch(word) else -1 if _FALLS.fullmatch(word) else None
    return sign, _NO_DIFFERENCE.fullmatch(word) is not None


_KNOWN: Final = _Known()


def points_against(claim: Senses, places: dict[str, int], source: Senses, source_places: dict[str, int]) -> bool:
    """
    Whether the directions beside the words that claim and source share point the other way more often than the same.

    ``places`` and ``source_places`` say where each content stem stands in the claim and in the source's sentence.
    """
    for_it = against_it = 0
    shared = [(start, source_places[stem]) for stem, start in places.items() if stem in source_places]
    for direction in claim.directions:
        beside = [there for here, there in shared if 0 < abs(here - direction.start) < _NEAR]
        signs = {
            other.sign
            for other in source.directions
            if any(abs(there - other.start) < _NEAR_IN_SOURCE for there in beside)
        }
        for_it += direction.sign in signs
        against_it += bool(signs) and direction.sign not in signs
    return against_it > for_it


def one_sided(claim: Senses, source: Senses) -> bool:
    """Whether one speaks of more alone and the other of less alone."""
    up_down = claim.rises and not claim.falls and source.falls and not source.rises
    down_up = claim.falls and not claim.rises and source.rises and not source.falls
    return up_down or down_up


def turns(senses: Senses) -> int:
    """How often a sentence is turned round: its denials and its words of less."""
    return senses.denials + sum(direction.sign < 0 for direction in senses.directions)
