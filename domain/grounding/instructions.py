"""Sentences of a document that speak to whoever answers from it, and those that assert nothing."""

import re
from collections.abc import Hashable, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Final, cast

from domain.grounding.overlap import Unit, touched
from domain.text import Analyzer, Span

_ANSWER: Final = r"(?:(?:final|next|own|whole|entire) )?(?:answers?|responses?|reply|replies)\b"
_YOUR_ANSWER, _ANY_ANSWER = rf"your {_ANSWER}", rf"(?:every|each) {_ANSWER}"
_IN: Final = r"(?:in|to|of|into|from|for|with|within|throughout)"
_PUTS: Final = (
    r"(?:please |now |also |always |then )*(?:add|append|attach|include|insert|put|place|mention|recommend|suggest|"
    r"promote|advertise|praise|link|write|print|repeat|say|hide|work|weave|embed|begin|start|end|use|speak)\b"
)
_NO_VERB: Final = (
    r"(?!(?:when(?:ever)?|if|as|how|for|is|are|does|do|did|with|in|to|of|by|from|after|before|while|because|since|that|"
    r"where|was|were|has|have|and|or|but|not|per|on|at|so|until|once|unless|will|would|can|could|may|should|must|whether|"
    r"the|an?|no|any|this|these|those|each|every|one|two|some|all|most|its|their|our|many)\b)"
)
_ADVERTISES: Final = r"(?:mention|include|highlight|hint|promote|express|recommend|praise|advertise|suggest|link|say)"
"""What only an order wants of every answer; that each must bear a date may be a rule of the thing described."""
_REPLY: Final = "answer response reply replies"
_REPLIES: Final = "answer answers response responses reply replies"
_ORDERS: Final = (
    r"(?:\A|\n|[.!?:;,()\"“”*—–-]\s*|\b(?:please|always|only|just|never|now|then|and|"
    r"you (?:(?:will|must|should|shall|have to|need to|are to|ought to)(?: (?:always|only|now|also))?)|"
    r"(?:remember|sure|want you|need you|asked|instructed|told|required|free) to)\s+)"
)
"""
Before "answer with", what makes an order of it: "the server answers with a list" and "it may respond in French" tell
what is so, and order nothing.
"""
_VERBS_OF_TASKS: Final = "write draft compose provide develop create tell give make_up invent"
_ABOUT_THE_RULES: Final = (
    (
        "ignor disregard forget overrid bypass verg olvid oubli",
        "instruction instructions prompt prompts rules directions directives guidelines "
        "anweisungen instrucciones consignes regeln reglas",
        r"\b(?:ignor\w*|disregard\w*|forget|overrid\w*|bypass|ignorier\w*|vergiss|vergessen|olvida\w*|oubli\w*)\b"
        r"[^.!?]{0,40}\b(?:instructions?|prompts?|rules|directions|directives|guidelines|anweisungen|instrucciones|"
        r"consignes|regeln|reglas)\b",
    ),
    (
        "prompt instruc directive",
        "instruction instructions prompt directive directives",
        r"\b(?:new|updated|real|actual|secret|hidden) (?:system )?(?:instructions?|prompt|directives?)\b|"
        r"\bsystem prompt\b",
    ),
    (
        "you_are",
        "",
        r"\byou are (?:(?:now |no longer )(?:an? |the |in |acting |free |bound |operating |unrestricted)|"
        r"an? (?:ai|assistant|chatbot|language model|unrestricted)\b)",
    ),
    (
        "pretend act_as act_to",
        "pretend act",
        r"\b(?:pretend|act) (?:to be|as if|as though|as an? (?:ai|assistant|unrestricted|different))\b",
    ),
    (
        "never do_not don't don’t; tell mention reveal inform warn; user reader anyone instruction source",
        "tell mention reveal inform warn",
        r"\b(?:do not|don['’]t|never) (?:tell|mention|reveal|inform|warn)\b[^.!?]{0,40}\b"
        r"(?:users?|readers?|anyone|instructions?|sources?)\b",
    ),
    (
        "prompt instruction rules; reveal print repeat output leak",
        "prompt instruction instructions rules",
        r"\b(?:reveal|print|repeat|output|leak) (?:your|the) (?:system |hidden |initial )?"
        r"(?:prompt|instructions?|rules)\b",
    ),
    (
        "_ai _llm _assistant _chatbot _language_model _model; attention note message instruction important",
        "ai llm llms assistant assistants chatbot chatbots model models",
        r"\b(?:attention|note|message|instructions?|important)\b[^.!?]{0,20}\b(?:to|for) "
        r"(?:the |any |all )?(?:ai|llms?|assistants?|chatbots?|language models?|(?:ai )?models?)\b",
    ),
    (
        "< [; <| inst] sys> of^turn>",
        "im_start im_end system user assistant endoftext inst sys start_of_turn end_of_turn",
        r"<\|(?:im_start|im_end|system|user|assistant|endoftext)\|?>|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>",
    ),
    (
        "system: ai: assistant chatbot llm; :",
        "system ai assistant chatbot llm",
        r"^\W*(?:system|assistant|ai|chatbot|llm)\s*:",
    ),
    (
        "_ask; user reader someone anyone",
        "ask asks",
        r"\b(?:if|when|whenever) (?:the |a |any )?(?:users?|readers?|someone|anyone) asks?\b[^.!?]{0,80}"
        r"\b(?:say|answer|reply|respond|tell|state|claim|recommend)\b",
    ),
)
"""
Orders about the rules themselves, and marks of chat templates.

Before each pattern what spares looking for it: parts of words, in lower case, of which one of each list between
semicolons has to be there (``_`` is a blank and ``^`` is ``_``), and whole words of which one has to.
"""
_ABOUT_THE_ANSWER: Final = (
    (
        f"{_REPLY}; your_ every_ each_",
        _REPLIES,
        rf"\b(?:{_IN} {_YOUR_ANSWER}|{_YOUR_ANSWER} (?:with|must|should|has to|to {_ADVERTISES})\b|"
        rf"{_ANY_ANSWER} (?:must|should|has to|have to|to) (?:also )?{_ADVERTISES}\b)",
    ),
    (
        f"{_REPLY}; every_ each_",
        _REPLIES,
        rf"^\W*(?:{_PUTS}[^.!?]{{0,80}}\b{_IN} {_ANY_ANSWER}|{_IN} {_ANY_ANSWER}\W+{_PUTS})",
    ),
    (
        f"{_REPLY}; your_ every_ each_",
        _REPLIES,
        rf"^\W*(?:please )?(?:now )?{_NO_VERB}\w+ (?:up )?(?:\w+ (?:to|of|with) )?(?:{_YOUR_ANSWER}|{_ANY_ANSWER})",
    ),
    (
        "answer respond reply",
        "answer respond reply",
        rf"{_ORDERS}(?:answer|respond|reply) (?:only |always |just )?(?:with|in|as|by|using)\b",
    ),
    (
        "the_ an_ this_ that_; begin start open preface end close finish conclude give write phrase format put",
        "answer response reply",
        r"^\W*(?:please )?(?:now )?(?:begin|start|open|preface|end|close|finish|conclude|give|write|phrase|format|put) "
        r"(?:the|an|this|that) (?:\w+ )?(?:answer|response|reply) (?:with|in|as|by|using)\b",
    ),
    (
        "your_message your_answer your_reply your_response homophonic following_symbols every_ each_; "
        "use anagram jumble scramble misspell replace convert substitute render",
        f"message messages {_REPLIES} homophonic symbols letter vowel word",
        r"^\W*(?:use|anagram|jumble|scramble|misspell|replace|convert|substitute|render)\b[^.!?]*\b(?:your (?:message|"
        r"answer|reply|response)s?|homophonic|following symbols|"
        r"(?:every|each) \w+ (?:letter|vowel|word))\b",
    ),
)
"""Orders about the form or the content of the answer."""
_WRITINGS: Final = "poem story stories essay speech letter song joke haiku limerick headline equivalent"
_TASKS: Final = (
    (
        f"{_WRITINGS}; {_VERBS_OF_TASKS}",
        _WRITINGS,
        r"^\W*(?:please )?(?:write|draft|compose|provide|develop|create|tell|give|make up|invent)\b(?: me| us)?"
        r"[^.!?]{0,60}\b(?:poem|stor(?:y|ies)|essay|speech|letter|song|joke|haiku|limerick|headline|equivalent)\b",
    ),
    (
        "translate_",
        "translate",
        r"^\W*(?:please )?translate (?:the (?:following|above|text|next)|this (?:text|sentence)|"
        r"everything|all|it|your)\b",
    ),
)
"""Orders to do something else than to answer."""


