"""Which words of a question say what it is about, and how much each tells."""

import re
from collections.abc import Hashable, Mapping
from functools import lru_cache
from typing import Final, cast

from domain.grounding.measures import measures_asked
from domain.grounding.overlap import length_weight
from domain.text import Analyzer

_ENGLISH: Final = """
    use uses used using make makes making made do get gets getting got work works working way ways want need needs
    like help know tell explain describe described describes give given gives find mention mentioned mentions
    according discuss discussed discusses happen happens happened much many long often kind kinds type types
    specific main purpose thing things something anything possible best good right able go come take put say says
    said mean means meant example examples provide provided provides include included includes including role impact
    significant various certain related relation regarding involve involved involves aspect aspects detail details
    answer context difference different between one first recommended properly correctly
"""
_GERMAN: Final = """
    benutzen benutze benutzt nutzen nutzt verwenden verwende verwendet machen mache macht bekommen bekomme
    bekommt erhalten erhält funktioniert funktionieren möglich möglichkeit möglichkeiten art arten weise brauche
    brauchen braucht benötige benötigen benötigt helfen hilft wissen weiß erklären erkläre beschreiben
    beschreibe geben gebe finden finde findet nennen nennt erwähnt geschieht passiert oft häufig lange lang viel
    viele groß hoch zweck sache sachen ding dinge beste besten gut richtig gehen kommen kommt nehmen nehme nimmt
    setzen sagen sagt bedeutet bedeuten heißt heißen beispiel enthält rolle unterschied zwischen erste ersten
    zuerst empfohlen bestimmte bestimmten verschiedene gelten gilt dient dienen
"""
_SPANISH: Final = """
    usar uso usa usan utilizar utiliza utilizan sirve sirven conseguir consigo consigue obtener funciona
    funcionan manera modo forma necesito necesita necesitan necesario ayuda ayudar saber sé dime explica
    explicar describe describir dar da dan encontrar encuentro encuentra menciona pasa pasan ocurre sucede mucho
    mucha muchos muchas frecuencia frecuente largo larga tiempo tipo tipos clase clases específico principal
    propósito cosa cosas posible mejor bueno buena ir va van tomar poner pongo decir dice significa llama llaman
    ejemplo incluye papel diferencia primero primera recomendado hora horas veces
"""
_SCAFFOLD: Final = {
    "en": frozenset(_ENGLISH.split()),
    "de": frozenset(_GERMAN.split()),
    "es": frozenset(_SPANISH.split()),
}
"""Words that any question may be asked with: how it asks, not what about. Of three languages; the others have none."""
_MEASURES: Final = {
    language: re.compile("|".join(rf"\b(?:{asks})\s+(?:{words})\b" for asks, words in asked), re.IGNORECASE)
    for language, asked in {
        "en": (
            (
                r"how(?:\s+(?:very|really))?",
                r"big|bright|broad|close|cold|cool|deep|dense|distant|expensive|far|fast|frequent(?:ly)?|great|hard|"
                r"heavy|high|hot|large|late|light|little|long|loud|low|near|old|quick(?:ly)?|rapid(?:ly)?|recent(?:ly)?|"
                r"short|small|slow(?:ly)?|soon|strong(?:ly)?|tall|thick|thin|warm|wide|young",
            ),
            (
                r"what|which",
                r"age|amount|angle|date|day|depth|distance|duration|height|length|month|number|percentage|pressure|price|"
                r"size|speed|temperatures?|thickness|time|volume|weight|width|year",
            ),
        ),
        "de": (
            (
                r"wie",
                r"alt|breit|dicht|dick|dünn|früh|groß|hart|häufig|heiß|hell|hoch|jung|kalt|klein|kurz|lang|lange|langsam|"
                r"laut|leicht|nah|nahe|schnell|schwer|spät|stark|teuer|tief|warm|weit",
            ),
            (
                r"welche[mnrs]?",
                r"Alter|Breite|Dauer|Datum|Dicke|Druck|Entfernung|Geschwindigkeit|Gewicht|Größe|Höhe|Jahr|Länge|Menge|"
                r"Monat|Preis|Tag|Temperatur(?:en)?|Tiefe|Uhrzeit|Zahl",
            ),
        ),
        "es": (
            (
                r"qué\s+tan|cuán|cómo\s+de",
                r"alt[oa]s?|anch[oa]s?|antigu[oa]s?|calientes?|car[oa]s?|cerca|frecuente(?:mente)?|frí[oa]s?|fuertes?|"
                r"grandes?|grues[oa]s?|larg[oa]s?|lejos|lent[oa]s?|pequeñ[oa]s?|pesad[oa]s?|profund[oa]s?|"
                r"rápid[oa]s?|rápidamente|tarde|temprano|viej[oa]s?",
            ),
            (r"cuánt[oa]s?(?:\s+se)?", r"cuestan?|duran?|miden?|pesan?|tardan?|valen?"),
            (
                r"qué",
                r"altura|ancho|año|cantidad|distancia|duración|edad|fecha|grosor|longitud|mes|número|peso|precio|presión|"
                r"profundidad|tamaño|temperaturas?|velocidad",
            ),
        ),
    }.items()
}
"""What is asked for in figures: "how hot" and "what temperature" are answered by 1,000 °C, and seldom by the word."""
_OF_MEASURES: Final = {
    language: frozenset(words.split())
    for language, words in {
        "en": "reach reaches reached attain attains attained hit hits peak peaks last lasts lasted run runs rise rises "
        "measure measures amount amounts become becomes start starts end ends maximum minimum max min maximal minimal "
        "highest lowest greatest largest smallest longest shortest biggest heaviest total average typical exact",
        "de": "erreicht erreichen beträgt betragen liegt liegen steigt steigen misst messen endet enden dauert dauern "
        "wird maximal maximale maximalen minimal minimale minimalen höchste höchsten niedrigste niedrigsten größte "
        "größten kleinste kleinsten genau genaue genauen",
        "es": "alcanza alcanzan llega llegan sube suben mide miden termina terminan dura duran está están tarda tardan "
        "máximo máxima mínimo mínima mayor menor exacto exacta",
    }.items()
}
"""
What a thing does with a measure, where a question asks for one, and which of its measures is meant: "what temperature
does it reach" and "what is its maximum size" are answered by other words, such as "at most".
"""
_OF_SCAFFOLD: Final = 0.3
MOST_OF_SCAFFOLD: Final = _OF_SCAFFOLD * length_weight("scaffold")
"""What a word of asking weighs at most."""
OF_NAME: Final = 1.5
"""A name or figure inside a question is what it turns on: another passage about other names does not answer it."""
_FIRST_WORD: Final = re.compile(r"\w+")


