"""The words of a passage that carry a claim: verbatim, and as few as will do."""

import re
from array import array
from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from domain.grounding.claims import without_markers
from domain.grounding.model import Citation, Evidence
from domain.grounding.overlap import Unit, best_run, terms_of, touched, units_of, weigh
from domain.sentences import ALWAYS_STOPS
from domain.text import Analyzer, Span

_CACHED_PASSAGES: Final = 512
"""Those of some hundred running answers, at a few kilobytes each."""
_IGNORED: Final = re.compile(r"[\s\"'“”‘’«»„‹›`]+|\[\d{1,3}\]")
_NUMBERED: Final = re.compile(r"\[\d{1,3}\]")
_QUOTATION: Final = "\"'“”‘’«»„‹›`"
_ASCII_QUOTATION: Final = "\"'`"
_LIST_PREFIX: Final = re.compile(r"\A(?:[-*+•]|\d{1,3}[.)])[ \t]+")
_END_MARKS: Final = ".!?…,;:" + ALWAYS_STOPS
_SHORTEST_VERBATIM: Final = 8
"""Characters, blanks not counted, below which finding the same words proves nothing."""
_WORTH_A_SENTENCE: Final = 0.08
"""Share of the claim's weight that one more sentence has to bring to be quoted too."""
_CLEARLY_SHORTER: Final = 0.6
_CLAUSE_BORDER: Final = re.compile(
    r"[;:—][ \t\n]+|,[ \t\n]+(?=(?:and|but|while|whereas|which|so|because|although)\b)|[ ]–[ ]"
)
_LETTER: Final = re.compile(r"[^\W\d_]")
_CHANGES_SENSE: Final = re.compile(
    r"\b(?:not|no|never|only|unless|if|except|without|neither|nor|until|when|may|might|\w+n['’]t|"
    r"nicht|kein\w*|nie|niemals|nur|wenn|falls|sofern|außer|ohne|weder|nunca|solo|sólo|salvo|excepto|sin|ni|si|cuando)\b",
    re.IGNORECASE,
)


def align_quote(claim: str, evidence: Evidence, *, analyzer: Analyzer, language: str) -> Citation | None:
    """
    The shortest run of the evidence that carries the claim; None when they share no content word.

    The claim's own words win where the passage holds them (white space, quotation marks and markers apart). Else it is
    up to three adjoining sentences, narrowed to a clause that is clearly shorter and loses no word of the claim and
    no negation or condition. ``quote == evidence.text[quote_start - evidence.start : quote_end - evidence.start]``.
    """
    span = find_verbatim(claim, evidence.text)
    if span is None:
        span = _best_run(claim, evidence.text, analyzer, language)
    else:
        units = units_of(evidence.text, analyzer, language)
        if changes_sense(evidence.text, span, units):
            span = _clause_around(evidence.text, span, units)
        span = _to_the_edges(evidence.text, span, units)
    if span is None:
        return None
    return Citation(evidence.n, span.of(evidence.text), evidence.start + span.start, evidence.start + span.end)


@lru_cache(maxsize=8)  # asked for twice: to quote, and to judge
def find_verbatim(claim: str, text: str) -> Span | None:
    """Where the text says the claim in the same words: white space, quotation marks and ``[n]`` are not compared."""
    core = _LIST_PREFIX.sub("", without_markers(claim), count=1)
    wanted = _bare(core)
    bare = _bare_passage(text)
    for words in (wanted, wanted.rstrip(_END_MARKS)):
        if len(words) < _SHORTEST_VERBATIM:
            return None
        if words not in bare:
            continue
        places = _places_of(text)
        at = bare.find(words)
        while at >= 0:
            span = Span(places.of(at), places.of(at + len(words) - 1) + 1)
            if _stands_alone(text, span):
                return span
            at = bare.find(words, at + 1)
    return None


def _stands_alone(text: str, span: Span) -> bool:
    """Whether the span begins and ends between words: "formed" is not in "informed"."""
    before, after = text[span.start - 1 : span.start], text[span.end : span.end + 1]
    cut_start = before.isalnum() and text[span.start].isalnum() and before.isascii()
    cut_end = after.isalnum() and text[span.end - 1].isalnum() and after.isascii()
    return not (cut_start or cut_end)


def _bare(text: str) -> str:
    """The characters that are compared."""
    if "[" in text:
        text = _NUMBERED.sub("", text)
    bare = "".join(text.split())
    for mark in _ASCII_QUOTATION if bare.isascii() else _QUOTATION:
        if mark in bare:
            bare = bare.replace(mark, "")
    return bare