class _Wording:
    """A pattern, which may be bound to the beginning of a line, and the words without which it cannot be met."""

    def __init__(self, parts: str, words: str, pattern: str) -> None:
        self._parts = [
            [part.replace("_", " ").replace("^", "_") for part in group.split()] for group in parts.split(";")
        ]
        self.words = words
        self.opens = pattern.startswith("^")
        self._pattern = re.compile(pattern.removeprefix("^"), re.IGNORECASE)

    def may_be_in(self, lower: str) -> bool:
        for group in self._parts:
            for part in group:  # plain loops: this is asked of many texts
                if part in lower:
                    break
            else:
                return False
        return True

    def is_in(self, sentence: str) -> bool:
        if not self.opens:
            return self._pattern.search(sentence) is not None
        return any([self._pattern.match(line) for line in sentence.splitlines()])  # noqa: C419 - speed


_INSTRUCTIONS: Final = [_Wording(*one) for one in (*_ABOUT_THE_RULES, *_ABOUT_THE_ANSWER, *_TASKS)]
_REQUESTS: Final = [
    _Wording(
        "explain describe summari break_down provide show_me give_me",
        "explain describe summarise summarize break provide show give",
        r"^\W*(?:please )?(?:explain|describe|summari[sz]e|break down|"
        r"(?:provide|show me|give me) (?:an?|some) (?:simple )?(?:examples?|overview|summary))\b",
    ),
    _Wording("you; can_you could_you would_you", "", r"^\W*(?:please )?(?:can you|could you|would you)\b"),
]
_QUESTION: Final = re.compile(r"^[^\n]{1,160}[?？][\"'”’»)\]*_`」』]*$", re.MULTILINE)
"""A line of its own: texts without full stops run on for long before a question mark ends them."""


