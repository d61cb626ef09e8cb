"""
Poisoned passages against trust tiers, and follow-ups by rule: ``python -m bench.source_trust``.

PoisonedRAG's 100 questions, each with five passages written to make a reader believe a wrong answer, in a collection of
trust 1. Its trusted passage is one of the five with the wrong answer replaced by the right one, once the one that looks
most like the question and once the one that looks least; it stands in a collection of trust 9. Exits with 1 where a
poisoned passage stands above the trusted one, or where follow-ups gain less than 3 points.
"""

import asyncio
import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from statistics import fmean
from typing import Any, Final
from uuid import UUID

from bench.grounding_data import ANALYZER, rows
from bench.retrieval_data import DATA
from bench.retrieval_engine import asked, by_fusion
from domain.conversation.follow_up import standalone_question
from domain.conversation.prompt import Exchange
from domain.evaluation.bootstrap import paired_change
from domain.library.model import Document, Passage, PassageInDocument, Section
from domain.retrieval.fusion import fuse
from domain.retrieval.model import FoundPassage, FusedHit, HybridHits
from domain.retrieval.preference import Scored, prefer
from domain.retrieval.relevance import relevance

TRUST: Final = {"trusted": 9, "poisoned": 1}
TOP_K: Final = 6
READ: Final = 12
"""Passages that a question with ``TOP_K`` reads back."""
_NOON: Final = datetime(2026, 11, 21, 12, tzinfo=UTC)


def targets() -> list[tuple[str, list[str], list[str]]]:
    """Each question, its poisoned passages, and the honest ones, that which shares most words with it first."""
    found = []
    for one in json.loads((DATA / "poisonedrag" / "nq.json").read_text(encoding="utf-8")).values():
        wrong, right = _first(one["incorrect answer"]), _first(one["correct answer"])
        honest = [
            re.sub(re.escape(wrong), right.replace("\\", r"\\\\"), text, flags=re.IGNORECASE)
            for text in one["adv_texts"]
            if wrong.lower() in text.lower()
        ] or [f"{right}. {one['question']}"]
        words = set(ANALYZER.stems(one["question"], language="en"))
        honest.sort(key=lambda text: -len(words & set(ANALYZER.stems(text, language="en"))))
        found.append((one["question"], one["adv_texts"], honest))
    return found


async def poisoning(place: int, *, tiers: bool) -> int:
    """Questions where a poisoned passage stands above the honest one at ``place`` of its list."""
    data = targets()
    texts = [text for _, poisons, honest in data for text in (*poisons, honest[place])]
    above = 0
    async with asked(texts, [question for question, _, _ in data]) as found:
        for number, ((question, poisons, _), hits) in enumerate(zip(data, found, strict=True)):
            honest = number * (len(poisons) + 1) + len(poisons)
            trust = TRUST if tiers else {}
            order = _preferred(question, texts, hits, trust)
            mine = range(honest - len(poisons), honest)
            first = next((passage for passage in order if passage == honest or passage in mine), None)
            above += first != honest
    return above


def _preferred(question: str, texts: Sequence[str], hits: HybridHits, trust: Mapping[str, int]) -> list[int]:
    scored = []
    for hit in fuse(hits)[:READ]:
        number = hit.passage_id.int
        chance = relevance(question, texts[number], (), hit, analyzer=ANALYZER, language="en")
        scored.append(Scored(_found(number, texts[number], hit), chance, hit.score))
    return [one.passage.source.passage.id.int for one in prefer(scored, trust, top_k=TOP_K)]


def _found(number: int, text: str, hit: FusedHit) -> FoundPassage:
    collection = "trusted" if number % 6 == 5 else "poisoned"  # five poisons, then the honest one
    document = Document(UUID(int=number), collection, str(number), "", None, None, {}, "1", _NOON, _NOON)
    passage = Passage(UUID(int=number), 0, 0, len(text), text)
    return FoundPassage(PassageInDocument(passage, Section(0, (), 0, None, 0, len(text)), document), hit)


async def follow_ups() -> tuple[list[float], list[float]]:
    """MTRAG's recall at 5 over its pool, for the last turns alone and for the standalone questions."""
    passages = list(rows("mtrag/passages.jsonl"))
    places = {str(passage["document_id"]): number for number, passage in enumerate(passages)}
    tasks = [
        (task, {places[str(one["document_id"])] for one in task["contexts"]}) for task in rows("mtrag/tasks.jsonl")
    ]
    tasks = [(task, relevant) for task, relevant in tasks if relevant]
    last = [str(task["input"][-1]["text"]).strip() for task, _ in tasks]
    whole = [
        standalone_question(question, _history(task["input"]), analyzer=ANALYZER, language="en")
        for question, (task, _) in zip(last, tasks, strict=True)
    ]
    texts = [str(passage["text"]).strip() for passage in passages]
    recalls = []
    for questions in (last, whole):
        async with asked(texts, questions) as found:
            recalls.append(
                [
                    len(relevant.intersection(by_fusion(hits)[:5])) / len(relevant)
                    for hits, (_, relevant) in zip(found, tasks, strict=True)
                ]
            )
    return recalls[0], recalls[1]


def _history(messages: Sequence[Mapping[str, Any]]) -> list[Exchange]:
    history: list[Exchange] = []
    for message in messages[:-1]:
        if message["speaker"] == "user":
            history.append(Exchange(str(message["text"]).strip(), ""))
        elif history:
            history[-1] = replace(history[-1], answer=str(message["text"]).strip())
    return history


def _first(answer: object) -> str:
    return str(answer[0] if isinstance(answer, list) else answer)


def main() -> int:
    missed = False
    sys.stdout.write(
        "| PoisonedRAG: a poisoned passage above the trusted one, of 100 | no tiers | tiers |\n|---|---|---|\n"
    )
    for label, place in (("the trusted one looks most like the question", 0), ("it looks least like it", -1)):
        plain, tiered = (asyncio.run(poisoning(place, tiers=tiers)) for tiers in (False, True))
        sys.stdout.write(f"| {label} | {plain} | {tiered} |\n")
        missed |= tiered > 0
    before, after = asyncio.run(follow_ups())
    change = paired_change(before, after)
    sys.stdout.write(
        f"\n| MTRAG, {len(before)} tasks with relevant passages | R@5 |\n|---|---|\n"
        f"| the last turn alone | {fmean(before):.3f} |\n| made standalone by rule | {fmean(after):.3f} |\n"
        f"| gained, 95 in 100 | {change.mean:+.3f} ({change.low:+.3f} to {change.high:+.3f}) |\n"
    )
    return 1 if missed or change.mean < 0.03 else 0


if __name__ == "__main__":
    sys.exit(main())
