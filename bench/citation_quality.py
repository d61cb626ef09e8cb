"""
Does an answer cite the right section? ``python -m bench.citation_quality``.

Questions made of react-native-docs by rule, answered by the extractive writer: a hundred from headings, and a hundred
from the bodies of sections that share no content word with the heading they stand under. The right section is the one
that a question was made of; another section that answers as well counts as wrong. Every quote is checked. Neighbouring
passages are evidence in one piece, as in an answer. Other questions than those that were looked at while the writer was
made are asked beside them. It fails where the right section is cited by fewer than 80 of 100, with more than 2.5
citations an answer or a section precision below .7.
"""

import re
import sys
from collections.abc import Mapping, Sequence
from statistics import mean
from typing import Final

from bench.grounding_data import ANALYZER, ask, react_native, react_native_texts
from bench.quotations import quotations
from bench.retrieval_data import Excerpt
from domain.conversation.extractive import extractive_answer
from domain.grounding.abstention import decide_abstention
from domain.grounding.joining import gaps, joined
from domain.grounding.model import Evidence

_SOURCE_NUMBERS: Final = re.compile(r"[ \t]*[\[［【]\d{1,3}(?:[,;–-]\s*\d{1,3})*[\]］】]")
"""The source's own markers, which a quotation leaves out."""
_EACH: Final = 100
_LEAST_RIGHT, _MOST_CITATIONS, _LEAST_PRECISION = 0.8, 2.5, 0.7


def is_right(piece: Evidence, answer: Excerpt) -> bool:
    return piece.document.uri == answer.text and piece.start < answer.end and piece.end > answer.start


def cited(question: str, found: Sequence[Evidence], texts: Mapping[str, str]) -> list[Evidence]:
    """The passages that the answer cites, each once; none when there is no answer."""
    if decide_abstention(question, found, analyzer=ANALYZER, language="en") is not None:
        return []
    evidence = as_answered(found, texts)
    answer = "".join(extractive_answer(question, evidence, analyzer=ANALYZER, language="en"))
    numbers: dict[int, None] = {}
    for quote, cited_by in quotations(answer):
        for number in cited_by:
            if _SOURCE_NUMBERS.sub("", evidence[number - 1].text).find(quote) < 0:
                raise AssertionError(f"not verbatim: {quote}")
            numbers[number] = None
    return [evidence[number - 1] for number in numbers]


def as_answered(evidence: Sequence[Evidence], texts: Mapping[str, str]) -> Sequence[Evidence]:
    """The evidence that an answer is written from; whether to answer is decided on what was found."""
    return joined(evidence, {gap: texts[gap.version][gap.start : gap.end] for gap in gaps(evidence)})


def report(
    name: str, asked: Sequence[tuple[str, Excerpt]], found: Sequence[Sequence[Evidence]], texts: Mapping[str, str]
) -> tuple[float, float, float]:
    """The share of questions whose right section is cited, citations an answer, and section precision."""
    answers = [
        (answer, cited(question, evidence, texts)) for (question, answer), evidence in zip(asked, found, strict=True)
    ]
    given = [(answer, pieces) for answer, pieces in answers if pieces]
    right = sum(any(is_right(piece, answer) for piece in pieces) for answer, pieces in given)
    retrieved = sum(
        any(is_right(piece, answer) for piece in evidence) for (_, answer), evidence in zip(asked, found, strict=True)
    )
    precision = mean(sum(is_right(piece, answer) for piece in pieces) / len(pieces) for answer, pieces in given)
    citations = mean(len(pieces) for _, pieces in given)
    print(
        f"{name:32} {len(asked)} asked, right section retrieved {retrieved}, {len(given)} answered, it is cited by "
        f"{right}; citations an answer {citations:.2f}, section precision {precision:.3f}"
    )
    return right / len(asked), citations, precision


def _begins_in(start: int, answer: Excerpt) -> bool:
    return answer.start <= start < answer.end


def main() -> int:
    passages, made = react_native()
    texts = react_native_texts()
    from_heading: list[tuple[str, Excerpt]] = []
    from_body: list[tuple[str, Excerpt]] = []
    for question, answer in made:
        path = next((one.headings for one in passages if one.uri == answer.text and _begins_in(one.start, answer)), ())
        named = set(ANALYZER.stems(path[-1], language="en")) if path else set()
        shares = not named.isdisjoint(ANALYZER.stems(question, language="en"))
        (from_heading if shares else from_body).append((question, answer))
    missed = False
    for kind, first in (("looked at", 0), ("others", 3)):
        figures = []
        for name, asked in (("sharing words with it", from_heading), ("sharing none", from_body)):
            some = asked[first :: max(1, len(asked) // _EACH)][:_EACH]
            found = ask(passages, [question for question, _ in some])
            figures.append(report(f"{kind}, {name}", some, found, texts))
        right, citations, precision = (mean(column) for column in zip(*figures, strict=True))
        missed = missed or right < _LEAST_RIGHT or citations > _MOST_CITATIONS or precision < _LEAST_PRECISION
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