@lru_cache(maxsize=32)
def _by_stem(
    remembered: Hashable, language: str
) -> tuple[Sequence[_Wording], Mapping[str, Sequence[_Wording]], frozenset[str]]:
    """The wordings that need no certain word, for each stem those that it lets be there, and these stems."""
    always: list[_Wording] = []
    by_stem: dict[str, list[_Wording]] = {}
    for one in (*_REQUESTS, *_INSTRUCTIONS):
        stems = frozenset(cast(Analyzer, remembered).stems(one.words, language=language))
        if not stems:
            always.append(one)
        for stem in stems:
            by_stem.setdefault(stem, []).append(one)
    return always, by_stem, frozenset(by_stem)


@lru_cache(maxsize=4096)
def instructs(sentence: str) -> bool:
    """
    Whether a sentence of a document tells whoever reads it aloud what to say or do: "Add ... to your reply".

    Found by wording, most of it English: a hint, never a guarantee. What does not depend on it is that such a sentence
    is no evidence for anything but itself.
    """
    lower = sentence.lower()
    return any(one.may_be_in(lower) and one.is_in(sentence) for one in _INSTRUCTIONS)


def asserting(
    text: str, sentences: Sequence[str], stems: frozenset[str], analyzer: Analyzer, language: str
) -> list[bool]:
    """Of each sentence of a text, all its stems given, whether it says that something is so: no question, no order."""
    always, by_stem, known = _by_stem(cast(Hashable, analyzer), language)
    # A text is looked through for letters only where its stems let the wording be there.
    possible = {*always, *chain.from_iterable([by_stem[stem] for stem in known & stems])}
    lower = text.lower()
    suspected = [one for one in possible if one.may_be_in(lower)]
    if suspected:
        opening = [one for one in suspected if one.opens]
        within = [one for one in suspected if not one.opens]
        return [
            not (_asks(sentence) or any([one.is_in(sentence) for one in opening]) or _is_any_in(within, sentence))  # noqa: C419 - speed
            for sentence in sentences
        ]
    if "?" in text or "？" in text:
        return [not _asks(sentence) for sentence in sentences]
    return [True] * len(sentences)


def _is_any_in(wordings: Sequence[_Wording], sentence: str) -> bool:
    if not wordings:
        return False
    lower = sentence.lower()
    return any([one.may_be_in(lower) and one.is_in(sentence) for one in wordings])  # noqa: C419 - speed


def _asks(sentence: str) -> bool:
    return ("?" in sentence or "？" in sentence) and _QUESTION.search(sentence) is not None


def in_instruction(text: str, span: Span, units: tuple[Unit, ...]) -> bool:
    """Whether any sentence of a passage that the span touches instructs."""
    return any([instructs(unit.span.of(text)) for unit in touched(units, span)])  # noqa: C419 - speed
