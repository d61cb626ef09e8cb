"""
How well Ibid tells what its documents do not answer: ``python -m bench.abstention_quality``.

Each of Chroma's three texts alone, asked all 276 questions; every fourth question made of react-native-docs by rule,
with the section that answers it and with its passages taken out; MTRAG's last turns over its pooled passages, without
the turns before them. The logistic of ``domain/grounding/abstention.py`` was fitted on these questions.
"""

from collections.abc import Sequence
from typing import Final

from bench.grounding_data import (
    ANALYZER,
    ask,
    ask_without,
    chroma_passages,
    mtrag_passages,
    mtrag_questions,
    react_native,
)
from bench.retrieval_data import load_chroma
from domain.evaluation.classification import auroc
from domain.grounding.abstention import MIN_CHANCE, chance_of_answer
from domain.grounding.model import Evidence

_EVERY: Final = 4
_FALSE_REFUSALS: Final = 0.1


def chances(questions: Sequence[str], found: Sequence[Sequence[Evidence]]) -> list[float]:
    return [
        chance_of_answer(question, evidence, analyzer=ANALYZER, language="en") if evidence else 0.0
        for question, evidence in zip(questions, found, strict=True)
    ]


def report(name: str, answerable: Sequence[float], unanswerable: Sequence[float]) -> None:
    refused = sum(chance < MIN_CHANCE for chance in unanswerable) / len(unanswerable)
    wrongly = sum(chance < MIN_CHANCE for chance in answerable) / len(answerable)
    at = sorted(answerable)[int(_FALSE_REFUSALS * len(answerable))]
    then = sum(chance < at for chance in unanswerable) / len(unanswerable)
    ranked = auroc([*answerable, *unanswerable], [True] * len(answerable) + [False] * len(unanswerable))
    print(
        f"{name:28} unanswerable refused {refused:.3f} of {len(unanswerable)}, answerable refused {wrongly:.3f} of "
        f"{len(answerable)}, balanced {(refused + 1 - wrongly) / 2:.3f}; at 10% false refusals {then:.3f}; "
        f"AUROC {ranked:.3f}"
    )


def by_halves(name: str, answerable: Sequence[float], unanswerable: Sequence[float], most_refused: float) -> None:
    """The threshold chosen on every other question, and what it does to the rest; both ways."""
    found = []
    for chosen_on, reported_on in ((0, 1), (1, 0)):
        known = sorted(answerable[chosen_on::2])
        threshold = known[int(most_refused * len(known))]
        ours, others = answerable[reported_on::2], unanswerable[reported_on::2]
        wrongly = sum(chance < threshold for chance in ours) / len(ours)
        rightly = sum(chance < threshold for chance in others) / len(others)
        found.append(f"from {threshold:.2f} on: {rightly:.3f} and {wrongly:.3f}")
    print(
        f"{name}: chosen on one half to refuse {most_refused:.0%} of its answerable ones, "
        f"on the other {'; '.join(found)}"
    )


def main() -> None:
    questions = load_chroma()[1]
    own: list[float] = []
    others: list[float] = []
    texts = [question.text for question in questions]
    for name, passages in chroma_passages().items():
        for question, chance in zip(questions, chances(texts, ask(passages, texts)), strict=True):
            (own if question.answers[0].text == name else others).append(chance)
    report("Chroma, each text alone", own, others)
    by_halves("    by halves", own, others, 0.07)
    passages, made = react_native()
    some = made[::_EVERY]
    asked = [question for question, _ in some]
    without = ask_without(passages, asked, [answer for _, answer in some])
    there, removed = chances(asked, ask(passages, asked)), chances(asked, without)
    report("react-native-docs, removed", there, removed)
    by_halves("    by halves", there, removed, _FALSE_REFUSALS)
    pool = mtrag_passages()
    kinds = {kind: mtrag_questions(kind) for kind in ("ANSWERABLE", "UNANSWERABLE")}
    report("MTRAG, last turns", *(chances(turns, ask(pool, turns)) for turns in kinds.values()))


if __name__ == "__main__":
    main()
