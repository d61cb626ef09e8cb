"""Questions with the evidence that the shipped parts find for them, in collections of several sizes."""

import asyncio
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid5

from adapters.bm25.analyzer import SnowballAnalyzer
from adapters.formats.by_format import FormatParser
from bench.retrieval_data import DATA, Excerpt, load_chroma
from bench.retrieval_engine import asked
from domain.grounding.model import CitedDocument, CitedSection, Evidence
from domain.grounding.salience import salience
from domain.library.chunking import chunk, in_context, passage_input
from domain.library.model import Format, ParsedDocument, SourceDocument
from domain.retrieval.fusion import fuse
from domain.retrieval.model import FusedHit
from domain.retrieval.relevance import relevance
from domain.sentences import sentence_spans
from domain.text import Analyzer

ANALYZER: Final = SnowballAnalyzer()
TOP_K: Final = 6
NOWHERE: Final = UUID(int=0)
_PARSER: Final = FormatParser()
_FORMATS: Final = {".md": Format.MARKDOWN, ".mdx": Format.MDX}
_VERBS: Final = """
    add build change configure create customize debug disable enable export generate implement import install integrate
    open optimize publish reduce register remove replace run set specify start style test track uninstall update upgrade
    use verify write
"""
_IMPERATIVES: Final = frozenset(_VERBS.split())
_KEY_WORDS: Final = 4


