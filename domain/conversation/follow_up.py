"""A follow-up made to stand alone, by rules: what it leaves unsaid is taken over from what was said before."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from domain.conversation.prompt import Exchange
from domain.grounding.salience import MOST_OF_SCAFFOLD, salience
from domain.sentences import sentence_spans
from domain.text import Analyzer

SELF_CONTAINED_WORDS: Final = 7
"""A question of as many content words, and no pronoun, says what it is about: on MTRAG 6 to 8 do equally well."""
OWN_WORDS: Final = 2
"""With fewer content words of its own, a question cannot be told apart from any other."""
MAX_STANDALONE_CHARS: Final = 4_000
"""What a search takes."""
CARRIED_CHARS: Final = 300
"""Of a longer question, its end: what is asked stands there, and a long one would drown the new one."""

_POINTERS: Final = {
    "en": "it its they them their theirs this that these those he him his she her hers one ones there such same other "
    "another else instead both former latter",
    "de": "er sie es ihn ihm ihr ihre ihrer ihren ihrem dies diese dieser dieses diesem diesen jene jener dessen deren "
    "dort dafür damit davon dazu darin daran darauf dabei derselbe dieselbe beide andere anderen solche",
    "es": "él ella ello ellos ellas lo la los las le les este esta esto estos estas ese esa eso esos esas aquel "
    "aquella su sus suyo suya allí mismo misma otro otra otros otras ambos ambas tal",
    "fr": "il elle ils elles le la les lui leur ce cet cette ces cela ça celui celle ceux son sa ses y en même autre "
    "autres tel telle",
}
_ORDINALS: Final = {
    **dict.fromkeys(("first", "1st", "erste", "ersten", "erster", "erstes", "primero", "primera", "premier"), 0),
    **dict.fromkeys(("second", "2nd", "zweite", "zweiten", "zweiter", "zweites", "segundo", "segunda", "deuxième"), 1),
    **dict.fromkeys(("third", "3rd", "dritte", "dritten", "dritter", "drittes", "tercero", "tercera", "troisième"), 2),
    **dict.fromkeys(("fourth", "4th", "vierte", "vierten", "cuarto", "cuarta", "quatrième"), 3),
    **dict.fromkeys(("fifth", "5th", "fünfte", "fünften", "quinto", "quinta", "cinquième"), 4),
    **dict.fromkeys(("last", "letzte", "letzten", "letzter", "letztes", "último", "última", "dernier", "dernière"), -1),
}
_WORD: Final = re.compile(r"[\w'’-]+")
_MARKER: Final = re.compile(r"\s*\[\d{1,3}\]")
_ITEM: Final = re.compile(r"^\s*(?:[-*+•]|\d{1,3}[.)])\s+(.+)$", re.MULTILINE)
# A run of capitalised words that does not begin a sentence, a line or a list item, or a name as code has it.
_NAME: Final = re.compile(
    r"(?<![.!?:;…*\-“\"] )(?<![\w“\"*\n-])(?<!\A)[A-Z][\w-]+(?: [A-Z][\w-]+)*|\b(?:\w+_\w+|[a-z]+[A-Z]\w*)\b"
)


def standalone_question(question: str, history: Sequence[Exchange], *, analyzer: Analyzer, language: str) -> str:
    """
    The question with what it refers to: the question before, and the name that its answer used most.

    ``history`` is oldest first. A question that says itself what it is about, or that is the first, stays as it is.
    "And the second one?" takes over the second item, or sentence, of the last answer.
    """
    before = _topic(history, analyzer, language)
    if before is None or not _leans(question, analyzer, language):
        return question
    answer = _MARKER.sub("", history[-1].answer)
    said = f"{before.question} {question}".casefold()
    added = [name for name in _names(answer) if name.casefold() not in said][:1]
    if (item := _named_item(question, answer)) is not None:
        added.insert(0, item)
    carried = before.question[-CARRIED_CHARS:]
    if len(before.question) > CARRIED_CHARS:
        carried = carried.partition(" ")[2]
    whole = " ".join((carried, question, *([f"({'; '.join(added)})"] if added else ())))
    return whole if len(whole) <= MAX_STANDALONE_CHARS else question


def decisive_question(question: str, standalone: str, *, analyzer: Analyzer, language: str) -> str:
    """
    The form in which a question is held against what was found: its own words, unless it has hardly any.

    What was carried over is found again and again in the same documents, and would make any follow-up look answered.
    But "And how long does it take?" has no word that says what it is about, and "How many steps has it?" one.
    """
    own = salience(question, analyzer=analyzer, language=language)
    telling = [stem for stem, weight in own.items() if weight > MOST_OF_SCAFFOLD]
    return question if len(telling) >= OWN_WORDS else standalone


def _leans(question: str, analyzer: Analyzer, language: str) -> bool:
    if len(set(analyzer.stems(question, language=language))) < SELF_CONTAINED_WORDS:
        return True
    pointers = _POINTERS.get(language, "").split()
    return any(word.casefold() in pointers for word in _WORD.findall(question))


def _topic(history: Sequence[Exchange], analyzer: Analyzer, language: str) -> Exchange | None:
    """The last question that is about something; "Why?" is not."""
    for one in reversed(history):
        if len(set(analyzer.stems(one.question, language=language))) >= OWN_WORDS:
            return one
    return history[-1] if history else None


def _names(answer: str) -> Iterator[str]:
    """Names in a text, those used most first."""
    counted = Counter(match.group() for match in _NAME.finditer(answer))
    yield from (name for name, _ in counted.most_common())


def _named_item(question: str, answer: str) -> str | None:
    """The item of the answer that an ordinal of the question points at."""
    ordinals = [_ORDINALS[word.casefold()] for word in _WORD.findall(question) if word.casefold() in _ORDINALS]
    if not ordinals:
        return None
    items = [match[1] for match in _ITEM.finditer(answer)]
    if len(items) < 2:
        items = [span.of(answer) for span in sentence_spans(answer)]
    return items[ordinals[0]] if len(items) > max(ordinals[0], 0) else None
