"""The abstracts of SciFact as Markdown documents, in two editions that differ in every third of them."""

import json
from pathlib import Path

from domain.library.model import Format, SourceDocument

CORPUS = Path(__file__).parents[3] / "shared" / "data" / "scifact" / "corpus.jsonl"


def abstracts(count: int, edition: int = 0) -> list[SourceDocument]:
    """The first ``count`` of them. The odd edition lacks the last sentence of every third, and has another instead."""
    documents = []
    with CORPUS.open(encoding="utf-8") as lines:
        for place, line in zip(range(count), lines, strict=False):
            read = json.loads(line)
            sentences = list(read["sentences"])
            if place % 3 == 0 and edition % 2:
                sentences[-1] = f"This sentence is of edition {edition % 2} of abstract {place}."
            text = f"# {read['title']}\n\n{' '.join(sentences)}\n"
            documents.append(SourceDocument(f"{read['_id']}.md", text, Format.MARKDOWN))
    assert len(documents) == count
    return documents
