"""
How well Ibid knows when not to answer, and quotes: ``python -m bench.grounding_quality``.

Reads the public sets beside the project (``../shared/data``: Chroma's chunking questions, MTRAG, the React Native
documentation) and asks through the shipped parts: parsers, chunking, BM25, static vectors, Qdrant Edge, fusion.
What a sentence is worth as an answer was fitted on even-numbered questions; everything is therefore shown for both
halves. What is refused was fitted on all of them: ``bench.abstention_quality`` measures that.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from bench.grounding_data import (
    ANALYZER,
    Asked,
    Passage,
    ask,
    beside_the_point,
    chroma_passages,
    mtrag_passages,
    mtrag_questions,
    react_native,
)
from bench.quotations import quotations
from bench.retrieval_data import DATA, load_chroma
from domain.conversation.extractive import extractive_answer
from domain.grounding.abstention import decide_abstention
from domain.grounding.model import Evidence

_EVERY: Final = 9
"""Of the questions made of sections, which there are some 1,900 of, every ninth is asked."""


def main() -> None:
    if not DATA.is_dir():
        raise SystemExit(f"no evaluation data at {DATA}")
    report_answers()


# --- abstention and quotes ---


@dataclass(slots=True)
class Tally:
    """``gold`` counts answers with a quote inside an excerpt that answers, ``gold_first`` those that begin with one."""

    asked: int = 0
    refused: int = 0
    unanswered: int = 0
    sentences: int = 0
    gold: int = 0
    gold_first: int = 0

    def ask(self, one: Asked) -> None:
        self.asked += 1
        if decide_abstention(one.question, one.evidence, analyzer=ANALYZER, language="en") is not None:
            self.refused += 1
            return
        answer = "".join(extractive_answer(one.question, one.evidence, analyzer=ANALYZER, language="en"))
        golden = [_is_golden(quote, numbers[0], one) for quote, numbers in quotations(answer)]
        self.unanswered += not golden
        self.sentences += len(golden)
        self.gold += any(golden)
        self.gold_first += golden[:1] == [True]

    @property
    def abstained(self) -> str:
        share = (self.refused + self.unanswered) / max(1, self.asked)
        return f"{share:.3f} of {self.asked} ({self.refused} refused, {self.unanswered} without a sentence)"

    @property
    def quoted(self) -> str:
        answered = self.asked - self.refused - self.unanswered
        length = self.sentences / max(1, answered)
        return f"{answered} answered, {self.gold} quote what answers, {self.gold_first} first, {length:.2f} sentences"


@dataclass(slots=True)
class Halves:
    """Tallies of the even-numbered questions, that constants were fitted on, and of the odd-numbered ones."""

    fitted: Tally = field(default_factory=Tally)
    held_out: Tally = field(default_factory=Tally)

    def report(self, title: str, asked: Iterable[Asked]) -> None:
        for number, one in enumerate(asked):
            (self.held_out if number % 2 else self.fitted).ask(one)
        print(
            f"{title}\n  fitted    abstained {self.fitted.abstained}\n  held-out  abstained {self.held_out.abstained}"
        )
        for half, tally in (("fitted", self.fitted), ("held-out", self.held_out)):
            if tally.gold:
                print(f"  {half:9} {tally.quoted}")


def _is_golden(quote: str, number: int, one: Asked) -> bool:
    """Whether the middle of a quote lies in one of the excerpts that answer."""
    piece = one.evidence[number - 1]
    at = piece.text.find(quote)
    middle = piece.start + at + len(quote) // 2
    within = (answer for answer in one.answers if answer.text == piece.document.uri)
    return at >= 0 and any(answer.start <= middle < answer.end for answer in within)


def report_answers() -> None:
    chroma, questions = chroma_passages(), load_chroma()[1]
    texts = [question.text for question in questions]
    found = ask([passage for passages in chroma.values() for passage in passages], texts)
    asked = [Asked(one.text, evidence, one.answers) for one, evidence in zip(questions, found, strict=True)]
    Halves().report("Chroma's questions over its three corpora", asked)
    without: dict[str, Sequence[Evidence]] = {}
    for left_out in chroma:
        own = [one.text for one in questions if one.answers[0].text == left_out]
        others = [passage for name, passages in chroma.items() if name != left_out for passage in passages]
        without |= zip(own, ask(others, own), strict=True)
    Halves().report("Chroma's questions, their corpus left out", [Asked(text, without[text]) for text in texts])
    passages, made = react_native()
    Halves().report(f"Chroma's questions over react-native-docs ({len(passages)} passages)", _asked(passages, texts))
    some = made[::_EVERY]
    evidence = ask(passages, [question for question, _ in some])
    answerable = [Asked(text, found, (answer,)) for (text, answer), found in zip(some, evidence, strict=True)]
    Halves().report("Questions made of react-native-docs", answerable)
    hard = beside_the_point([question for question, _ in some], texts, passages)
    Halves().report("The same, their heaviest word exchanged for one that is nowhere", _asked(passages, hard))
    pool = mtrag_passages()
    for kind in ("ANSWERABLE", "PARTIAL", "UNDERSPECIFIED", "UNANSWERABLE"):
        Halves().report(f"MTRAG's last turns over its pool, {kind}", _asked(pool, mtrag_questions(kind)))


def _asked(passages: Sequence[Passage], questions: Sequence[str]) -> list[Asked]:
    return [Asked(text, found) for text, found in zip(questions, ask(passages, questions), strict=True)]


if __name__ == "__main__":
    main()
