"""
Questions for a measure, and the units that answer them: °C a temperature, kg a weight, minutes how long it takes.

General knowledge of English, German and Spanish; nothing here was fitted. In other languages no question is known.
"""

import re
from collections.abc import Iterable, Mapping, Sequence, Set
from functools import lru_cache
from typing import Final, NamedTuple

from domain.text import Analyzer


class _Measure(NamedTuple):
    """
    What names it ("what is its weight"), what says it of a thing after "how" ("how heavy"), and verbs that ask for it
    anywhere after "how much" ("how much does it weigh"), each by language; the ``signs`` of its units, which follow a
    number, and the words for them, which may stand without. All are parts of patterns.
    """

    named: Mapping[str, str]
    graded: Mapping[str, str]
    verbs: Mapping[str, str]
    signs: str
    spelled: str


_LENGTH_SIGNS: Final = r"[µnmcdk]?m|mi|ft|yd|px|pt|em|rem|[′″]"
_LENGTH_WORDS: Final = (
    r"(?:milli|centi|kilo)?met(?:re|er)s?|miles?|feet|foot|inch(?:es)?|yards?|pixels?|"
    r"(?:milli|zenti|kilo)?metern?|meilen?|pixeln?|(?:mil[ií]|cent[ií]|kil[óo])?metros?|millas?|pulgadas?|píxel(?:es)?"
)
_MEASURES: Final = (
    _Measure(
        {"en": r"temperatures?", "de": r"\w*temperatur(?:en)?", "es": r"temperaturas?"},
        {"en": r"hot|warm|cold|cool", "de": r"heiß|warm|kalt", "es": r"calientes?|frí[oa]s?"},
        {},
        r"°\s?[CF]?|℃|℉|(?<=[ \u00a0])K|[CF]",
        r"degrees?|celsius|fahrenheit|kelvin|grad|grados?",
    ),
    _Measure(
        {"en": r"weights?|mass", "de": r"\w*gewichte?|masse", "es": r"pesos?|masa"},
        {"en": r"heavy|light", "de": r"schwer|leicht", "es": r"pesad[oa]s?|liger[oa]s?"},
        {"en": r"weighs?", "de": r"wiegt|wiegen", "es": r"pesan?|pesar"},
        r"[kmµ]?g|lbs?|oz|t",
        r"(?:kilo|milli)?gram(?:me)?s?|kilos?|tons?|tonnes?|pounds?|ounces?|(?:kilo|milli)?gramm|tonnen?|pfund|"
        r"(?:kilo|mili)?gramos?|toneladas?|libras?",
    ),
    _Measure(
        {
            "en": r"distances?|lengths?|heights?|depths?|widths?|thickness|diameter|radius",
            "de": r"entfernung|länge|höhe|tiefe|breite|dicke|abstand|durchmesser|radius",
            "es": r"distancia|longitud|altura|profundidad|anchura|ancho|grosor|diámetro|radio",
        },
        {
            "en": r"long|far|high|tall|deep|wide|broad|thick|thin|distant|big|large|small",
            "de": r"lang|weit|hoch|tief|breit|dick|dünn|groß|klein",
            "es": r"larg[oa]s?|lejos|alt[oa]s?|profund[oa]s?|anch[oa]s?|grues[oa]s?|grandes?|pequeñ[oa]s?",
        },
        {"es": r"miden?|medir"},
        _LENGTH_SIGNS,
        _LENGTH_WORDS,
    ),
    _Measure(
        {"en": r"durations?", "de": r"\w*dauer", "es": r"duración"},
        {
            "en": r"long|often|soon|quick(?:ly)?|fast|frequent(?:ly)?|old|late|time",
            "de": r"lange|oft|schnell|häufig|alt|bald|zeit",
            "es": r"frecuente(?:mente)?|rápid[oa]s?|rápidamente|antigu[oa]s?|viej[oa]s?|tiempo",
        },
        {"en": r"last", "de": r"dauert|dauern", "es": r"duran?|durar|tardan?|tardar"},
        r"(?:[mµn]|(?<!\d{4}))s|secs?|mins?|h|hrs?|d",
        r"(?:milli)?seconds?|minutes?|hours?|days?|weeks?|months?|years?|overnight|"
        r"(?:milli)?sekunden?|minuten?|stunden?|tagen?|tage|wochen?|monaten?|monate|jahren?|jahre|"
        r"(?:mili)?segundos?|minutos?|horas?|días?|semanas?|mes(?:es)?|años?",
    ),
    _Measure(
        {
            "en": r"prices?|costs?|fees?",
            "de": r"\w*preise?|kosten|\w*gebühr(?:en)?",
            "es": r"precios?|costes?|costos?|tarifas?",
        },
        {"en": r"expensive|cheap", "de": r"teuer|billig", "es": r"car[oa]s?|barat[oa]s?"},
        {"en": r"costs?", "de": r"kostet|kosten", "es": r"cuestan?|costar|valen?"},
        r"[$€£¥]|USD|EUR|GBP|CHF",
        r"(?:[$€£¥]|USD|EUR|GBP|CHF)[ \u00a0]?\d[\d.,]*|dollars?|euros?|cents?|pounds?|free of charge|"
        r"kostenlos|kostenfrei|gratis|gratuit[oa]s?|dólar(?:es)?|libras?|céntimos?",
    ),
    _Measure(
        {
            "en": r"percentages?|proportion|percent|share",
            "de": r"prozentsatz|\w*anteil",
            "es": r"porcentajes?|proporción",
        },
        {},
        {},
        r"[%‰]",
        r"percent|per cent|prozent|por ciento",
    ),
    _Measure(
        {"en": r"power|wattage", "de": r"\w*leistung", "es": r"potencia"},
        {"en": r"strong|powerful|power", "de": r"stark", "es": r"fuertes?|potentes?|potencia"},
        {},
        r"[mkMG]?W|hp|PS|CV",
        r"(?:kilo|mega)?watts?|horsepower|vatios?",
    ),
    _Measure(
        {"en": r"size", "de": r"\w*größe", "es": r"tamaño"},
        {
            "en": r"big|large|small|memory|storage|RAM|(?:disk )?space",
            "de": r"groß|klein|\w*speicher(?:platz)?|platz",
            "es": r"grandes?|pequeñ[oa]s?|memoria|almacenamiento|espacio",
        },
        {},
        f"[KMGTPk]i?B|{_LENGTH_SIGNS}",
        f"(?:kilo|mega|giga|tera)?bytes?|{_LENGTH_WORDS}",
    ),
    _Measure(
        {"en": r"pressures?", "de": r"\w*druck", "es": r"presión"},
        {"en": r"pressure", "de": r"druck", "es": r"presión"},
        {},
        r"m?bar|[hkM]?Pa|psi|atm|mmHg",
        r"bars?|(?:kilo|mega)?pascals?|bares",
    ),
    _Measure(
        {"en": r"speeds?|velocity", "de": r"\w*geschwindigkeit", "es": r"velocidad"},
        {
            "en": r"fast|quick(?:ly)?|rapid(?:ly)?|slow(?:ly)?",
            "de": r"schnell|langsam",
            "es": r"rápid[oa]s?|rápidamente|lent[oa]s?",
        },
        {},
        r"k?m\s?/\s?[hs]|kph|mph|kn|rpm|fps|[kMG]?(?:bit|b|B)\s?/\s?s|[kMG]bps",
        r"(?:kilomet(?:re|er)s|miles|met(?:re|er)s) (?:per|an) (?:hour|second)|knots|"
        r"(?:kilometer|meter) pro (?:stunde|sekunde)|stundenkilometer|(?:kilómetros|metros) por (?:hora|segundo)",
    ),
    _Measure(
        {"en": r"loudness|noise|volume", "de": r"lautstärke|lärm", "es": r"ruido|volumen"},
        {"en": r"loud|noisy|quiet|noise", "de": r"laut|leise", "es": r"ruidos[oa]s?|fuertes?|ruido"},
        {},
        r"dB(?:\(A\))?",
        r"decibels?|dezibel|decibel(?:io)?s?",
    ),
    _Measure(
        {"en": r"volume|capacity", "de": r"volumen|fassungsvermögen|rauminhalt", "es": r"volumen|capacidad"},
        {
            "en": r"water|liquid|big|large|small",
            "de": r"wasser|groß|klein",
            "es": r"agua|grandes?|pequeñ[oa]s?",
        },
        {},
        r"[mcd]?[lL]|[cd]?m(?:³|\^?3)|gal",
        r"(?:milli|centi)?lit(?:re|er)s?|gallons?|(?:milli)?litern?|(?:mil[ií])?litros?|galones",
    ),
    _Measure(
        {"en": r"voltage", "de": r"\w*spannung", "es": r"voltaje|tensión"},
        {},
        {},
        r"[mkM]?V",
        r"(?:kilo)?volts?|voltios?",
    ),
    _Measure(
        {"en": r"frequency", "de": r"\w*frequenz", "es": r"frecuencia"},
        {},
        {},
        r"[kMG]?Hz",
        r"(?:kilo|mega|giga)?hertz",
    ),
)
_ASKING: Final = {
    "en": r"what|which",
    "de": r"was|wie|welche[mnrs]?",
    "es": r"qué|cuál(?:es)?",
}
_BETWEEN: Final = {
    "en": r"is|are|was|were|should|be|of|the|its|their|an?|maximum|max|minimum|min|highest|lowest|greatest|largest|"
    r"smallest|peak|average|mean|typical|usual|normal|default|total|exact|recommended|right|ideal|required|room|water|air",
    "de": r"ist|sind|war|waren|hoch|groß|beträgt|soll|sollte|de[rmns]|die|das|ein\w*|ihr\w*|sein\w*|maximal\w*|"
    r"minimal\w*|höchst\w*|niedrigst\w*|größt\w*|kleinst\w*|durchschnittlich\w*|mittler\w*|üblich\w*|empfohlen\w*|richtig\w*|"
    r"genau\w*",
    "es": r"es|son|era|eran|debe|ser|el|la|los|las|un|una|su|sus|de|máxim[oa]|mínim[oa]|mayor|menor|medi[oa]|promedio|"
    r"recomendad[oa]|exact[oa]|habitual",
}
"""What may stand between "what" and the measure, and one more word: "what is the boiling temperature"."""
_OF_DEGREE: Final = {
    "en": r"how(?:\s+(?:very|really|much|many))?",
    "de": r"wie(?:\s*viele?|\s+sehr)?",
    "es": r"qué\s+tan|cuán|cómo\s+de|cuánt[oa]s?",
}
_OF_AMOUNT: Final = {
    "en": r"how\s+(?:much|many|long)|what",
    "de": r"wie\s*viele?|wie\s+lange?|was",
    "es": r"cuánt[oa]s?|qué",
}
_NUMBER: Final = (
    r"(?:\d|\b(?i:one|two|three|four|five|six|seven|eight|nine|ten|zwei|drei|vier|fünf|sechs|sieben|acht|neun|zehn|dos|"
    r"tres|cuatro|cinco|seis|siete|ocho|nueve|diez))"
)
_ENDS_UNIT: Final = r"(?![^\W_]|\s?/\s?\w)"
"""Neither a longer word nor a compound unit goes on: the metres of "5 m/s" are no length."""


