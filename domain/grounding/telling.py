"""Whether what was found tells what is asked for: all of it, as a definition, or in the form that the answer has."""

from collections.abc import Mapping, Sequence, Set
from typing import Final

from domain.grounding.answer_forms import form_asked
from domain.grounding.leaning import leans
from domain.grounding.model import Evidence
from domain.grounding.overlap import Unit, coverage, length_weight, units_of
from domain.grounding.question_kind import QuestionKind, defines, kind_of
from domain.grounding.salience import MOST_OF_SCAFFOLD, OF_NAME
from domain.text import Analyzer

_CODE: Final = ("```", "~~~", "<")
"""Code and markup hold numbers and names that say nothing."""


def tells_all(
    weights: Mapping[str, float],
    stems: Set[str],
    named: Sequence[Set[str]],
    rows: Sequence[Sequence[Set[str]]],
) -> bool:
    """Whether one sentence, with its headings, has every word that says what the question is about."""
    telling = {stem for stem, weight in weights.items() if weight > MOST_OF_SCAFFOLD}
    if not telling or not telling <= stems:
        return False
    return any(
        left <= said and not telling.isdisjoint(said)
        for names, stems_of in zip(named, rows, strict=True)
        for left in [telling - names]
        for said in stems_of
    )


def is_defined(
    question: str, subject: Set[str], evidence: Sequence[Evidence], units: Sequence[Sequence[Unit]], language: str
) -> bool:
    """Whether a sentence opens with all that a question for a definition is about, and says what it is."""
    kind = kind_of(question, language=language)
    if kind is not QuestionKind.DEFINITION:
        return False
    return any(
        subject <= one.stems and defines(kind, one.span.of(piece.text), early=one.opening(subject))
        for piece, own in zip(evidence, units, strict=True)
        for one in own
    )


def gives_form(
    question: str,
    evidence: Sequence[Evidence],
    weights: Mapping[str, float],
    named: Sequence[Set[str]],
    rows: Sequence[Sequence[frozenset[str]]],
    analyzer: Analyzer,
    language: str,
) -> bool:
    """Whether any sentence that is about the question gives what it asks for, where that has a form: a date, a name."""
    asked = form_asked(question, analyzer=analyzer, language=language)
    if asked is None:
        return True
    about = {stem: weight for stem, weight in weights.items() if weight > MOST_OF_SCAFFOLD}
    telling = {
        stem: weight
        for stem, weight in about.items()
        if weight < OF_NAME * length_weight(stem) and stem not in asked.by_other_words
    }
    for piece, names, stems_of in zip(evidence, named, rows, strict=True):
        # A passage that begins with "It ..." leans on words that were cut off: they may be any.
        before: Set[str] = weights.keys()
        for one, said in zip(units_of(piece.text, analyzer, language), stems_of, strict=True):
            text = one.span.of(piece.text)
            before = before | said if leans(text) else said
            if text.startswith(_CODE) or not (
                asked.by_other_words or not telling or not telling.keys().isdisjoint(said)
            ):
                continue
            if asked.share(text) <= max(coverage(telling, before | names), coverage(about, before | names)):
                return True
    return False
