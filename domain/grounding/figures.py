"""Numbers of a text with their units: what must agree to the letter between a claim and its source."""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

# Begins with its digit, so that searching leaps from digit to digit; what stands before is looked at afterwards.
_FIGURE: Final = re.compile(r"(?P<value>\d+(?:[.,]\d+)*)(?:[ \u00a0-]?(?P<unit>%|°[CF]|[A-Za-zµ]+))?")
_SIGNS: Final = frozenset("$€£¥")
_SPELLED: Final = "zero one two three four five six seven eight nine ten eleven twelve"
_WORDS: Final = {word: str(value) for value, word in enumerate(_SPELLED.split()) if value > 1}
_SPELLING: Final = {value: word for word, value in _WORDS.items()}
_NUMBER_WORD: Final = re.compile(r"\b(" + "|".join(_WORDS) + r")\b(?:[ -](?P<unit>[A-Za-z]+))?", re.IGNORECASE)
_DIGIT: Final = re.compile(r"\d")
_THOUSANDS: Final = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_BEFORE_THOUSANDS: Final = 3
_UNITS: Final = {
    spelling: spellings.split()[0]
    for spellings in (
        "% percent", "ms millisecond milliseconds", "s sec second seconds", "min minute minutes", "h hr hrs hour hours",
        "day days", "week weeks", "month months", "year years", "b byte bytes", "kb kilobyte kilobytes",
        "mb megabyte megabytes", "gb gigabyte gigabytes", "tb terabyte terabytes", "kib", "mib", "gib", "mm", "cm",
        "km kilometre kilometres kilometer kilometers", "m metre metres meter meters", "mile miles", "ft foot feet",
        "mg", "g gram grams", "kg kilogram kilograms", "lb lbs pound pounds", "hundred", "thousand k", "million",
        "billion", "trillion", "usd dollar dollars $", "eur euro euros €", "gbp £", "jpy yen ¥", "hz", "khz", "mhz",
        "ghz", "px pixel pixels", "token tokens", "°c", "°f", "v", "w", "kw", "am", "pm", "bc", "ad",
    )
    for spelling in spellings.split()
}  # fmt: skip


class Figure(NamedTuple):
    """A number in plain digits, and its unit in one spelling ("" when none is known)."""

    value: str
    unit: str


def figures(text: str) -> list[Figure]:
    """The numbers of a text in order, but for those that are part of a name: ``IL-6``, ``H2O``, ``3T3``."""
    found: list[Figure] = []
    at = 0
    while match := _FIGURE.search(text, at):
        start = match.start()
        last = text[start - 1 : start]
        if last.isalnum() or (last and (last in "_." or (last in "-/+" and _is_letter(text[start - 2 : start - 1])))):
            at = start + 1  # part of a name; but "gene6,7": the 7 is a figure all the same
            continue
        at = match.end()
        value, unit = match.groups()
        sign = text[start - 2 : start - 1] if last == " " else last
        unit = (unit or (sign if sign in _SIGNS else "")).lower()
        known = _UNITS.get(unit)
        if known is None:
            after = start + len(value)
            if text[after : after + 1].isalpha():
                continue
            known = _UNITS.get(sign, "") if sign in _SIGNS else ""
        found.append(Figure(_THOUSANDS.sub("", value) if "," in value else value, known))
    return found


def _is_letter(character: str) -> bool:
    return character.isascii() and character.isalpha()


@lru_cache(maxsize=4)  # asked for twice: by the chance, and by the rules
def missing_figures(claim: str, source: str) -> tuple[Sequence[Figure], int]:
    """The claim's figures that the source does not give, and how many the claim has; a unit must agree where given."""
    if _DIGIT.search(claim) is None:
        return (), 0
    wanted = _wanted_by(claim)
    if not wanted:
        return (), 0
    missing: Sequence[Figure] = wanted
    if lines := _lines_with([value for value, _ in wanted], source):
        units = _given_in(lines)
        missing = [figure for figure in wanted if not _is_given(figure, units.get(figure.value))]
    if _may_be_spelled(missing, source):
        spelled = _spelled_in(source)
        missing = [figure for figure in missing if not _is_given(figure, spelled.get(figure.value))]
    return missing, len(wanted)


@lru_cache(maxsize=4)  # of a claim that is compared with one text after the other
def _wanted_by(claim: str) -> Sequence[Figure]:
    return tuple(figures(claim))


def _lines_with(values: Sequence[str], source: str) -> str:
    """Those of the source's lines, over which no figure goes, that may hold any of the values."""
    forms = [form for value in values for form in _forms(value)]
    found = [form for form in forms if form in source]
    if not found:
        return ""
    lines = source.split("\n")
    return "\n".join([line for line in lines if any([form in line for form in found])])  # noqa: C419 - speed


def _forms(value: str) -> Sequence[str]:
    """What a text that gives a value holds: its digits, or those before its fraction with commas between thousands."""
    whole, _, fraction = value.partition(".")
    if len(whole) > _BEFORE_THOUSANDS and whole.isdigit():
        return value, f"{int(whole):,}{'.' if fraction else ''}{fraction}"
    return (value,)


def _may_be_spelled(wanted: Sequence[Figure], source: str) -> bool:
    words = [word for value, _ in wanted if (word := _SPELLING.get(value))]
    if not words:
        return False
    folded = source.casefold()
    return any([word in folded for word in words])  # noqa: C419 - speed


@lru_cache(maxsize=256)
def _given_in(source: str) -> Mapping[str, set[str]]:
    """The units that a text gives each of its numbers in."""
    return _by_value(figures(source))


@lru_cache(maxsize=256)
def _spelled_in(source: str) -> Mapping[str, set[str]]:
    """The same of small numbers in words."""
    return _by_value(
        Figure(_WORDS[match[1].lower()], _UNITS.get((match["unit"] or "").lower(), ""))
        for match in _NUMBER_WORD.finditer(source)
    )


def _by_value(found: Iterable[Figure]) -> Mapping[str, set[str]]:
    units: dict[str, set[str]] = {}
    for value, unit in found:
        units.setdefault(value, set()).add(unit)
    return units


def _is_given(figure: Figure, units: set[str] | None) -> bool:
    return units is not None and (not figure.unit or figure.unit in units)