_FIGURATIVE: Final = {
    language: re.compile(rf"(?:{words})\b", re.IGNORECASE)
    for language, words in {
        "en": r"long|far|high|deep|wide|broad|thick|thin|distant|big|large|small|often|soon|quick(?:ly)?|fast|"
        r"frequent(?:ly)?|old|late|strong|powerful|cool|light|rapid(?:ly)?|slow(?:ly)?|quiet|power|water|liquid|space|volume|capacity|size|"
        r"share|cheap|frequency|noise",
        "de": r"lange?|weit|hoch|tief|breit|dick|dünn|groß|klein|oft|schnell|häufig|alt|bald|stark|schwer|leicht|"
        r"langsam|leise|platz|wasser|\w*größe|\w*leistung|\w*anteil|\w*spannung|billig|tiefe|breite|höhe|länge",
        "es": r"larg[oa]s?|lejos|alt[oa]s?|profund[oa]s?|anch[oa]s?|grues[oa]s?|grandes?|pequeñ[oa]s?|"
        r"frecuente(?:mente)?|rápid[oa]s?|rápidamente|antigu[oa]s?|viej[oa]s?|fuertes?|potentes?|potencia|liger[oa]s?|lent[oa]s?|agua|espacio|"
        r"volumen|capacidad|tamaño|valen?|tensión|frecuencia|ruido|miden?|medir",
    }.items()
}


