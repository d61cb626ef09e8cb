"""
How well Ibid judges claims, knows when not to answer, and quotes: ``python -m bench.grounding_quality``.

Reads the public sets beside the project (``../shared/data``: WiCE, Chroma's chunking questions, MTRAG, the React
Native documentation) and asks through the shipped parts: parsers, chunking, BM25, static vectors, Qdrant Edge, fusion.
Constants were fitted on even-numbered questions and on WiCE's development set; abstention is therefore shown for both
halves, and WiCE's AUROC is in-sample (five-fold cross-validation of the logistic: .80).
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from bench.grounding_data import (
    ANALYZER,
    Asked,
    Passage,
    an_evidence,
    ask,
    beside_the_point,
    chroma_passages,
    mtrag_passages,
    mtrag_questions,
    react_native,
    rows,
)
from bench.retrieval_data import DATA, load_chroma
from domain.conversation.extractive import extractive_answer
from domain.grounding.abstention import decide_abstention
from domain.grounding.model import Evidence, Verdict, WrittenSentence
from domain.grounding.verdicts import judge

_QUOTED: Final = re.compile(r"“(.*?)” \[(\d+)\]", re.DOTALL)
_EVERY: Final = 9
"""Of the questions made of sections, which there are some 1,900 of, every ninth is asked."""


def main() -> None:
    if not DATA.is_dir():
        raise SystemExit(f"no evaluation data at {DATA}")
    report_verdicts()
    report_answers()


# --- verdicts ---


def report_verdicts() -> None:
    labels: dict[str, str] = {}
    best: dict[str, tuple[float, Verdict]] = {}
    for row in rows("wice/oracle_chunks_claim_dev.jsonl"):
        claim = str(row["claim"])
        labels[claim] = row["label"]
        sentence = WrittenSentence(0, len(claim), f"{claim} [1]", (1,))
        verdict = judge(sentence, 0, [an_evidence(1, " ".join(row["evidence"]))], analyzer=ANALYZER, language="en")
        if verdict is not None:
            best[claim] = max(best.get(claim, (0.0, Verdict.UNSUPPORTED)), (verdict.score, verdict.verdict))
    scores = [score for score, _ in best.values()]
    truth = [labels[claim] == "supported" for claim in best]
    print(f"WiCE dev, {len(best)} claims (best oracle chunk): AUROC of 'supported' {auroc(scores, truth):.3f}")
    for name, chosen in (
        ("verdict 'supported'", [verdict is Verdict.SUPPORTED for _, verdict in best.values()]),
        ("score >= 0.5", [score >= 0.5 for score in scores]),
    ):
        hits = sum(one and other for one, other in zip(chosen, truth, strict=True))
        precision, recall = hits / max(1, sum(chosen)), hits / sum(truth)
        print(f"  {name:20} precision {precision:.3f}  recall {recall:.3f}  ({sum(chosen)} claims)")
    table = Counter((labels[claim], verdict.value) for claim, (_, verdict) in best.items())
    for (label, outcome), count in sorted(table.items()):
        print(f"  {label:20} -> {outcome:12} {count}")


def auroc(scores: Sequence[float], truth: Sequence[bool]) -> float:
    """The chance that a true one scores above a false one, ties counting half."""
    true = [score for score, is_true in zip(scores, truth, strict=True) if is_true]
    false = [score for score, is_true in zip(scores, truth, strict=True) if not is_true]
    above = sum((one > other) + 0.5 * (one == other) for one in true for other in false)
    return above / (len(true) * len(false))


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
        golden = [_is_golden(quote, int(number), one) for quote, number in _QUOTED.findall(answer)]
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
