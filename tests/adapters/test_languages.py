"""German and Spanish documents: stems, stop words and ranking in their own language."""

from statistics import fmean

import pytest

from adapters.bm25.analyzer import SnowballAnalyzer
from bench.languages import LANGUAGES, found, pages, questions, reciprocal_ranks, refusals
from bench.retrieval_engine import by_fusion

ANALYZER = SnowballAnalyzer()


@pytest.mark.parametrize(
    ("language", "forms"),
    [
        ("de", ["Gebühr", "Gebühren"]),
        ("de", ["verlängert", "verlängerte"]),
        ("es", ["parcela", "parcelas"]),
        ("es", ["podan", "podar"]),
    ],
)
def test_forms_of_a_word_share_a_stem(language: str, forms: list[str]) -> None:
    stems = {stem for form in forms for stem in ANALYZER.stems(form, language=language)}
    assert len(stems) == 1


@pytest.mark.parametrize(
    ("language", "question"), [("de", "Welche darf ich wohin?"), ("es", "¿Cuántas puedo tener y dónde?")]
)
def test_question_words_and_auxiliaries_carry_no_meaning(language: str, question: str) -> None:
    assert ANALYZER.stems(question, language=language) == []


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_page_is_found_better_in_its_own_language_than_as_english(language: str) -> None:
    own, as_english = await found(language, language), await found(language, "en")
    ranks = [fmean(reciprocal_ranks(language, list(map(by_fusion, hits)))) for hits in (own, as_english)]
    assert ranks[0] >= 0.85
    assert ranks[0] > ranks[1]
    _, unanswerable = refusals(language, own)
    assert len(unanswerable) == 24
    assert sum(unanswerable) >= 23  # docs/evaluation.md says which figure is whose


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_collection_has_twenty_pages_and_asks_only_for_them(language: str) -> None:
    titles = {title for title, _ in pages(language)}
    assert len(titles) == 20
    assert {relevant for _, relevant in questions(language) if relevant} <= titles
