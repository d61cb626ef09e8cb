"""
How well a German and a Spanish collection are searched, and what the static vectors lose there.

``python -m bench.languages``. Twenty pages each of our own writing (``bench/languages``), 21 questions that one of them
answers, in other words than its own where a reader would use others, and six that none does.
"""

import asyncio
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Final

from bench.grounding_data import ANALYZER, an_evidence
from bench.retrieval_engine import asked, by_fusion, by_terms, by_vectors
from domain.grounding.abstention import decide_abstention
from domain.retrieval.fusion import fuse
from domain.retrieval.model import HybridHits
from domain.retrieval.relevance import relevance

FOLDER: Final = Path(__file__).parent / "languages"
LANGUAGES: Final = ("de", "es")
_PAGE: Final = re.compile(r"^# ([^\n]+)\n\n(.*?)(?=^# |\Z)", re.MULTILINE | re.DOTALL)


def pages(language: str) -> list[tuple[str, str]]:
    """Titles and texts."""
    raw = (FOLDER / f"{language}.md").read_text(encoding="utf-8")
    return [(match[1], match[2].strip()) for match in _PAGE.finditer(raw)]


def questions(language: str) -> list[tuple[str, str | None]]:
    """Each with the title of the page that answers it, None where none does."""
    lines = (FOLDER / f"gold_{language}.jsonl").read_text(encoding="utf-8").splitlines()
    return [(one["question"], one["relevant"]) for one in map(json.loads, lines)]


async def found(language: str, analysed_as: str) -> list[HybridHits]:
    inputs = [f"{title}\n\n{text}" for title, text in pages(language)]
    async with asked(inputs, [question for question, _ in questions(language)], language=analysed_as) as hits:
        return hits


def reciprocal_ranks(language: str, ranked: Sequence[Sequence[int]]) -> list[float]:
    titles = [title for title, _ in pages(language)]
    gold = [relevant for _, relevant in questions(language)]
    return [
        next((1 / place for place, number in enumerate(order, start=1) if titles[number] == relevant), 0.0)
        for order, relevant in zip(ranked, gold, strict=True)
        if relevant is not None
    ]


def refusals(language: str, hits: Sequence[HybridHits]) -> tuple[list[bool], list[bool]]:
    """Which questions are refused: those that a page answers, and those that none does."""
    texts = pages(language)
    refused: tuple[list[bool], list[bool]] = ([], [])
    for (question, relevant), halves in zip(questions(language), hits, strict=True):
        evidence = []
        for n, hit in enumerate(fuse(halves)[:6], start=1):
            title, text = texts[hit.passage_id.int]
            chance = relevance(question, text, (title,), hit, analyzer=ANALYZER, language=language)
            evidence.append(an_evidence(n, text, title=title, score=chance))
        abstention = decide_abstention(question, evidence, analyzer=ANALYZER, language=language)
        refused[relevant is None].append(abstention is not None)
    return refused


def main() -> int:
    sys.stdout.write("| language | terms alone | vectors alone | fused | fused, words analysed as English |\n")
    sys.stdout.write("|---|---|---|---|---|\n")
    lines = []
    for language in LANGUAGES:
        own = asyncio.run(found(language, language))
        as_english = asyncio.run(found(language, "en"))
        rankings = [[rank(hits) for hits in own] for rank in (by_terms, by_vectors, by_fusion)]
        rankings.append([by_fusion(hits) for hits in as_english])
        cells = [f"{fmean(reciprocal_ranks(language, ranked)):.3f}" for ranked in rankings]
        sys.stdout.write(f"| {language} | {' | '.join(cells)} |\n")
        answerable, unanswerable = refusals(language, own)
        lines.append(
            f"| {language} | {sum(answerable)} of {len(answerable)} | {sum(unanswerable)} of {len(unanswerable)} |"
        )
    sys.stdout.write("\n| language | wrongly refused | rightly refused |\n|---|---|---|\n" + "\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
