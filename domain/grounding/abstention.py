"""Is what was found enough to answer? If not: no answer, with the reason and what came closest."""

from collections.abc import Sequence
from itertools import chain
from math import exp, log
from typing import Final

from domain.grounding.kinship import akin
from domain.grounding.measures import Given
from domain.grounding.mentions import only_mentioned
from domain.grounding.messages import listed, wording_for
from domain.grounding.model import Abstention, AbstentionReason, Evidence
from domain.grounding.overlap import coverage, stems_of_headings, units_of
from domain.grounding.salience import MOST_OF_SCAFFOLD, salience
from domain.grounding.tables import row_stems
from domain.grounding.telling import gives_form, is_defined, tells_all
from domain.text import Analyzer

# A logistic over whole questions, fitted on Chroma's, asked of each of its texts alone, on questions made of
# react-native-docs by rule, with and without the section that answers them, and on MTRAG's last turns, each set and
# each outcome weighing alike; bench/abstention_quality.py has what it reaches on questions that were kept out.
_BIAS: Final = -2.03
_OF_BEST, _OF_SECOND, _OF_MEAN = 1.09, 0.33, -5.14
"""The log-odds of the best two passages, and the mean chance of the best three: many alike are a subject."""
_OF_QUESTION, _OF_HELD, _OF_PASSAGE, _OF_SENTENCE = 0.52, 0.21, 1.06, 2.02
"""The question's own weight, and the shares of it that all passages, one with its headings, and one sentence hold."""
_OF_ALL_TOLD: Final = 0.6
"""
One sentence that has all of it: a question of few words says little, but it is all there. From .3 to 1.0 none of the
bars that the fit was made for is missed; docs/evaluation.md says what moves.
"""
_OF_LACK_IN_SHORT: Final = -0.90
"""What a question of up to five words lacks: it says nothing twice."""
_SHORT_WEIGHT: Final = 5.5
"""
A question of up to four or five words whose heaviest no passage holds is about something else: "How do I debounce a
text input?" is not answered by any page on text inputs.
"""
_LONGEST_QUESTION: Final = 8.0
MIN_CHANCE: Final = 0.35
"""
Chance of an answer below which none is tried: of the questions above some 7 in 100 with an answer are then refused.
"""
_NO_SECOND: Final = 0.05
"""
Stands for the second passage's chance where there is one passage alone: an ordinary one's, since there was nothing
else to be like the question or not. Every question that the weights were fitted on had six passages.
"""
SURE: Final = 0.9
"""A passage as likely as that decides alone: a reranker may know it by other words than the question's."""
_DEFINED: Final = 0.5
"""
Even odds at least where a sentence opens with the very thing that is asked about and says what it is: a question of one
word has little else to be known by.
"""
CLOSEST: Final = 3
"""Passages shown with an abstention at most."""
_NAMED_WORDS: Final = 3


def decide_abstention(
    question: str, evidence: Sequence[Evidence], *, analyzer: Analyzer, language: str
) -> Abstention | None:
    """None when the evidence is enough to try an answer; else why not, for the reader, and the closest passages."""
    if not evidence:
        return Abstention(
            AbstentionReason.NOTHING_RETRIEVED,
            wording_for(question, language=language).nothing,
        )
    if chance_of_answer(question, evidence, analyzer=analyzer, language=language) >= MIN_CHANCE:
        return None
    return insufficient(question, evidence, analyzer=analyzer, language=language)


