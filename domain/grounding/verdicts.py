"""What its cited passages say of a claim, as far as words can tell."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp
from typing import Final

from domain.grounding.claims import is_claim, without_markers
from domain.grounding.copying import is_copied
from domain.grounding.figures import missing_figures
from domain.grounding.model import Citation, Claim, Evidence, Verdict, Verifier, WrittenSentence
from domain.grounding.overlap import best_run, coverage, terms_of, units_of, weigh
from domain.grounding.polarity import Conflict, conflict
from domain.grounding.quotes import align_quote, changes_sense, find_verbatim
from domain.text import Analyzer, Term

VERIFIER: Final = Verifier("lexical", "1")

# A logistic over three features, fitted on all 349 claims of WiCE's development set ("supported" against the rest,
# best of a claim's oracle chunks); AUROC .80 in five-fold cross-validation. bench/grounding_quality.py measures it.
_INTERCEPT: Final = -1.40
_OF_COVERAGE: Final = 3.13
_OF_MISSING_FIGURES: Final = -2.28
_OF_MISSING_NAMES: Final = -2.29

_VERBATIM_SCORE: Final = 0.99
_SUPPORTED_COVERAGE: Final = 0.85
"""Weight of the claim's words that its quotes must hold: in a sentence of ten words, all but a common one."""
_UNRELATED_COVERAGE: Final = 0.35
"""Below this share the words in common are those that any two texts on one subject share."""
_UNSUPPORTED_SCORE: Final = 0.2
_PARTIAL_SCORE: Final = 0.6
"""What a rule decides against the logistic is scored no higher than the logistic's own middle of that verdict."""
_ORDER: Final = 0.75
"""Share of the common words that stand in the source's order; cats chase dogs shares .67 with dogs chase cats."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """How a claim's words fare in what it cites, each share 0 to 1; ``weights`` says what each word counts."""

    coverage: float
    missing_figures: float
    missing_names: float
    weights: Mapping[str, float]

    @property
    def score(self) -> float:
        """The chance that the claim is supported."""
        logit = (
            _INTERCEPT
            + _OF_COVERAGE * self.coverage
            + _OF_MISSING_FIGURES * self.missing_figures
            + _OF_MISSING_NAMES * self.missing_names
        )
        return round(1 / (1 + exp(-logit)), 4)


def judge(
    sentence: WrittenSentence, index: int, evidence: Sequence[Evidence], *, analyzer: Analyzer, language: str
) -> Claim | None:
    """
    The claim that a sentence makes, with its quotes and verdict; None when it makes none.

    ``supported`` needs the source's own words, or nearly all of them in its order with no figure or name missing and no
    sign of another sense; what overlap cannot tell (negation scope, swapped roles) is ``partial``. ``score`` is the
    calibrated chance of support, 0 for an uncited claim.
    """
    if not is_claim(sentence.text, language=language):
        return None
    cited = [piece for piece in evidence if piece.n in sentence.markers]
    verdict, score = Verdict.UNCITED, 0.0
    citations: tuple[Citation, ...] = ()
    if cited:
        quotes = (align_quote(sentence.text, piece, analyzer=analyzer, language=language) for piece in cited)
        citations = tuple(quote for quote in quotes if quote is not None)
        verdict, score = _judged(sentence.text, cited, citations, analyzer, language)
    copied = is_copied(sentence.text, (piece.text for piece in evidence))
    return Claim(index, sentence.start, sentence.end, verdict, score, copied, citations)


def _judged(
    text: str, cited: Sequence[Evidence], quotes: Sequence[Citation], analyzer: Analyzer, language: str
) -> tuple[Verdict, float]:
    if any(_says_the_same(text, piece.text, analyzer, language) for piece in cited):
        return Verdict.SUPPORTED, _VERBATIM_SCORE
    core = without_markers(text)
    terms = terms_of(core, analyzer, language)
    compared = compare(core, terms, [piece.text for piece in cited], analyzer, language)
    quoted = "\n".join(quote.quote for quote in quotes)
    source = terms_of(quoted, analyzer, language)
    held = coverage(compared.weights, {term.stem for term in source})
    wrong, _ = missing_figures(core, quoted)
    differs = conflict(core, quoted, language=language)
    denied = differs is Conflict.CONTRADICTS and held >= _SUPPORTED_COVERAGE
    if compared.coverage < _UNRELATED_COVERAGE or compared.missing_figures == 1 or denied:
        return Verdict.UNSUPPORTED, min(compared.score, _UNSUPPORTED_SCORE)
    faithful = held >= _SUPPORTED_COVERAGE and not wrong and not compared.missing_names
    if faithful and differs is None and _same_order(core, terms, source):
        return Verdict.SUPPORTED, compared.score
    return Verdict.PARTIAL, min(compared.score, _PARTIAL_SCORE)


def _says_the_same(text: str, source: str, analyzer: Analyzer, language: str) -> bool:
    span = find_verbatim(text, source)
    return span is not None and not changes_sense(source, span, units_of(source, analyzer, language))


def compare(claim: str, terms: Sequence[Term], sources: Sequence[str], analyzer: Analyzer, language: str) -> Comparison:
    """Compare a claim (markers taken off) and its terms with the texts it cites, taken together."""
    stems = {term.stem for term in terms}
    passages = [units_of(source, analyzer, language) for source in sources]
    weights = weigh(stems, [unit for units in passages for unit in units])
    runs = [best_run(units, weights) for units in passages]
    held = frozenset().union(*(unit.stems for run in runs for unit in run))
    everywhere = frozenset().union(*(unit.stems for units in passages for unit in units))
    names = {term.stem for term in terms if claim[term.start].isupper()}
    wrong, figures = missing_figures(claim, "\n".join(sources))
    return Comparison(
        coverage(weights, held),
        len(wrong) / figures if figures else 0.0,
        len(names - everywhere) / len(names) if names else 0.0,
        weights,
    )


def _same_order(claim: str, terms: Sequence[Term], source: Sequence[Term]) -> bool:
    """Whether the common words stand in nearly the source's order, and names and numbers each in exactly that."""
    places: dict[str, list[int]] = {}
    for place, term in enumerate(source):
        places.setdefault(term.stem, []).append(place)
    common = {term.stem: term.start for term in terms if term.stem in places}
    names = [stem for stem, start in common.items() if claim[start].isupper()]
    numbers = [stem for stem, start in common.items() if claim[start].isdigit()]
    strict = all(_in_order(stems, places) == len(stems) for stems in (names, numbers))
    return strict and _in_order(list(common), places) >= _ORDER * len(common)


def _in_order(stems: Sequence[str], places: dict[str, list[int]]) -> int:
    """How many of the stems, in their order, find ascending places: the longest common subsequence, by patience."""
    piles: list[int] = []
    for stem in stems:
        for place in reversed(places[stem]):
            at = bisect_left(piles, place)
            piles[at : at + 1] = [place]
    return len(piles)
