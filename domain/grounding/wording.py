"""What a reader is told instead of an answer, in the language of the documents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class AbstentionWords:
    """``absent`` goes on after ``insufficient``, its ``{}`` for the words that no passage holds."""

    nothing: str
    insufficient: str
    absent: str
    neither: str
    withheld: str

    def enough_is_missing(self, absent: Sequence[str]) -> str:
        """One sentence; ``absent`` are words of the question that no passage mentions."""
        if not absent:
            return f"{self.insufficient}."
        quoted = [f"“{word}”" for word in absent]
        listed = quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} {self.neither} {quoted[-1]}"
        return f"{self.insufficient}{self.absent.format(listed)}."


_ENGLISH: Final = AbstentionWords(
    "Nothing in the documents matches this question, so there is nothing to answer from.",
    "The documents do not hold enough to answer this question",
    "; no passage that was found mentions {}",
    "or",
    "An answer was written, but its sources did not support it, so it is held back.",
)
_OTHERS: Final[Mapping[str, AbstentionWords]] = {
    "de": AbstentionWords(
        "Nichts in den Dokumenten passt zu dieser Frage, also gibt es nichts, woraus sich antworten ließe.",
        "Die Dokumente reichen nicht aus, um diese Frage zu beantworten",
        "; keine der gefundenen Stellen erwähnt {}",
        "oder",
        "Eine Antwort wurde geschrieben, aber ihre Quellen stützten sie nicht; sie wird deshalb zurückgehalten.",
    ),
    "es": AbstentionWords(
        "Nada en los documentos coincide con esta pregunta, así que no hay de dónde responder.",
        "Los documentos no bastan para responder a esta pregunta",
        "; ningún pasaje encontrado menciona {}",
        "ni",
        "Se escribió una respuesta, pero sus fuentes no la respaldaban, así que no se muestra.",
    ),
    "fr": AbstentionWords(
        "Rien dans les documents ne correspond à cette question : il n'y a donc rien d'où répondre.",
        "Les documents ne suffisent pas pour répondre à cette question",
        " ; aucun passage trouvé ne mentionne {}",
        "ni",
        "Une réponse a été écrite, mais ses sources ne la soutenaient pas : elle n'est donc pas montrée.",
    ),
}


def abstention_words(language: str) -> AbstentionWords:
    """English where the language has no words here."""
    return _OTHERS.get(language, _ENGLISH)