@dataclass(frozen=True, slots=True)
class Passage:
    """A passage as ingestion would make it, with what is embedded and what is indexed of it."""

    uri: str
    title: str
    headings: tuple[str, ...]
    text: str
    start: int
    embedded: str
    indexed: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, what was found for it, and the excerpts that answer it: none when the collection has no answer."""

    question: str
    evidence: Sequence[Evidence]
    answers: tuple[Excerpt, ...] = ()


def chroma_passages() -> dict[str, list[Passage]]:
    return {name: _passages(SourceDocument(name, text, Format.TEXT), "") for name, text in load_chroma()[0].items()}


def react_native() -> tuple[list[Passage], list[tuple[str, Excerpt]]]:
    """The passages of react-native-docs, and questions made of its sections with the section that answers each."""
    root = DATA / "react-native-docs" / "docs"
    passages: list[Passage] = []
    questions: list[tuple[str, Excerpt]] = []
    for path in sorted(path for path in root.rglob("*") if path.suffix in _FORMATS and path.name[0] != "_"):
        uri = path.relative_to(root).as_posix()
        source = SourceDocument(uri, path.read_text(encoding="utf-8"), _FORMATS[path.suffix])
        parsed = _PARSER.parse(source)
        passages += _passages(source, parsed.title or uri)
        questions += _section_questions(uri, parsed)
    return passages, questions


def react_native_texts() -> dict[str, str]:
    """The parsed texts by the versions that the evidence of ``ask`` names: their uris."""
    root = DATA / "react-native-docs" / "docs"
    pages = sorted(path for path in root.rglob("*") if path.suffix in _FORMATS and path.name[0] != "_")
    texts: dict[str, str] = {}
    for path in pages:
        uri = path.relative_to(root).as_posix()
        texts[uri] = _PARSER.parse(SourceDocument(uri, path.read_text(encoding="utf-8"), _FORMATS[path.suffix])).text
    return texts


def beside_the_point(questions: Sequence[str], others: Sequence[str], passages: Sequence[Passage]) -> list[str]:
    """Questions whose heaviest word is exchanged, in turn, for a word of the other questions that no passage holds."""
    known = {term.stem for passage in passages for term in ANALYZER.terms(passage.indexed, language="en")}
    terms = [(other, term) for other in others for term in ANALYZER.terms(other, language="en")]
    foreign = dict.fromkeys(other[term.start : term.end] for other, term in terms if term.stem not in known)
    words = cycle(word for word in foreign if word.islower())
    return [_exchanged(question, word) for question, word in zip(questions, words, strict=False)]


def _exchanged(question: str, word: str) -> str:
    weights = salience(question, analyzer=ANALYZER, language="en")
    terms = ANALYZER.terms(question, language="en")
    heaviest = max(terms, key=lambda term: (weights[term.stem], term.end - term.start))
    return question[: heaviest.start] + word + question[heaviest.end :]


def mtrag_passages() -> list[Passage]:
    texts = (str(row["text"]).strip() for row in rows("mtrag/passages.jsonl"))
    return [Passage("", "", (), text, 0, text, text) for text in texts]


def mtrag_questions(answerability: str) -> list[str]:
    """The last turns of the tasks of a kind, as they stand: those that need the turns before them included."""
    tasks = (task for task in rows("mtrag/tasks.jsonl") if task["answerability"] == [answerability])
    return [str(task["input"][-1]["text"]) for task in tasks]


def ask(passages: Sequence[Passage], questions: Sequence[str]) -> list[list[Evidence]]:
    """What the shipped search finds for each question in an index of these passages."""
    return asyncio.run(_found(passages, questions))


def ask_without(
    passages: Sequence[Passage], questions: Sequence[str], answers: Sequence[Excerpt]
) -> list[list[Evidence]]:
    """The same when the passages of the excerpt that answers a question are not there."""
    return asyncio.run(_found(passages, questions, answers))


def an_evidence(n: int, text: str, *, title: str = "", score: float = 0.0) -> Evidence:
    return _evidence(n, Passage("", title, (), text, 0, text, text), score)


def rows(name: str) -> Iterator[dict[str, Any]]:
    with (Path(DATA) / name).open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


async def _found(
    passages: Sequence[Passage], questions: Sequence[str], left_out: Sequence[Excerpt | None] = ()
) -> list[list[Evidence]]:
    excerpts = left_out or [None] * len(questions)
    async with asked([passage.indexed for passage in passages], questions) as hits:
        return [
            [
                _scored(n, question, passages, hit)
                for n, hit in enumerate(_outside(excerpt, fuse(found), passages)[:TOP_K], 1)
            ]
            for question, found, excerpt in zip(questions, hits, excerpts, strict=True)
        ]


def _outside(excerpt: Excerpt | None, hits: Sequence[FusedHit], passages: Sequence[Passage]) -> Sequence[FusedHit]:
    if excerpt is None:
        return hits
    return [hit for hit in hits if not _overlaps(passages[hit.passage_id.int], excerpt)]


def _overlaps(passage: Passage, excerpt: Excerpt) -> bool:
    return (
        passage.uri == excerpt.text
        and passage.start < excerpt.end
        and passage.start + len(passage.text) > excerpt.start
    )


def _scored(n: int, question: str, passages: Sequence[Passage], hit: FusedHit) -> Evidence:
    passage = passages[hit.passage_id.int]
    headings = (passage.title, *passage.headings)
    chance = relevance(question, passage.text, headings, hit, analyzer=ANALYZER, language="en")
    return _evidence(n, passage, chance)


def _evidence(n: int, passage: Passage, score: float) -> Evidence:
    document = CitedDocument(uuid5(NOWHERE, passage.uri), passage.uri, "bench", passage.uri, passage.title, None, None)
    section = CitedSection(passage.headings, None, None, None)
    end = passage.start + len(passage.text)
    return Evidence(n, uuid5(NOWHERE, passage.text), passage.text, passage.start, end, score, document, section)


def _passages(source: SourceDocument, title: str) -> list[Passage]:
    parsed = _PARSER.parse(source)
    made = []
    for span in chunk(parsed):
        section = parsed.sections[span.section]
        seen = passage_input(title, section.heading_path, in_context(parsed.text, section, span.start, span.end))
        text = parsed.text[span.start : span.end]
        alone = passage_input(title, section.heading_path, text)
        made.append(Passage(source.uri, title, section.heading_path, text, span.start, alone, seen))
    return made


def _section_questions(uri: str, parsed: ParsedDocument) -> Iterator[tuple[str, Excerpt]]:
    """
    Questions that a section answers, by three rules, for sections that hold a sentence of prose.

    A page named by one capitalised word: "What is <title>?". A heading of three words or more that begins with a verb
    of a fixed list: "How do I <heading>?". The four longest words of its first sentence, in order, after "How do I".
    """
    for section in parsed.sections:
        body = parsed.text[section.start : section.end]
        prose = [sentence for span in sentence_spans(body) if _is_prose(sentence := span.of(body))]
        if not prose or not section.heading_path:
            continue
        heading = section.heading_path[-1].strip()
        answer = Excerpt(uri, section.start, section.end)
        if len(section.heading_path) == 1 and re.fullmatch(r"[A-Z][A-Za-z]+", heading):
            yield f"What is {heading}?", answer
        if len(heading.split()) >= 3 and heading.split()[0].lower() in _IMPERATIVES:
            yield f"How do I {heading[0].lower()}{heading[1:]}?", answer
        if len(words := _longest_words(prose[0], ANALYZER)) == _KEY_WORDS:
            yield f"How do I {' '.join(words)}?", answer


def _is_prose(sentence: str) -> bool:
    return len(sentence) > 40 and sentence.endswith(".") and not sentence.startswith(("#", "|", "```", "<"))


def _longest_words(sentence: str, analyzer: Analyzer) -> list[str]:
    words = dict.fromkeys(sentence[term.start : term.end].lower() for term in analyzer.terms(sentence, language="en"))
    longest = sorted(filter(str.isalpha, words), key=lambda word: -len(word))[:_KEY_WORDS]
    return [word for word in words if word in longest]
