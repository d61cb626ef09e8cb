"""What every Analyzer does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.bm25.analyzer import SnowballAnalyzer
from adapters.memory.analyzer import PlainAnalyzer
from domain.text import Analyzer

ANALYZERS: dict[str, Analyzer] = {"memory": PlainAnalyzer(), "snowball": SnowballAnalyzer()}


@pytest.fixture(params=ANALYZERS)
def analyzer(request: pytest.FixtureRequest) -> Analyzer:
    return ANALYZERS[request.param]


def stems(analyzer: Analyzer, text: str, language: str = "en") -> list[str]:
    return [term.stem for term in analyzer.terms(text, language=language)]


def test_terms_come_in_the_order_of_the_text_and_stand_where_they_say(analyzer: Analyzer) -> None:
    text = "Lanterns, old maps — and a Compass."
    terms = analyzer.terms(text, language="en")
    assert [text[term.start : term.end] for term in terms] == ["Lanterns", "old", "maps", "Compass"]


@given(st.text())
def test_the_stems_alone_are_the_stems_of_the_terms(text: str) -> None:
    for analyzer in ANALYZERS.values():
        assert list(analyzer.stems(text, language="en")) == stems(analyzer, text)


@given(st.text(st.characters() | st.sampled_from("aZ09_.'’,+# \n")))
def test_the_terms_of_a_text_are_those_of_its_pieces_between_white_space(text: str) -> None:
    for analyzer in ANALYZERS.values():
        pieces = [stem for piece in text.split() for stem in analyzer.stems(piece, language="en")]
        assert list(analyzer.stems(text, language="en")) == pieces


@given(st.lists(st.text(st.sampled_from("aBé.,’' -3"))))
def test_the_stems_of_several_texts_are_those_of_each(texts: list[str]) -> None:
    for analyzer in ANALYZERS.values():
        found = analyzer.stems_of_each(texts, language="en")
        assert [list(one) for one in found] == [stems(analyzer, text) for text in texts]


def test_case_makes_no_difference(analyzer: Analyzer) -> None:
    assert stems(analyzer, "COMPASS Éclair") == stems(analyzer, "compass éclair")


def test_stop_words_are_left_out(analyzer: Analyzer) -> None:
    assert stems(analyzer, "what is the and of it?") == []


def test_a_language_without_a_stemmer_gives_case_folded_words(analyzer: Analyzer) -> None:
    assert stems(analyzer, "Motorer KLAPPER", language="xx") == ["motorer", "klapper"]


@pytest.mark.parametrize("empty", ["", " \n\t", "--- ... !"])
def test_a_text_without_words_has_no_terms(analyzer: Analyzer, empty: str) -> None:
    assert stems(analyzer, empty) == []


@pytest.mark.parametrize("name", ANALYZERS)
@given(text=st.text(max_size=200), language=st.sampled_from(["en", "de", "ja", "tr", "xx"]))
def test_any_text_gives_the_same_terms_each_time_inside_its_bounds(name: str, text: str, language: str) -> None:
    analyzer = ANALYZERS[name]
    terms = list(analyzer.terms(text, language=language))
    assert terms == list(analyzer.terms(text, language=language))
    assert all(term.stem and 0 <= term.start < term.end <= len(text) for term in terms)
    assert [term.start for term in terms] == sorted(term.start for term in terms)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("useState", ["usest", "use", "state"]),
        ("node_modules", ["node_modul", "node", "modul"]),
        ("HTTPServer", ["httpserver", "http", "server"]),
        ("react-native", ["react", "nativ"]),
        ("package.json", ["package.json", "packag", "json"]),
        ("v1.2.3", ["v1.2.3", "v1"]),
        ("C++ C# c", ["c++", "c#", "c"]),
        ("1,000 of 0.05", ["1000", "0.05"]),
        ("it's Meta's, we don't", ["meta"]),
    ],
)
def test_identifiers_count_whole_and_in_parts(text: str, expected: list[str]) -> None:
    assert stems(ANALYZERS["snowball"], text) == expected


@pytest.mark.parametrize(
    ("language", "one", "other"),
    [("en", "running", "runs"), ("de", "Häuser", "Haus"), ("fr", "chevaux", "cheval"), ("ru", "книги", "книга")],
)
def test_forms_of_a_word_share_a_stem(language: str, one: str, other: str) -> None:
    assert stems(ANALYZERS["snowball"], one, language) == stems(ANALYZERS["snowball"], other, language)


def test_scripts_without_spaces_count_as_pairs_of_characters() -> None:
    text = "日本語 React入門"
    terms = ANALYZERS["snowball"].terms(text, language="ja")
    assert [term.stem for term in terms] == ["日本", "本語", "react", "入門"]
    assert [text[term.start : term.end] for term in terms] == ["日本", "本語", "React", "入門"]


def test_words_of_scripts_with_vowel_signs_stay_whole() -> None:
    assert len(stems(ANALYZERS["snowball"], "हिन्दी", "hi")) == 1


def test_composed_and_decomposed_accents_are_the_same_word() -> None:
    assert stems(ANALYZERS["snowball"], "cafe\u0301", "fr") == stems(ANALYZERS["snowball"], "caf\u00e9", "fr")
