"""
How many sentences made wrong the verifier catches: ``python -m bench.corruption``.

Real sentences of react-native-docs, each cited to the passage it stands in, 57 of each kind at most made wrong by a
seeded generator: another number, another name, another unit, a negation put in or taken out, a comparison turned round,
the citation of another page's passage. Comparisons were kept out of development: the rules were never run on them
before the figure was taken. Caught is what is not called ``supported``; beside them 300 sentences as they stand.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Final, TypeAlias

from bench.grounding_data import ANALYZER, Passage, react_native
from domain.grounding.claims import is_claim
from domain.grounding.model import Verdict
from domain.grounding.ports import CitedText
from domain.grounding.verdicts import judgement
from domain.sentences import sentence_spans

_EACH: Final = 57
_UNTOUCHED: Final = 300
_NUMBER: Final = re.compile(r"(?<![\w.-])\d+(?:\.\d+)?(?![\w.-])")
_NAME: Final = re.compile(r"(?<=[a-z,`] )[A-Z][a-zA-Z]{3,}\b|`[a-z]+[A-Z]\w+`")
_UNIT: Final = re.compile(
    r"(?<=\d)(?: |-)?(?:ms|milliseconds?|seconds?|minutes?|hours?|days?|weeks?|MB|GB|KB|px|pixels?|dp|%|fps)\b"
)
_UNITS: Final = (" seconds", " minutes", " hours", " MB", " GB", " pixels", " days")
_NEGATED: Final = (
    (re.compile(r"\b(is|are|was|were|can|should|must|does|do|will) not\b"), r"\1"),
    (re.compile(r"\b(do|does|is|are|was|were|would|should)n['’]t\b"), r"\1"),
    (re.compile(r"\b(is|are|was|were|can|should|must|will)\b(?! not\b)"), r"\1 not"),
)
_COMPARED: Final = {
    "more": "less", "less": "more", "faster": "slower", "slower": "faster", "larger": "smaller", "smaller": "larger",
    "before": "after", "after": "before", "higher": "lower", "lower": "higher", "greater": "smaller", "above": "below",
    "below": "above", "longer": "shorter", "shorter": "longer", "always": "never", "never": "always", "first": "last",
    "last": "first", "minimum": "maximum", "maximum": "minimum", "at least": "at most", "better": "worse",
    "increase": "decrease", "decrease": "increase", "earlier": "later", "later": "earlier",
}  # fmt: skip
_COMPARISON: Final = re.compile(rf"\b(?:{'|'.join(_COMPARED)})\b")

Change: TypeAlias = Callable[[str, Random], str | None]


def number(sentence: str, random: Random) -> str | None:
    found = _NUMBER.search(sentence)
    if found is None:
        return None
    other = str(int(float(found[0])) + random.randint(1, 9))
    return sentence[: found.start()] + other + sentence[found.end() :]


def name(sentence: str, random: Random) -> str | None:
    found = _NAME.search(sentence)
    if found is None:
        return None
    other = random.choice(["Vermeer", "Quokka", "Halibut", "Montana", "Zirconia"])
    return sentence[: found.start()] + other + sentence[found.end() :]


def unit(sentence: str, random: Random) -> str | None:
    found = _UNIT.search(sentence)
    if found is None:
        return None
    other = random.choice([one for one in _UNITS if one.strip()[:3] not in found[0]])
    return sentence[: found.start()] + other + sentence[found.end() :]


def negation(sentence: str, _: Random) -> str | None:
    for pattern, other in _NEGATED:
        changed, count = pattern.subn(other, sentence, count=1)
        if count:
            return changed
    return None


def comparison(sentence: str, _: Random) -> str | None:
    changed, count = _COMPARISON.subn(lambda found: _COMPARED[found[0]], sentence, count=1)
    return changed if count else None


KINDS: Final[dict[str, Change]] = {
    "number": number, "name": name, "unit": unit, "negation": negation, "comparison": comparison
}  # fmt: skip


def sentences(passages: Sequence[Passage]) -> Iterator[tuple[str, Passage]]:
    for passage in passages:
        for span in sentence_spans(passage.text):
            text = span.of(passage.text)
            prose = text[0].isupper() and text.endswith(".") and 40 < len(text) < 300 and "\n" not in text
            if prose and is_claim(f"{text} [1]"):
                yield text, passage


def is_supported(text: str, passage: Passage) -> bool:
    found = judgement(text, [CitedText(passage.text)], analyzer=ANALYZER, language="en")
    return found.verdict is Verdict.SUPPORTED


def main() -> None:
    random = Random(5)  # noqa: S311 - a seed, not a secret
    passages, _ = react_native()
    real = list(sentences(passages))
    random.shuffle(real)
    flagged = sum(not is_supported(text, passage) for text, passage in real[:_UNTOUCHED])
    print(f"untouched: {flagged} of {_UNTOUCHED} flagged")
    caught = asked = 0
    for kind, change in KINDS.items():
        made = [(wrong, passage) for text, passage in real if (wrong := change(text, random))][:_EACH]
        found = sum(not is_supported(wrong, passage) for wrong, passage in made)
        caught, asked = caught + found, asked + len(made)
        print(f"{kind:14} {found} of {len(made)} caught{' (kept out of development)' if kind == 'comparison' else ''}")
    others = [(text, real[(at + 997) % len(real)][1]) for at, (text, _) in enumerate(real[:_EACH])]
    found = sum(not is_supported(text, passage) for text, passage in others)
    print(f"wrong citation {found} of {len(others)} caught\nall: {caught + found} of {asked + len(others)}")


if __name__ == "__main__":
    main()