class _Asking(NamedTuple):
    questions: Sequence[re.Pattern[str]]
    """Each has the words that ask for the measure as its group."""
    unit: re.Pattern[str]


def _asking(measure: _Measure, language: str) -> _Asking:
    between, asks = _BETWEEN[language], _ASKING[language]
    forms = [
        rf"(?<!\w)(?:{asks})(?:['’]s)?(?:(?:\s+(?:{between})\b){{1,5}}(?:\s+\w+)?)?\s+({measure.named[language]})\b"
    ]
    if words := measure.graded.get(language):
        forms.append(rf"(?<!\w)(?:{_OF_DEGREE[language]})\s+({words})\b")
    if words := measure.verbs.get(language):
        forms.append(rf"(?<!\w)(?:{_OF_AMOUNT[language]})\b[^.!?]*?\s({words})\b")
    unit = rf"{_NUMBER}[ \u00a0\u202f-]?(?:{measure.signs}){_ENDS_UNIT}|(?<!\w)(?i:{measure.spelled})(?!\w)"
    return _Asking([re.compile(form, re.IGNORECASE) for form in forms], re.compile(unit))


def _opening(language: str) -> re.Pattern[str]:
    """What each of a language's forms begins with: a glance at most texts, and at questions such as "how do I"."""
    graded = "|".join([words for one in _MEASURES if (words := one.graded.get(language))])
    begins = "|".join((_ASKING[language], rf"(?:{_OF_DEGREE[language]})\s+(?:{graded})\b", _OF_AMOUNT[language]))
    return re.compile(rf"(?<!\w)(?:{begins})", re.IGNORECASE)


