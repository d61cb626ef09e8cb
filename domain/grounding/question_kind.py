"""What kind of sentence a question asks for: steps, a definition, a figure. English; other languages ask plainly."""

import re
from enum import Enum
from typing import Final

from domain.sentences import sentence_spans


class QuestionKind(Enum):
    PLAIN = "plain"
    HOW_TO = "how_to"
    DEFINITION = "definition"
    FIGURE = "figure"


_HOW_TO: Final = re.compile(
    r"\W*(?:how (?:do|does|can|to|should|would|could|might)\b|(?:what|which) (?:are the )?steps|show me how|"
    r"(?:what is|what's) the (?:best |right )?way to|can i\b)",
    re.IGNORECASE,
)
_FIGURE: Final = re.compile(
    r"\W*(?:when\b|how (?:many|much|long|often|old|far|tall|big|large|fast)\b|"
    r"(?:in )?(?:what|which) (?:year|date|day)\b|"
    r"what (?:percentage|number|amount|is the (?:number|price|cost|limit|size|maximum|minimum|default))\b)",
    re.IGNORECASE,
)
_DEFINITION: Final = re.compile(
    r"\W*(?:(?:what|who)(?: is| was|'s|’s| (?:are|were)(?! the\b))\b|define\b|what does .+ mean\b)", re.IGNORECASE
)
_SEVERAL: Final = re.compile(
    r"\W*(?:(?:what|which)(?: [\w-]+){0,3}? (?:are|were|exist|do|does|can|have)\b|(?:list|name|enumerate)\b)",
    re.IGNORECASE,
)
_IMPERATIVE: Final = re.compile(
    r"[\"“(*_]*(?:to \w+|you (?:can|should|need|must|have to|may)|(?:first|next|then|finally)\b,?|"
    r"use|run|add|install|create|set|call|open|click|pass|import|make|write|define|configure|enable|disable|wrap|start|stop|copy|go|select|choose|"
    r"update|upgrade|build|specify|ensure|check|put|place|replace|remove|delete|export|declare|type|enter|press|follow|download|"
    r"send|save|edit|change|apply|turn|visit|navigate|submit|fill|provide|include|execute|launch)\b",
    re.IGNORECASE,
)
_IS_A: Final = re.compile(r"\b(?:is|are|was|were|means|refers to|denotes|describes|consists of)\b", re.IGNORECASE)
_DOES: Final = re.compile(
    r"[\"“`*_(]*(?:(?:the|an?) )?\S+(?: \S+)?(?: (?:component|api|module|class|hook|function|method|prop|property|"
    r"object|framework|library|engine|tool|command|option|event|interface|type))? "
    r"(?:is|are|was|were|means|refers to|displays?|provides?|renders?|lets|allows?|enables?|creates?|"
    r"represents?|returns?|gives|exposes|controls?|defines?|handles?|"
    r"wraps?|detects?|determines?|specifies|contains?|holds?|tells|opens?|stores?|adds?|makes?|describes?|denotes?)\b",
    re.IGNORECASE,
)
"""A sentence that says of its subject what it is or does."""
_ONE_SENTENCE: Final = re.compile(r"\w[\w ,'’/-]*\?")
"""Most questions: nothing in them could end a sentence, or begin a list."""
_DEFINITION_WORDS: Final = 7
FITS: Final = 0.15
"""What it is worth that a sentence has the form that was asked for."""
_DEFINES: Final = 0.45
_EARLY_CHARS: Final = 20
_SUBJECT_CHARS: Final = 8
"""An article and an opening mark."""


def asked_last(question: str) -> str:
    """The last sentence that asks, where what comes before only leads up to it, or was carried over to a follow-up."""
    if _ONE_SENTENCE.fullmatch(question):
        return question
    sentences = [span.of(question) for span in sentence_spans(question)]
    return next((one for one in reversed(sentences) if one.endswith(("?", "？"))), question)


def kind_of(question: str, *, language: str) -> QuestionKind:
    """The kind of a question, by its opening words."""
    if language == "en":
        for pattern, kind in (
            (_HOW_TO, QuestionKind.HOW_TO),
            (_FIGURE, QuestionKind.FIGURE),
            (_DEFINITION, QuestionKind.DEFINITION),
        ):
            if pattern.match(question) and (kind is not QuestionKind.DEFINITION or _asks_for_a_thing(question)):
                return kind
    return QuestionKind.PLAIN


def asks_for_several(question: str, *, language: str) -> bool:
    """Whether a list may be the answer: "what are the states", "which values can it take"."""
    return language == "en" and _SEVERAL.match(question) is not None


def _asks_for_a_thing(question: str) -> bool:
    """Whether a "what is" is short enough to ask what something is, and not for one fact of it."""
    return len(question.split()) <= _DEFINITION_WORDS


def defines(kind: QuestionKind, sentence: str, *, early: int) -> bool:
    """Whether a question for a definition gets one: the sentence opens with the thing and says what it is or does."""
    return kind is QuestionKind.DEFINITION and early < _SUBJECT_CHARS and _DOES.match(sentence) is not None


def fitness(kind: QuestionKind, sentence: str, following: str, *, early: int) -> float:
    """
    What a sentence's form is worth for a kind of question, 0 to 0.6.

    ``following`` is the sentence after it; ``early`` is where in the sentence the question's first word stands.
    """
    if kind is QuestionKind.HOW_TO:
        leads_to_code = sentence.endswith(":") and following.startswith(("```", "~~~"))
        return FITS * bool(_IMPERATIVE.match(sentence)) + FITS * leads_to_code
    if kind is QuestionKind.DEFINITION:
        verb = _IS_A.search(sentence)
        says_what = verb is not None and early < min(verb.start(), _EARLY_CHARS)
        return FITS * says_what + _DEFINES * defines(kind, sentence, early=early)
    if kind is QuestionKind.FIGURE:
        return FITS * any(character.isdigit() for character in sentence)
    return 0.0