def chance_of_answer(question: str, evidence: Sequence[Evidence], *, analyzer: Analyzer, language: str) -> float:
    """
    The calibrated chance, 0 to 1, that the evidence answers the question.

    The best of thousands of passages always looks a bit relevant; so it also counts how far the best stands out, and
    how much of what the question is about, by ``salience``, the passages hold: together, one alone, one sentence alone.
    """
    scores = sorted([piece.score for piece in evidence], reverse=True)
    if scores[0] >= SURE:
        return scores[0]
    analyzer = akin(question, analyzer, language)
    weights = salience(question, analyzer=analyzer, language=language)
    given = Given(question, analyzer, language)
    wanted = weights.keys()
    named = [_named(piece, analyzer, language) for piece in evidence]
    units = [units_of(piece.text, analyzer, language) for piece in evidence]
    rows = [row_stems(piece.text, own) for piece, own in zip(evidence, units, strict=True)]
    # Of what the passages hold, the question's own words: most sentences have the same few of them, or none.
    told = [[said.intersection(wanted) for said in stems_of] for stems_of in rows]
    if given:
        told = [
            [said | given.by([one.span.of(piece.text)]) for one, said in zip(own, told_of, strict=True)]
            for piece, own, told_of in zip(evidence, units, told, strict=True)
        ]
    wholes = [
        names.intersection(wanted).union(given.by([piece.text]), *told_of)
        for piece, names, told_of in zip(evidence, named, told, strict=True)
    ]
    stems = frozenset[str]().union(*wholes)
    weights = given.weighed(weights, stems)
    total = sum(weights.values())
    held = coverage(weights, stems)
    lacking = max((weight for stem, weight in weights.items() if stem not in stems), default=0.0)
    heaviest = max(weights.values(), default=1.0)
    if total < _SHORT_WEIGHT and lacking == heaviest and heaviest > MOST_OF_SCAFFOLD:
        return 0.0
    passage = max([coverage(weights, whole) for whole in wholes])
    told_by_each = set(chain.from_iterable(told))
    # A heading that asks the question itself is answered below it in other words.
    told_by_each |= {_closest_heading(piece, analyzer, language).intersection(wanted) for piece in evidence}
    sentence = max([coverage(weights, told) for told in told_by_each], default=0.0)
    if only_mentioned(question, evidence, weights, named, rows, stems, analyzer=analyzer, language=language):
        return 0.0
    if not gives_form(question, evidence, weights, named, rows, analyzer, language):
        return 0.0
    logit = (
        _BIAS
        + _OF_BEST * _odds(scores[0])
        + _OF_SECOND * _odds(max([*scores[1:2], _NO_SECOND]))
        + _OF_MEAN * sum(scores[:3]) / 3
        + _OF_QUESTION * min(total, _LONGEST_QUESTION)
        + _OF_HELD * held
        + _OF_PASSAGE * passage
        + _OF_SENTENCE * sentence
        + _OF_LACK_IN_SHORT * (1 - held) * (total < _SHORT_WEIGHT)
        + _OF_ALL_TOLD * tells_all(weights, stems, named, rows)
    )
    chance = 1 / (1 + exp(-max(-30.0, min(30.0, logit))))
    if chance < MIN_CHANCE and is_defined(question, weights.keys(), evidence, units, language):
        return _DEFINED
    return chance


def _odds(chance: float) -> float:
    return log(max(chance, 1e-4) / max(1 - chance, 1e-4))


def insufficient(question: str, evidence: Sequence[Evidence], *, analyzer: Analyzer, language: str) -> Abstention:
    """The abstention over evidence that does not answer; names the question's words that no passage holds."""
    wording = wording_for(question, language=language)
    message = wording.insufficient
    if absent := _absent_words(question, evidence, analyzer, language):
        message += f"; {wording.unmentioned} {listed(absent, wording.either)}"
    closest = sorted(evidence, key=lambda piece: -piece.score)[:CLOSEST]
    return Abstention(AbstentionReason.INSUFFICIENT_EVIDENCE, message + ".", tuple(closest))


def verification_failed(question: str, evidence: Sequence[Evidence], *, language: str) -> Abstention:
    """The abstention when most of what was written had to be held back."""
    message = wording_for(question, language=language).held_back
    closest = sorted(evidence, key=lambda piece: -piece.score)[:CLOSEST]
    return Abstention(AbstentionReason.VERIFICATION_FAILED, message, tuple(closest))


def _absent_words(question: str, evidence: Sequence[Evidence], analyzer: Analyzer, language: str) -> list[str]:
    analyzer = akin(question, analyzer, language)
    held = _held(evidence, analyzer, language)
    given = Given(question, analyzer, language)
    held |= given.by(piece.text for piece in evidence)
    weights = given.weighed(salience(question, analyzer=analyzer, language=language), held)
    absent: dict[str, str] = {}
    named_to = 0
    for stem, start, end in analyzer.terms(question, language=language):
        if start >= named_to and stem not in held and weights[stem] > MOST_OF_SCAFFOLD:
            absent.setdefault(stem, question[start:end])
            named_to = end  # the parts of a name such as GraphQL come after it
    return list(absent.values())[:_NAMED_WORDS]


def _held(evidence: Sequence[Evidence], analyzer: Analyzer, language: str) -> set[str]:
    """The stems of the passages, their titles and their headings."""
    named = set[str]().union(*(_named(piece, analyzer, language) for piece in evidence))
    return named.union(*(unit.stems for piece in evidence for unit in units_of(piece.text, analyzer, language)))


def _closest_heading(piece: Evidence, analyzer: Analyzer, language: str) -> frozenset[str]:
    return stems_of_headings(piece.section.heading_path[-1:], analyzer, language)


def _named(piece: Evidence, analyzer: Analyzer, language: str) -> frozenset[str]:
    return stems_of_headings((piece.document.title, *piece.section.heading_path), analyzer, language)
