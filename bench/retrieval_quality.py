"""
How well the embedded default finds: ``python -m bench.retrieval_quality [--write]`` from the project's root.

Measured through the real parts, as they are shipped: plain-text parser, chunking, BM25 encoder, static embedder, Qdrant
Edge index, fusion. ``--write`` puts the tables into docs/evaluation.md. Exits with 1 where a bar is missed.
"""

import asyncio
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import log2
from pathlib import Path
from statistics import fmean
from typing import Final

from adapters.bm25.encoder import AVERAGE_TERMS, K1, B
from adapters.formats.plain_text import PlainTextParser
from bench.retrieval_data import Excerpt, ExcerptQuestion, load_chroma, load_scifact
from bench.retrieval_engine import RANKINGS, asked, by_fusion
from domain.library.chunking import CHUNK_CHARS, CONTEXT_AFTER, CONTEXT_BEFORE, chunk, in_context, passage_input
from domain.library.model import Format, SourceDocument
from domain.retrieval.fusion import CANDIDATES, DENSE_WEIGHT

REPORT: Final = Path(__file__).resolve().parents[1] / "docs" / "evaluation.md"
BEGIN: Final = "<!-- retrieval: start -->"
END: Final = "<!-- retrieval: end -->"
SHOWN: Final = 5
GAIN_BAR: Final = 0.015
RECALL_BAR: Final = 90.0
IOU_BAR: Final = 8.5


async def scifact() -> dict[str, float]:
    """nDCG@10 by ranking; one passage per abstract, its title on top."""
    data = load_scifact()
    names = list(data.abstracts)
    inputs = [passage_input(title, (), text) for title, text in data.abstracts.values()]
    async with asked(inputs, [claim for claim, _ in data.claims]) as found:
        return {
            label: fmean(
                ndcg([names[number] for number in rank(hits)[:10]], relevant)
                for hits, (_, relevant) in zip(found, data.claims, strict=True)
            )
            for label, rank in RANKINGS.items()
        }


def ndcg(ranked: Sequence[str], relevant: frozenset[str]) -> float:
    """Of at most ten, with gains of 0 and 1."""
    gained = sum(1 / log2(place + 2) for place, name in enumerate(ranked) if name in relevant)
    return gained / sum(1 / log2(place + 2) for place in range(min(10, len(relevant))))


@dataclass(frozen=True, slots=True)
class Cut:
    """A passage by where it stands, with what is embedded and what is indexed of it."""

    excerpt: Excerpt
    embedded: str
    indexed: str


Splitter = Callable[[str, str], list[Cut]]


def shipped(chunk_chars: int, *, context: bool = True, embed_context: bool = False) -> Splitter:
    """Passages as ingestion makes them, each with what is embedded and indexed of it."""

    def split(name: str, text: str) -> list[Cut]:
        parsed = PlainTextParser().parse(SourceDocument(name, text, Format.TEXT))
        passages = []
        for span in chunk(parsed, chunk_chars=chunk_chars):
            section = parsed.sections[span.section]
            alone = passage_input("", section.heading_path, text[span.start : span.end])
            around = passage_input("", section.heading_path, in_context(text, section, span.start, span.end))
            excerpt = Excerpt(name, span.start, span.end)
            passages.append(Cut(excerpt, around if embed_context else alone, around if context else alone))
        return passages

    return split


def every_600(name: str, text: str) -> list[Cut]:
    """The plainest splitter there is: a cut at every 600th character."""
    starts = range(0, len(text), 600)
    return [
        Cut(Excerpt(name, start, min(start + 600, len(text))), *2 * (text[start : start + 600],)) for start in starts
    ]


async def chroma(split: Splitter) -> tuple[int, float, float]:
    """How many passages there are; recall and IoU in per cent over the top five."""
    texts, questions = load_chroma()
    passages = [passage for name, text in texts.items() for passage in split(name, text)]
    embedded, indexed = [one.embedded for one in passages], [one.indexed for one in passages]
    async with asked(embedded, [question.text for question in questions], indexed=indexed) as found:
        tops = [[passages[number].excerpt for number in by_fusion(hits)[:SHOWN]] for hits in found]
    overlaps = [overlap(question, top) for question, top in zip(questions, tops, strict=True)]
    return len(passages), 100 * fmean(recall for recall, _ in overlaps), 100 * fmean(iou for _, iou in overlaps)


def overlap(question: ExcerptQuestion, found: Sequence[Excerpt]) -> tuple[float, float]:
    """
    Recall, and intersection over union where text that is found twice counts twice below the line.

    Counted in characters, as Chroma's own code does (Smith & Troynikov, Evaluating Chunking Strategies for Retrieval,
    2024, calls them tokens).
    """
    wanted, seen = _places(question.answers), _places(found)
    retrieved = sum(excerpt.end - excerpt.start for excerpt in found)
    common = len(wanted & seen)
    return common / len(wanted), common / (retrieved + len(wanted) - common)


def _places(excerpts: Iterable[Excerpt]) -> set[tuple[str, int]]:
    return {(one.text, place) for one in excerpts for place in range(one.start, one.end)}


async def report() -> tuple[str, bool]:
    """The tables in Markdown, and whether every bar is met."""
    by_ranking = await scifact()
    *halves, _, fused = by_ranking.values()
    lines = [
        f"Measured on {datetime.now(UTC):%Y-%m-%d} with `python -m bench.retrieval_quality --write`.",
        "",
        f"One configuration throughout: chunks of {CHUNK_CHARS} characters, no overlap, embedded alone, indexed with "
        f"{CONTEXT_BEFORE} characters before and {CONTEXT_AFTER} after; BM25 k1 {K1}, b {B}, average length "
        f"{AVERAGE_TERMS:.0f}; {CANDIDATES} hits of each half; fusion with {DENSE_WEIGHT} on the vectors.",
        "",
        "| SciFact: 809 claims, 5,183 abstracts | nDCG@10 |",
        "|---|---|",
        *(f"| {label} | {score:.4f} |" for label, score in by_ranking.items()),
        "",
        "| Chroma: 276 questions, 3 texts, top 5 | passages | recall % | IoU % |",
        "|---|---|---|---|",
    ]
    shipped_figures = await chroma(shipped(CHUNK_CHARS))
    rows = {
        f"**{CHUNK_CHARS} characters with context (shipped)**": shipped_figures,
        "without context": await chroma(shipped(CHUNK_CHARS, context=False)),
        "context embedded as well": await chroma(shipped(CHUNK_CHARS, embed_context=True)),
        "a cut at every 600th character": await chroma(every_600),
        **{f"{size} characters with context": await chroma(shipped(size)) for size in (400, 500, 600, 650, 700, 800)},
    }
    lines += [f"| {label} | {count} | {recall:.1f} | {iou:.1f} |" for label, (count, recall, iou) in rows.items()]
    _, recall, iou = shipped_figures
    return "\n".join(lines), fused >= max(halves) + GAIN_BAR and recall >= RECALL_BAR and iou >= IOU_BAR


def main() -> int:
    tables, met = asyncio.run(report())
    sys.stdout.write(tables + "\n")
    if "--write" in sys.argv[1:]:
        before, _, rest = REPORT.read_text(encoding="utf-8").partition(BEGIN)
        _, _, after = rest.partition(END)
        REPORT.write_text(f"{before}{BEGIN}\n{tables}\n{END}{after}", encoding="utf-8")
    if not met:
        sys.stderr.write(f"a bar is missed: fusion +{GAIN_BAR}, recall {RECALL_BAR}, IoU {IOU_BAR}\n")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
