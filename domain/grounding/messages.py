"""What an abstention says, in the language of the question where it is one of seven."""

import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple


class Wording(NamedTuple):
    """``insufficient`` ends the sentence by itself; ``unmentioned`` goes on with the words that were not found."""

    nothing: str
    insufficient: str
    unmentioned: str
    held_back: str
    either: str


_WORDINGS: Final[Mapping[str, Wording]] = {
    "en": Wording(
        "Nothing in the documents matches this question, so there is nothing to answer from.",
        "The documents do not hold enough to answer this question",
        "no passage that was found mentions",
        "An answer was written, but its sources did not support it, so it is held back.",
        "or",
    ),
    "de": Wording(
        "Nichts in den Dokumenten passt zu dieser Frage, also gibt es nichts, woraus sie zu beantworten wäre.",
        "Die Dokumente enthalten nicht genug, um diese Frage zu beantworten",
        "keine gefundene Stelle erwähnt",
        "Eine Antwort wurde geschrieben, aber ihre Quellen belegen sie nicht; deshalb wird sie zurückgehalten.",
        "oder",
    ),
    "es": Wording(
        "Nada en los documentos corresponde a esta pregunta, así que no hay con qué responderla.",
        "Los documentos no contienen lo suficiente para responder a esta pregunta",
        "ningún pasaje encontrado menciona",
        "Se escribió una respuesta, pero sus fuentes no la respaldan; por eso se retiene.",
        "o",
    ),
    "fr": Wording(
        "Rien dans les documents ne correspond à cette question ; il n'y a donc pas de quoi y répondre.",
        "Les documents ne contiennent pas de quoi répondre à cette question",
        "aucun passage trouvé ne mentionne",
        "Une réponse a été rédigée, mais ses sources ne la confirment pas ; elle est donc retenue.",
        "ou",
    ),
    "it": Wording(
        "Niente nei documenti corrisponde a questa domanda, quindi non c'è di che rispondere.",
        "I documenti non contengono abbastanza per rispondere a questa domanda",
        "nessun passo trovato menziona",
        "È stata scritta una risposta, ma le sue fonti non la confermano; perciò viene trattenuta.",
        "o",
    ),
    "pt": Wording(
        "Nada nos documentos corresponde a esta pergunta, portanto não há com que respondê-la.",
        "Os documentos não contêm o suficiente para responder a esta pergunta",
        "nenhum trecho encontrado menciona",
        "Uma resposta foi escrita, mas as suas fontes não a sustentam; por isso fica retida.",
        "ou",
    ),
    "nl": Wording(
        "Niets in de documenten past bij deze vraag, dus er is niets om mee te antwoorden.",
        "De documenten bevatten niet genoeg om deze vraag te beantwoorden",
        "geen gevonden passage noemt",
        "Er is een antwoord geschreven, maar de bronnen steunen het niet; daarom wordt het achtergehouden.",
        "of",
    ),
}
_COMMON: Final = {
    "en": "the is are what how do does can which who why when where of to in for and with it my i",
    "de": "der die das ist sind was wie kann welche wer warum wann wo von zu im für und mit es ich ein eine den wird",
    "es": "el la los las es son qué cómo puedo cuál quién por cuándo dónde de del en para y con un una se mi que hay",
    "fr": "le la les est sont que comment puis quel quelle qui pourquoi quand où de du des en pour et avec un une je",
    "it": "il lo la gli è sono che come posso quale chi perché quando dove di del della in per e con un una si mi",
    "pt": "o a os as é são que como posso qual quem porque quando onde de do da em para e com um uma se meu não",
    "nl": "de het is zijn wat hoe kan welke wie waarom wanneer waar van te in voor en met een ik je mijn worden",
}
"""The words that questions of a language are made of, whatever they are about."""
_COMMON_WORDS: Final = {language: frozenset(words.split()) for language, words in _COMMON.items()}
_WORD: Final = re.compile(r"[^\W\d_]+")


def wording_for(question: str, *, language: str) -> Wording:
    """The wording in the question's language; where that cannot be told, in the collection's; else in English."""
    words = [word.lower() for word in _WORD.findall(question)]
    counts = {known: sum(word in common for word in words) for known, common in _COMMON_WORDS.items()}
    most = max(counts.values())
    asked_in = [known for known, count in counts.items() if count == most] if most else []
    chosen = asked_in[0] if len(asked_in) == 1 else language
    return _WORDINGS.get(chosen, _WORDINGS["en"])


def listed(words: Sequence[str], either: str) -> str:
    """``“one”, “two” or “three”``."""
    quoted = [f"“{word}”" for word in words]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} {either} {quoted[-1]}"