def salience(question: str, *, analyzer: Analyzer, language: str) -> Mapping[str, float]:
    """
    What each content stem of a question weighs, 0.2 to 2: scaffolding a third, names and figures half as much again.

    On top of length, as in ``length_weight``. Names are known by a capital after the first word, so not in scripts
    without capitals, and German nouns weigh alike.
    """
    return _salience(question, cast(Hashable, analyzer), language)


@lru_cache(maxsize=64)  # asked for by each passage of a question
def _salience(question: str, remembered: Hashable, language: str) -> Mapping[str, float]:
    terms = cast(Analyzer, remembered).terms(question, language=language)
    scaffold = _SCAFFOLD.get(language, frozenset())
    opening = _FIRST_WORD.search(question)
    measures = _MEASURES.get(language)
    measured = {match.end() for match in measures.finditer(question)} if measures else set[int]()
    beside = _OF_MEASURES.get(language, frozenset()) if measured or measures_asked(question, language) else frozenset()
    weights: dict[str, float] = {}
    for stem, start, end in terms:
        word = question[start:end]
        named = (word[0].isupper() and opening is not None and start >= opening.end()) or word[0].isdigit()
        asking = end in measured or word.lower() in scaffold or word.lower() in beside
        factor = _OF_SCAFFOLD if asking else OF_NAME if named else 1.0
        weights[stem] = max(weights.get(stem, 0.0), factor * length_weight(stem))
    return weights
