"""What counts as a question's word in languages whose words change and grow together."""

from dataclasses import replace

import pytest

from adapters.bm25.analyzer import SnowballAnalyzer
from domain.grounding.abstention import decide_abstention
from domain.grounding.kinship import akin
from tests.builders import an_evidence

ANALYZER = SnowballAnalyzer()


def shared(question: str, text: str, language: str) -> set[str]:
    wanted = set(ANALYZER.stems(question, language=language))
    return wanted & set(akin(question, ANALYZER, language).stems(text, language=language))


@pytest.mark.parametrize(
    ("language", "question", "text"),
    [
        ("de", "verlängern", "verlängert"),
        ("de", "Bibliothek", "Bibliotheksausweis"),
        ("de", "aufbewahrt", "bewahrt"),
        ("de", "buchen", "gebucht"),
        ("es", "devolver", "devuelve"),
        ("es", "solicitar", "solicitudes"),
        ("es", "regar", "riega"),
        ("nl", "verlengen", "verlengd"),
    ],
)
def test_another_form_of_a_question_s_word_counts_as_that_word(language: str, question: str, text: str) -> None:
    assert shared(question, text, language)


@pytest.mark.parametrize(
    ("language", "question", "text"),
    [
        ("de", "Zug", "Zugang"),
        ("de", "Fahrradreifen", "Fahrt"),
        ("de", "Reifen", "Reise"),
        ("es", "tren", "treinta"),
        ("es", "guardar", "guía"),
        ("en", "organization", "organism"),
    ],
)
def test_words_that_only_begin_alike_stay_two(language: str, question: str, text: str) -> None:
    assert not shared(question, text, language)


def test_english_keeps_its_analyzer() -> None:
    assert akin("How do I renew a book?", ANALYZER, "en") is ANALYZER


def test_offsets_stay_those_of_the_text() -> None:
    text = "Der Bibliotheksausweis gilt ein Jahr."
    found = akin("Bibliothek", ANALYZER, "de").terms(text, language="de")
    assert next(text[term.start : term.end] for term in found) == "Bibliotheksausweis"
    assert found[0].stem == ANALYZER.stems("Bibliothek", language="de")[0]


def test_a_question_in_other_forms_is_likelier_to_be_answered_than_one_on_another_subject() -> None:
    evidence = [
        replace(an_evidence(n, text=text), score=score)
        for n, (text, score) in enumerate(
            [
                ("Die Frist kann zweimal verlängert werden, solange niemand das Medium vorgemerkt hat.", 0.5),
                ("Die Artothek verleiht Gemälde und Drucke für drei Monate.", 0.05),
                ("Im zweiten Stock stehen vierzig Arbeitsplätze mit Steckdosen.", 0.05),
            ],
            start=1,
        )
    ]

    def refused(question: str) -> bool:
        return decide_abstention(question, evidence, analyzer=ANALYZER, language="de") is not None

    assert not refused("Wie oft lässt sich die Frist verlängern?")
    assert refused("Wie oft lässt sich der Fahrradreifen flicken?")