_bare_passage: Final = lru_cache(maxsize=_CACHED_PASSAGES)(_bare)


class _Places(NamedTuple):
    """Where the characters of a text's ``_bare`` stand in the text: ``starts`` of its runs in the one, in the other."""

    starts: "array[int]"
    in_text: "array[int]"

    def of(self, at: int) -> int:
        run = bisect_right(self.starts, at) - 1
        return self.in_text[run] + at - self.starts[run]


@lru_cache(maxsize=_CACHED_PASSAGES)
def _places_of(text: str) -> _Places:
    """Asked for where the words were found."""
    starts, in_text = array("I", (0,)), array("I", (0,))
    left_out = 0
    for ignored in _IGNORED.finditer(text):
        start, end = ignored.span()
        starts.append(start - left_out)
        in_text.append(end)
        left_out += end - start
    return _Places(starts, in_text)


@lru_cache(maxsize=8)  # as well: the same words of the same passage
def changes_sense(text: str, span: Span, units: tuple[Unit, ...]) -> bool:
    """Whether the clause that the span was cut from holds a negation or condition outside it."""
    around = _sentences_around(span, units)
    if not _LETTER.search(text[around.start : span.start] + text[span.end : around.end]):
        return False  # whole sentences: most of what is quoted
    clause = _clauses(text, around, span)
    left_out = text[clause.start : span.start] + " " + text[span.end : clause.end]
    return _CHANGES_SENSE.search(left_out) is not None


def _to_the_edges(text: str, span: Span, units: Sequence[Unit]) -> Span:
    """
    A whole sentence with the marks that it opens and ends with, which comparing left out: "`Pressable` is ...".

    A span that begins or ends inside a sentence keeps that end as it is.
    """
    start, end = span
    for unit in touched(units, span):
        if unit.span.start <= start < unit.span.end and not _IGNORED.sub("", text[unit.span.start : start]):
            start = unit.span.start
        tail = text[end : unit.span.end]
        if unit.span.start < end < unit.span.end and not _IGNORED.sub("", tail).strip(_END_MARKS):
            whole = start == unit.span.start or not _IGNORED.sub("", tail)
            end = unit.span.end if whole else end
    return Span(start, end)


def _clause_around(text: str, span: Span, units: Sequence[Unit]) -> Span:
    """The span, widened to the borders of the clauses that it begins and ends in."""
    return _clauses(text, _sentences_around(span, units), span)


def _sentences_around(span: Span, units: Sequence[Unit]) -> Span:
    """The span, widened to the sentences that it touches."""
    around = touched(units, span)
    if not around:
        return span
    return Span(min(around[0].span.start, span.start), max(around[-1].span.end, span.end))


def _clauses(text: str, whole: Span, inner: Span) -> Span:
    """The clauses of ``whole`` from the one that ``inner`` begins in to the one that it ends in."""
    borders = [match.span() for match in _CLAUSE_BORDER.finditer(text, whole.start, whole.end)]
    start = max((end for _, end in borders if end <= inner.start), default=whole.start)
    end = min((begin for begin, _ in borders if begin >= inner.end), default=whole.end)
    return Span(start, end)


def _best_run(claim: str, text: str, analyzer: Analyzer, language: str) -> Span | None:
    units = units_of(text, analyzer, language)
    stems = {term.stem for term in terms_of(without_markers(claim), analyzer, language)}
    body = [unit for unit in units if text[unit.span.start] != "#"]  # a heading only names what its section says
    weights = weigh(stems, units)
    run = best_run(body, weights, per_sentence=_WORTH_A_SENTENCE) or best_run(units, weights)
    return _narrowed(text, run, stems) if run else None


def _narrowed(text: str, run: Sequence[Unit], stems: set[str]) -> Span:
    """The clauses from the first to the last word of the claim, where that is clearly shorter and as true."""
    whole = Span(run[0].span.start, run[-1].span.end)
    shared = [term for unit in run for term in unit.terms if term.stem in stems]
    start, end = narrow = _clauses(text, whole, Span(shared[0].start, shared[-1].end))
    left_out = text[whole.start : start] + " " + text[end : whole.end]
    if end - start >= _CLEARLY_SHORTER * (whole.end - whole.start) or _CHANGES_SENSE.search(left_out):
        return whole
    return narrow