def _any_word(language: str) -> re.Pattern[str]:
    """Whether a question is worth looking at: most have no word for any measure."""
    words = [form for one in _MEASURES for forms in (one.named, one.graded, one.verbs) if (form := forms.get(language))]
    return re.compile(rf"\b(?:{'|'.join(words)})\b", re.IGNORECASE)


_BY_LANGUAGE: Final = {language: [_asking(measure, language) for measure in _MEASURES] for language in _ASKING}
_ANY_WORD: Final = {language: _any_word(language) for language in _ASKING}
_OPENING: Final = {language: _opening(language) for language in _ASKING}


class MeasureAsked(NamedTuple):
    """
    Where in a question the word that asks for a measure begins, whether it can mean nothing else ("how deep are routes
    nested" is no depth), and what the units look like that answer it.
    """

    start: int
    certain: bool
    units: Sequence[re.Pattern[str]]

    def is_given(self, text: str) -> bool:
        """Whether a text gives anything in one of the units."""
        return any(unit.search(text) for unit in self.units)


@lru_cache(maxsize=64)
def measures_asked(question: str, language: str) -> tuple[MeasureAsked, ...]:
    """The measures that a question asks for, by its words; "how long" is answered by a length and by a duration."""
    words = _ANY_WORD.get(language)
    if words is None or _OPENING[language].search(question) is None or words.search(question) is None:
        return ()
    units: dict[int, list[re.Pattern[str]]] = {}
    for one in _BY_LANGUAGE[language]:
        for start in {match.start(1) for form in one.questions for match in form.finditer(question)}:
            units.setdefault(start, []).append(one.unit)
    return tuple(
        MeasureAsked(start, _FIGURATIVE[language].match(question, start) is None, found)
        for start, found in units.items()
    )


class Given:
    """The stems of a question that units stand for: 1240 °C for "temperature"."""

    def __init__(self, question: str, analyzer: Analyzer, language: str) -> None:
        self._asked: list[tuple[str, MeasureAsked]] = []
        if asked := measures_asked(question, language):
            starts = {term.start: term.stem for term in analyzer.terms(question, language=language)}
            self._asked = [(starts[one.start], one) for one in asked if one.start in starts]

    def __bool__(self) -> bool:
        """Whether the question asks for a measure at all."""
        return bool(self._asked)

    def by(self, texts: Iterable[str]) -> frozenset[str]:
        """Those whose measure any of the texts gives."""
        if not self._asked:
            return _NOTHING
        return frozenset([stem for text in texts for stem, asked in self._asked if asked.is_given(text)])

    def weighed(self, weights: Mapping[str, float], held: Set[str]) -> Mapping[str, float]:
        """A measure that is certainly asked for and given nowhere, by word or unit, weighs as much as any word."""
        missed = [stem for stem, asked in self._asked if asked.certain and stem not in held]
        return {**weights, **dict.fromkeys(missed, max(weights.values()))} if missed else weights


_NOTHING: Final = frozenset[str]()
