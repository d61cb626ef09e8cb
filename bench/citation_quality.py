"""
Does an answer cite the right section? ``python -m bench.citation_quality``.

Questions made of react-native-docs by rule, answered by the extractive writer: a hundred from headings, and a hundred
from the bodies of sections that share no content word with the heading they stand under. The right section is the one
that a question was made of; another section that answers as well counts as wrong. Every quote is checked.
"""

import re
from collections.abc import Sequence
from statistics import mean
from typing import Final

from bench.grounding_data import ANALYZER, ask, react_native
from bench.retrieval_data import Excerpt
from domain.conversation.extractive import extractive_answer
from domain.grounding.abstention import decide_abstention
from domain.grounding.model import Evidence

_QUOTED: Final = re.compile(r"“(.*?)” \[(\d+)\]", re.DOTALL)
_SOURCE_NUMBERS: Final = re.compile(r"[ \t]*[\[［【]\d{1,3}(?:[,;–-]\s*\d{1,3})*[\]］】]")
"""The source's own markers, which a quotation leaves out."""
_EACH: Final = 100


def is_right(piece: Evidence, answer: Excerpt) -> bool:
    return piece.document.uri == answer.text and piece.start < answer.end and piece.end > answer.start


def cited(question: str, evidence: Sequence[Evidence]) -> list[Evidence]:
    """The passages that the answer cites, each once; none when there is no answer."""
    if decide_abstention(question, evidence, analyzer=ANALYZER, language="en") is not None:
        return []
    answer = "".join(extractive_answer(question, evidence, analyzer=ANALYZER, language="en"))
    numbers: dict[int, None] = {}
    for quote, number in _QUOTED.findall(answer):
        if _SOURCE_NUMBERS.sub("", evidence[int(number) - 1].text).find(quote) < 0:
            raise AssertionError(f"not verbatim: {quote}")
        numbers[int(number)] = None
    return [evidence[number - 1] for number in numbers]


def report(name: str, asked: Sequence[tuple[str, Excerpt]], found: Sequence[Sequence[Evidence]]) -> None:
    answers = [(answer, cited(question, evidence)) for (question, answer), evidence in zip(asked, found, strict=True)]
    given = [(answer, pieces) for answer, pieces in answers if pieces]
    right = sum(any(is_right(piece, answer) for piece in pieces) for answer, pieces in given)
    retrieved = sum(
        any(is_right(piece, answer) for piece in evidence) for (_, answer), evidence in zip(asked, found, strict=True)
    )
    precision = mean(sum(is_right(piece, answer) for piece in pieces) / len(pieces) for answer, pieces in given)
    print(
        f"{name:22} {len(asked)} asked, right section retrieved {retrieved}, {len(given)} answered, it is cited by "
        f"{right}; citations an answer {mean(len(one) for _, one in given):.2f}, section precision {precision:.3f}"
    )


def _begins_in(start: int, answer: Excerpt) -> bool:
    return answer.start <= start < answer.end


def main() -> None:
    passages, made = react_native()
    from_heading: list[tuple[str, Excerpt]] = []
    from_body: list[tuple[str, Excerpt]] = []
    for question, answer in made:
        path = next((one.headings for one in passages if one.uri == answer.text and _begins_in(one.start, answer)), ())
        named = set(ANALYZER.stems(path[-1], language="en")) if path else set()
        shares = not named.isdisjoint(ANALYZER.stems(question, language="en"))
        (from_heading if shares else from_body).append((question, answer))
    for name, asked in (("sharing words with it", from_heading), ("sharing none", from_body)):
        some = asked[:: max(1, len(asked) // _EACH)][:_EACH]
        report(name, some, ask(passages, [question for question, _ in some]))


if __name__ == "__main__":
    main()
