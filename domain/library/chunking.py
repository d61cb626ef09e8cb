"""Cutting a document into passages: on section and block borders first, inside a block only where it may be."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from typing import Final
from uuid import UUID, uuid5

from domain.library.model import Block, BlockKind, ParsedDocument, Section
from domain.sentences import sentence_spans
from domain.text import Span

CHUNK_CHARS: Final = 620
"""A passage of about five sentences; measured against other sizes in docs/evaluation.md."""
CONTEXT_BEFORE: Final = 300
CONTEXT_AFTER: Final = 100
"""What stands before says what "it" is; measured in docs/evaluation.md."""
MAX_CODE_CHARS: Final = 4_000
"""A code block stays whole up to here, some 100 lines, and is cut at line ends beyond."""


@dataclass(frozen=True, slots=True)
class ChunkSpan:
    """What one passage will hold: code points [start, end) of the text, inside section number ``section``."""

    section: int
    start: int
    end: int


def chunk(parsed: ParsedDocument, *, chunk_chars: int = CHUNK_CHARS) -> list[ChunkSpan]:
    """
    The passages of a document, in order, without overlap, each inside one section and trimmed of white space.

    A passage has at most ``chunk_chars`` code points, but for a table row or a code block that is longer by itself
    (code up to MAX_CODE_CHARS). Blocks are kept together as far as they fit; a longer paragraph is cut between
    sentences, a longer sentence between words, a longer table between rows. Headings are left out, since the heading
    path names them, except in a section that holds nothing else.
    """
    chunks = []
    blocks = iter([*parsed.blocks, Block(len(parsed.text), len(parsed.text), BlockKind.HEADING)])
    block = next(blocks)
    for section in parsed.sections:
        inside = []
        while block.end <= section.end and block.start < len(parsed.text):
            inside.append(block)
            block = next(blocks)
        for start, end in _packed(_units(parsed.text, section, inside, chunk_chars), chunk_chars):
            chunks.append(ChunkSpan(section.ordinal, start, end))
    return chunks


def blocks_of_text(text: str, sections: Sequence[Section]) -> tuple[Block, ...]:
    """
    Blocks of a text whose own are not known: its headings, and what stands between empty lines.

    What was code is not known to be: it may be cut at an empty line, or where it is longer than a passage.
    """
    blocks: list[Block] = []
    for section in sections:
        place = section.start
        heading = section.heading_path[-1] if section.level and section.heading_path else ""
        if heading and text.startswith(heading, place):
            place += len(heading)
            blocks.append(Block(section.start, place, BlockKind.HEADING))
        while place < section.end:
            border = text.find("\n\n", place, section.end)
            end = section.end if border < 0 else border
            span = _trimmed(text, Span(place, end))
            if span.start < span.end:
                blocks.append(Block(span.start, span.end, BlockKind.PARAGRAPH))
            place = end + 2
    return tuple(blocks)


def in_context(text: str, section: Section, start: int, end: int) -> str:
    """
    A passage with up to CONTEXT_BEFORE and CONTEXT_AFTER characters around it, whole words, inside its section.

    For finding by terms only. What is stored and quoted is the passage alone, and so is what is embedded: the mean of
    a passage's words says less about it with its neighbours' mixed in, and a passage keeps its vector beside them.
    """
    first = max(section.start, start - CONTEXT_BEFORE)
    last = min(section.end, end + CONTEXT_AFTER)
    if first > section.start:
        first = next((place for place in range(first, start) if text[place - 1].isspace()), start)
    if last < section.end:
        last = next((place for place in range(last, end, -1) if text[place].isspace()), end)
    return text[first:last].strip()


def passage_input(title: str, heading_path: Sequence[str], text: str) -> str:
    """What is embedded, or indexed by its terms: a passage, or it in its context, under its title and headings."""
    headings = " > ".join(filter(None, (title, *(heading for heading in heading_path if heading != title))))
    return f"{headings}\n\n{text}" if headings else text


def passage_id(document_id: UUID, heading_path: Sequence[str], text: str, ordinal_among_equals: int) -> UUID:
    """
    The id that a passage keeps through every version that holds the same text under the same headings.

    ``ordinal_among_equals`` counts from 0 through the passages of a version that are alike in both.
    """
    digest = sha256(text.encode()).hexdigest()
    # NUL cannot be in a stored text, so no two different paths give the same name.
    return uuid5(document_id, "\0".join((*heading_path, digest, str(ordinal_among_equals))))


def _units(text: str, section: Section, blocks: Sequence[Block], limit: int) -> list[Span]:
    """The spans that are never cut again, in order; only white space lies between them."""
    units: list[Span] = []
    headings: list[Span] = []
    place = section.start
    for block in blocks:
        if not _is_blank(text, place, block.start):
            units += _cut(text, Span(place, block.start), BlockKind.PARAGRAPH, limit)
        (headings if block.kind is BlockKind.HEADING else units).extend(
            _cut(text, Span(block.start, block.end), block.kind, limit)
        )
        place = block.end
    if not _is_blank(text, place, section.end):
        units += _cut(text, Span(place, section.end), BlockKind.PARAGRAPH, limit)
    return units or headings


def _is_blank(text: str, start: int, end: int) -> bool:
    """Whether nothing stands there, as between nearly all blocks."""
    return start >= end or text[start:end].isspace()


def _packed(units: Sequence[Span], limit: int) -> Iterator[Span]:
    """Neighbours joined as long as they fit."""
    current: Span | None = None
    for unit in units:
        if current is not None and unit.end - current.start <= limit:
            current = Span(current.start, unit.end)
            continue
        if current is not None:
            yield current
        current = unit
    if current is not None:
        yield current


def _cut(text: str, span: Span, kind: BlockKind, limit: int) -> list[Span]:
    """A block in pieces that may stand alone, trimmed; none for white space."""
    span = _trimmed(text, span)
    if span.start == span.end:
        return []
    if kind is BlockKind.CODE:
        if span.end - span.start <= MAX_CODE_CHARS:
            return [span]
        return [part for line in _lines(text, span) for part in _by_words(text, line, MAX_CODE_CHARS)]
    if span.end - span.start <= limit:
        return [span]
    if kind is BlockKind.TABLE:
        return _lines(text, span)
    return [part for sentence in _sentences(text, span) for part in _by_words(text, sentence, limit)]


def _sentences(text: str, span: Span) -> list[Span]:
    # Cut where sentences end, not where they begin: what a sentence leaves out, a list's dash, stays ahead of it.
    ends = [span.start + sentence.end for sentence in sentence_spans(span.of(text))]
    borders = [span.start, *ends[:-1], span.end]
    return _pieces(text, borders)


def _lines(text: str, span: Span) -> list[Span]:
    borders = [span.start]
    while (newline := text.find("\n", borders[-1], span.end)) >= 0:
        borders.append(newline + 1)
    return _pieces(text, [*borders, span.end])


def _by_words(text: str, span: Span, limit: int) -> Iterator[Span]:
    """Pieces of at most ``limit``, cut at white space where there is any."""
    start = span.start
    while span.end - start > limit:
        end = max(text.rfind(white, start, start + limit + 1) for white in " \n\t")
        if end <= start:
            end = start + limit
        yield _trimmed(text, Span(start, end))
        start = _trimmed(text, Span(end, span.end)).start
    yield Span(start, span.end)


def _pieces(text: str, borders: Sequence[int]) -> list[Span]:
    spans = (_trimmed(text, Span(start, end)) for start, end in pairwise(borders))
    return [span for span in spans if span.start < span.end]


_RUN: Final = 256
"""White space looked at in one piece."""


def _trimmed(text: str, span: Span) -> Span:
    # By places, not by copies: what is behind a passage may be a line of eight million characters.
    start, end = span
    while start < end and text[start].isspace():
        run = text[start : min(end, start + _RUN)]
        start += len(run) - len(run.lstrip())
    while end > start and text[end - 1].isspace():
        run = text[max(start, end - _RUN) : end]
        end -= len(run) - len(run.rstrip())
    return Span(start, end)
