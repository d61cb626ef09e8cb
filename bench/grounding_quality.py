"""
How well Ibid judges claims and knows when not to answer: ``python -m bench.grounding_quality`` from the project's root.

Reads the public sets beside the project (``../shared/data``: WiCE, Chroma's chunking questions, MTRAG). Constants of
the shipped functions were fitted on even-numbered questions of the last two and on WiCE's development set; abstention
is therefore shown for both halves, and WiCE's AUROC is in-sample (five-fold cross-validation of the logistic: .80).
"""

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid5

import numpy as np
import wordllama

from adapters.bm25.analyzer import SnowballAnalyzer
from domain.conversation.extractive import extractive_answer
from domain.grounding.abstention import decide_abstention
from domain.grounding.model import CitedDocument, CitedSection, Evidence, Verdict, WrittenSentence
from domain.grounding.verdicts import judge
from domain.retrieval.model import FusedHit
from domain.retrieval.relevance import relevance
from domain.sentences import sentence_spans

DATA: Final = Path(__file__).parents[2] / "shared" / "data"
CORPORA: Final = ("chatlogs", "state_of_the_union", "wikitexts")
ANALYZER: Final = SnowballAnalyzer()
TOP_K: Final = 6
PASSAGE_CHARS: Final = 700
LEXICAL_SHARE: Final = 0.6
NOWHERE: Final = UUID(int=0)


def main() -> None:
    if not DATA.is_dir():
        raise SystemExit(f"no evaluation data at {DATA}")
    report_verdicts()
    report_abstention()


def rows(name: str) -> Iterator[dict[str, Any]]:
    with (DATA / name).open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def an_evidence(n: int, text: str, score: float = 0.0) -> Evidence:
    document = CitedDocument(uuid5(NOWHERE, text), "1", "bench", "passage", "", None, None)
    return Evidence(n, document.id, text, 0, len(text), score, document, CitedSection((), None, None, None))


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
    for (label, verdict), count in sorted(table.items()):
        print(f"  {label:20} -> {verdict:12} {count}")


def auroc(scores: Sequence[float], truth: Sequence[bool]) -> float:
    """The chance that a true one scores above a false one, ties counting half."""
    true = [score for score, is_true in zip(scores, truth, strict=True) if is_true]
    false = [score for score, is_true in zip(scores, truth, strict=True) if not is_true]
    above = sum((one > other) + 0.5 * (one == other) for one in true for other in false)
    return above / (len(true) * len(false))


# --- abstention ---


class Index:
    """Exact hybrid search over a few hundred passages: BM25 (k1 1.2, b 0.75) and static vectors."""

    def __init__(self, texts: Sequence[str], model: Any) -> None:
        self.texts, self._model = texts, model
        self._counts = [Counter(term.stem for term in ANALYZER.terms(text, language="en")) for text in texts]
        self._holding = Counter(stem for counts in self._counts for stem in counts)
        self._mean = sum(counts.total() for counts in self._counts) / len(texts)
        self._dense = model.embed(list(texts), norm=True)

    def evidence(self, question: str) -> list[Evidence]:
        """The best passages by fused score, each with its calibrated relevance."""
        stems = {term.stem for term in ANALYZER.terms(question, language="en")}
        sparse = np.array([self._bm25(stems, counts) for counts in self._counts])
        dense = self._dense @ self._model.embed([question], norm=True)[0]
        fused = LEXICAL_SHARE * scaled(sparse) + (1 - LEXICAL_SHARE) * scaled(dense)
        found = []
        for n, place in enumerate(np.argsort(-fused)[:TOP_K].tolist(), 1):
            hit = FusedHit(NOWHERE, float(fused[place]), float(dense[place]), float(sparse[place]))
            text = self.texts[place]
            chance = relevance(question, text, (), hit, analyzer=ANALYZER, language="en")
            found.append(replace(an_evidence(n, text), score=chance))
        return found

    def _bm25(self, stems: Iterable[str], counts: Counter[str]) -> float:
        length = 0.25 + 0.75 * counts.total() / self._mean
        return sum(self._idf(stem) * counts[stem] * 2.2 / (counts[stem] + 1.2 * length) for stem in stems)

    def _idf(self, stem: str) -> float:
        holding = self._holding[stem]
        return math.log(1 + (len(self.texts) - holding + 0.5) / (holding + 0.5))


def scaled(values: Any) -> Any:
    return (values - values.min()) / (values.max() - values.min() + 1e-9)


def packed(text: str) -> list[str]:
    """A text cut between sentences into passages of at most some 700 characters."""
    passages, start, end = [], 0, 0
    for span in sentence_spans(text):
        if span.end - start > PASSAGE_CHARS and end > start:
            passages.append(text[start:end])
            start = span.start
        end = span.end
    return [*passages, text[start:end]]


@dataclass
class Tally:
    asked: int = 0
    refused: int = 0
    unanswered: int = 0

    def ask(self, question: str, evidence: Sequence[Evidence]) -> None:
        self.asked += 1
        if decide_abstention(question, evidence, analyzer=ANALYZER, language="en") is not None:
            self.refused += 1
        elif not any(extractive_answer(question, evidence, analyzer=ANALYZER, language="en")):
            self.unanswered += 1

    @property
    def line(self) -> str:
        share = (self.refused + self.unanswered) / max(1, self.asked)
        why = f"{self.refused} refused, {self.unanswered} without a sentence"
        return f"{self.asked:4} asked, abstained {share:.3f} ({why})"


def report_abstention() -> None:
    folder = Path(str(wordllama.__file__)).parent
    model = wordllama.WordLlama.load(dim=256, cache_dir=folder, disable_download=True)
    texts = {name: packed((DATA / f"chroma-chunking/{name}.md").read_text(encoding="utf-8")) for name in CORPORA}
    questions = list(rows("chroma-chunking/questions.jsonl"))
    whole = Index([text for name in CORPORA for text in texts[name]], model)
    without = {name: Index([text for o in CORPORA if o != name for text in texts[o]], model) for name in CORPORA}
    for half in (0, 1):
        right, wrong = Tally(), Tally()
        for row in questions[half::2]:
            right.ask(row["question"], whole.evidence(row["question"]))
            wrong.ask(row["question"], without[row["corpus_id"]].evidence(row["question"]))
        print(f"Chroma, {'fitted' if half == 0 else 'held-out'} half, all three corpora:    {right.line}")
        print(f"Chroma, {'fitted' if half == 0 else 'held-out'} half, its corpus left out:  {wrong.line}")
    pool = Index([str(row["text"]).strip() for row in rows("mtrag/passages.jsonl")], model)
    tasks = list(rows("mtrag/tasks.jsonl"))
    for label in ("ANSWERABLE", "PARTIAL", "UNDERSPECIFIED", "UNANSWERABLE"):
        for half in (0, 1):
            tally = Tally()
            for task in tasks[half::2]:
                if task["answerability"] == [label]:
                    question = task["input"][-1]["text"]
                    tally.ask(question, pool.evidence(question))
            print(f"MTRAG, {'fitted' if half == 0 else 'held-out'} half, last turn, {label}: {tally.line}")


if __name__ == "__main__":
    main()
