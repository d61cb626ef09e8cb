"""Sentences of a document that speak to whoever answers from it, and those that assert nothing."""

import re
from functools import lru_cache
from typing import Final

from domain.grounding.overlap import Unit
from domain.text import Span

_OVERRIDES: Final = (
    r"\b(?:ignor\w*|disregard\w*|forget|overrid\w*|bypass|ignorier\w*|vergiss|vergessen|ignora\w*|olvida\w*|oubli\w*)\b"
    r"[^.!?]{0,40}\b(?:instructions?|prompts?|rules|directions|directives|guidelines|anweisungen|instrucciones|"
    r"consignes|regeln|reglas)\b",
    r"\b(?:new|updated|real|actual|secret|hidden) (?:system )?(?:instructions?|prompt|directives?)\b",
    r"\bsystem prompt\b",
    r"\byou are (?:(?:now |no longer )(?:an? |the |in |acting |free |bound |operating |unrestricted)|"
    r"an? (?:ai|assistant|chatbot|language model|unrestricted)\b)",
    r"\b(?:pretend|act) (?:to be|as if|as though|as an? (?:ai|assistant|unrestricted|different))\b",
    r"\b(?:do not|don['’]t|never) (?:tell|mention|reveal|inform|warn)\b[^.!?]{0,40}\b"
    r"(?:users?|readers?|anyone|instructions?|sources?)\b",
    r"\b(?:reveal|print|repeat|output|leak) (?:your|the) (?:system |hidden |initial )?(?:prompt|instructions?|rules)\b",
    r"\b(?:attention|note|message|instructions?|important)\b[^.!?]{0,20}\b(?:to|for) "
    r"(?:the |any |all )?(?:ai|llms?|assistants?|chatbots?|language models?|(?:ai )?models?)\b",
    r"<\|(?:im_start|im_end|system|user|assistant|endoftext)\|?>|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>",
    r"^\W*(?:system|assistant|ai|chatbot|llm)\s*:",
    r"\b(?:if|when|whenever) (?:the |a |any )?(?:users?|readers?|someone|anyone) asks?\b[^.!?]{0,80}"
    r"\b(?:say|answer|reply|respond|tell|state|claim|recommend)\b",
)
"""Orders about the rules themselves, and marks of chat templates."""

_OF_ANSWER: Final = r"(?:your|every|each) (?:(?:final|next|own|whole|entire) )?(?:answers?|responses?|reply|replies)"
_ABOUT_ANSWER: Final = (
    rf"\b(?:in|to|of|into|from|for|with|within|throughout) {_OF_ANSWER}\b",
    rf"^\W*(?:please )?(?:now )?(?:\w+) (?:up )?(?:\w+ (?:to|of|with) )?{_OF_ANSWER}\b",
    rf"\b{_OF_ANSWER} (?:with|must|should|has to|to (?:mention|include|highlight|hint|promote|express))\b",
    r"\b(?:answer|respond|reply) (?:only |always |just )?(?:with|in|as|by|using)\b",
    r"^\W*(?:use|anagram|jumble|scramble|misspell|replace|convert|substitute|render)\b[^.!?]*\b(?:your (?:message|"
    r"answer|reply|response)s?|homophonic|following symbols|"
    r"(?:every|each) \w+ (?:letter|vowel|word))\b",
)
"""Orders about the form or the content of the answer."""

_TASKS: Final = (
    r"^\W*(?:please )?(?:write|draft|compose|provide|develop|create|tell|give|make up|invent)\b(?: me| us)?[^.!?]{0,60}"
    r"\b(?:poem|stor(?:y|ies)|essay|speech|letter|song|joke|haiku|limerick|headline|equivalent)\b",
    r"^\W*(?:please )?translate (?:the (?:following|above|text|next)|this (?:text|sentence)|everything|all|it|your)\b",
)
"""Orders to do something else than to answer."""

_INSTRUCTION: Final = re.compile("|".join((*_OVERRIDES, *_ABOUT_ANSWER, *_TASKS)), re.IGNORECASE | re.MULTILINE)
_REQUEST: Final = re.compile(
    r"^\W*(?:please )?(?:explain|describe|summari[sz]e|break down|can you|could you|would you|"
    r"(?:provide|show me|give me) (?:an?|some) (?:simple )?(?:examples?|overview|summary))\b",
    re.IGNORECASE | re.MULTILINE,
)
_QUESTION: Final = re.compile(r"^[^\n]{1,160}[?？][\"'”’»)\]*_`」』]*$", re.MULTILINE)
"""A line of its own: texts without full stops run on for long before a question mark ends them."""


_WORD_HINTS: Final = """
    ignor disregard forget overrid bypass verg olvid oubli instruc prompt directive consigne anweisung pretend reveal
    leak assistant chatbot llm model answer respon repl asks letter vowel homophonic symbols message poem stor essay
    speech song joke haiku limerick headline equivalent translate tell mention inform warn <| <<sys _of_turn
    ai: system: [inst [/inst every each artificial
"""
_HINTS: Final = (*_WORD_HINTS.split(), "you are", "act as", " ai")
"""Without one of these, in lower case, none of the patterns can be met; most passages have none of them."""


@lru_cache(maxsize=4096)
def instructs(sentence: str) -> bool:
    """
    Whether a sentence of a document tells whoever reads it aloud what to say or do: "Add ... to your reply".

    Found by wording, most of it English: a hint, never a guarantee. What does not depend on it is that such a sentence
    is no evidence for anything but itself.
    """
    lower = sentence.lower()
    return any(hint in lower for hint in _HINTS) and _INSTRUCTION.search(sentence) is not None


def asserts(sentence: str) -> bool:
    """Whether a sentence of a document says that something is so: no question, no request, no instruction."""
    return not (_QUESTION.search(sentence) or _REQUEST.search(sentence) or instructs(sentence))


def in_instruction(text: str, span: Span, units: tuple[Unit, ...]) -> bool:
    """Whether any sentence of a passage that the span touches instructs."""
    touched = (unit.span for unit in units if unit.span.start < span.end and span.start < unit.span.end)
    return any(instructs(sentence.of(text)) for sentence in touched)
