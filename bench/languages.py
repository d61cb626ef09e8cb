"""
How well a German and a Spanish collection are searched, and what the static vectors lose there.

``python -m bench.languages``. Twenty pages each of our own writing (``bench/languages``), 33 questions that one of them
answers, in other words than its own where a reader would use others, and 24 that none does: 18 on other subjects, and
six on the pages' own. The last 12 of the first were written after the rules were settled, and are shown apart. It fails
where more than a quarter of the answerable ones are refused, or more than a tenth of the others are not.
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
from domain.conversation.extractive import extractive_answer
from domain.grounding.abstention import decide_abstention
from domain.retrieval.fusion import fuse
from domain.retrieval.model import HybridHits
from domain.retrieval.relevance import relevance

FOLDER: Final = Path(__file__).parent / "languages"
LANGUAGES: Final = ("de", "es")
_WRITTEN_AFTERWARDS: Final = 12
_MOST_REFUSED, _LEAST_REFUSED = 0.25, 0.9
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
    """Which questions get no answer, by decision or for want of a sentence: the answerable, the others."""
    texts = pages(language)
    refused: tuple[list[bool], list[bool]] = ([], [])
    for (question, relevant), halves in zip(questions(language), hits, strict=True):
        evidence = []
        for n, hit in enumerate(fuse(halves)[:6], start=1):
            title, text = texts[hit.passage_id.int]
            chance = relevance(question, text, (title,), hit, analyzer=ANALYZER, language=language)
            evidence.append(an_evidence(n, text, title=title, score=chance))
        abstains = decide_abstention(question, evidence, analyzer=ANALYZER, language=language) is not None
        silent = abstains or not any(extractive_answer(question, evidence, analyzer=ANALYZER, language=language))
        refused[relevant is None].append(silent)
    return refused


def main() -> int:
    sys.stdout.write("| language | terms alone | vectors alone | fused | fused, words analysed as English |\n")
    sys.stdout.write("|---|---|---|---|---|\n")
    lines, missed = [], False
    for language in LANGUAGES:
        own = asyncio.run(found(language, language))
        as_english = asyncio.run(found(language, "en"))
        rankings = [[rank(hits) for hits in own] for rank in (by_terms, by_vectors, by_fusion)]
        rankings.append([by_fusion(hits) for hits in as_english])
        cells = [f"{fmean(reciprocal_ranks(language, ranked)):.3f}" for ranked in rankings]
        sys.stdout.write(f"| {language} | {' | '.join(cells)} |\n")
        answerable, unanswerable = refusals(language, own)
        early, late = answerable[:-_WRITTEN_AFTERWARDS], answerable[-_WRITTEN_AFTERWARDS:]
        counts = (f"{sum(refused)} of {len(refused)}" for refused in (early, late, unanswerable))
        lines.append(f"| {language} | {' | '.join(counts)} |")
        missed = missed or fmean(answerable) > _MOST_REFUSED or fmean(unanswerable) < _LEAST_REFUSED
    sys.stdout.write(
        "\n| language | wrongly refused | the same, written afterwards | rightly refused |\n|---|---|---|---|\n"
    )
    sys.stdout.write("\n".join(lines) + "\n")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
