"""The public question sets that retrieval is measured on; they lie beside the project, never in it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

DATA: Final = Path(__file__).resolve().parents[2] / "shared" / "data"
CHROMA_TEXTS: Final = ("chatlogs", "state_of_the_union", "wikitexts")


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Code points [start, end) of a text that answer a question."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class ExcerptQuestion:
    text: str
    answers: tuple[Excerpt, ...]


@dataclass(frozen=True, slots=True)
class SciFact:
    """Abstracts by id as (title, text), and claims with the ids of the abstracts that they cite."""

    abstracts: dict[str, tuple[str, str]]
    claims: list[tuple[str, frozenset[str]]]


def load_scifact() -> SciFact:
    """The train claims. The shipped settings were chosen on them: they are no held-out set."""
    abstracts = {one["_id"]: (one["title"], " ".join(one["sentences"])) for one in _lines("scifact/corpus.jsonl")}
    claims = [(one["claim"], frozenset(one["cited_doc_ids"])) for one in _lines("scifact/claims_train.jsonl")]
    return SciFact(abstracts, claims)


def load_chroma() -> tuple[dict[str, str], list[ExcerptQuestion]]:
    """The texts by name, and the questions with the exact excerpts that answer them."""
    texts = {}
    for name in CHROMA_TEXTS:
        with (DATA / "chroma-chunking" / f"{name}.md").open(encoding="utf-8", newline="") as file:
            texts[name] = file.read()
    questions = [
        ExcerptQuestion(
            one["question"],
            tuple(Excerpt(one["corpus_id"], ref["start_index"], ref["end_index"]) for ref in one["references"]),
        )
        for one in _lines("chroma-chunking/questions.jsonl")
    ]
    return texts, questions


def _lines(path: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / path).read_text(encoding="utf-8").splitlines()]
