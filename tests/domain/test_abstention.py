from dataclasses import replace

import pytest

from adapters.bm25.analyzer import SnowballAnalyzer
from domain.grounding.abstention import SURE, chance_of_answer, decide_abstention
from domain.grounding.model import Abstention, AbstentionReason, CitedSection, Evidence
from tests.builders import an_evidence

ANALYZER = SnowballAnalyzer()
DOOR = "The porter opens the door at eight."


def scored(*scores: float, text: str = DOOR) -> list[Evidence]:
    section = CitedSection((), None, None, None)
    pieces = [replace(an_evidence(n, text=text), score=score, section=section) for n, score in enumerate(scores, 1)]
    return [replace(piece, document=replace(piece.document, title="")) for piece in pieces]


def decide(question: str, evidence: list[Evidence]) -> Abstention | None:
    return decide_abstention(question, evidence, analyzer=ANALYZER, language="en")


def chance(question: str, evidence: list[Evidence]) -> float:
    return chance_of_answer(question, evidence, analyzer=ANALYZER, language="en")


def test_no_evidence_at_all_is_nothing_retrieved() -> None:
    abstention = decide("Who opens the door?", [])
    assert abstention is not None
    assert abstention.reason is AbstentionReason.NOTHING_RETRIEVED
    assert abstention.closest == ()
    assert abstention.message


def test_one_relevant_passage_is_enough() -> None:
    assert decide("Who opens the door?", scored(0.01, 0.6, 0.0)) is None


def test_only_irrelevant_passages_are_insufficient() -> None:
    abstention = decide("Who opens the door?", scored(0.01, 0.02))
    assert abstention is not None
    assert abstention.reason is AbstentionReason.INSUFFICIENT_EVIDENCE


def test_a_short_question_whose_subject_no_passage_mentions_is_refused_though_the_rest_fits() -> None:
    inputs = scored(0.6, 0.5, 0.1, text="A text input takes text. Style the text input with a border.")
    assert decide("How do I style a text input?", inputs) is None
    abstention = decide("How do I debounce a text input?", inputs)
    assert abstention is not None
    assert "“debounce”" in abstention.message


def test_a_name_that_no_passage_holds_weighs_more_than_another_word() -> None:
    asked = "Which porter opens the door at eight, as porters open doors, in the heavy rain of the garden of"
    passages = scored(0.2, text=f"{DOOR} Doors are heavy in the rain.")
    assert chance(f"{asked} Reykjavik?", passages) < chance(f"{asked} midwinter?", passages)


def test_a_word_of_asking_weighs_less_than_a_word_of_the_subject() -> None:
    asked = "when the porter opens the door at eight in the heavy rain of the royal garden?"
    passages = scored(0.2, text=f"{DOOR} Doors are heavy in the rain.")
    assert chance(f"What happens {asked}", passages) > chance(f"What squeaks {asked}", passages)


def test_a_short_question_needs_its_heaviest_word() -> None:
    passages = scored(0.8, 0.8, text="The porter opens the big door.")
    assert decide("Who opens the big door?", passages) is None
    assert decide("Who barricades the big door?", passages) is not None


@pytest.mark.parametrize("question", ["Wer öffnet die Tür?", "?!", ""])
def test_a_passage_that_a_reranker_is_sure_of_decides_alone(question: str) -> None:
    assert decide(question, scored(SURE)) is None


@pytest.mark.parametrize("score", [0.0, 1.0, 0.5])
@pytest.mark.parametrize("question", ["Who opens the door?", "?!", ""])
def test_any_score_and_question_give_a_chance(score: float, question: str) -> None:
    assert 0.0 <= chance(question, scored(score)) <= 1.0


def test_the_three_closest_passages_come_best_first() -> None:
    abstention = decide("Who opens the door?", scored(0.001, 0.004, 0.002, 0.003))
    assert abstention is not None
    assert [piece.n for piece in abstention.closest] == [2, 4, 3]


def test_the_message_names_the_words_that_no_passage_holds() -> None:
    abstention = decide("Which kangaroo opens the door?", scored(0.01))
    assert abstention is not None
    assert "“kangaroo”" in abstention.message
    assert "door" not in abstention.message


@pytest.mark.parametrize(
    ("question", "begins"),
    [
        ("Which kangaroo opens the door?", "The documents"),
        ("Wer öffnet die Tür und wann?", "Die Dokumente"),
        ("¿Quién abre la puerta del jardín?", "Los documentos"),
        ("Qui est-ce qui ouvre la porte de la cave ?", "Les documents"),
        ("Chi apre il portone del giardino e quando?", "I documenti"),
        ("Quem abre o portão do jardim e quando?", "Os documentos"),
        ("Wie opent de deur van het huis?", "De documenten"),
    ],
)
def test_an_abstention_speaks_the_language_of_the_question(question: str, begins: str) -> None:
    abstention = decide(question, scored(0.01))
    assert abstention is not None
    assert abstention.message.startswith(begins)


def test_a_question_in_no_known_language_is_answered_in_the_collections_else_in_english() -> None:
    for language, begins in (("de", "Die Dokumente"), ("ja", "The documents")):
        abstention = decide_abstention("Känguru?", scored(0.01), analyzer=ANALYZER, language=language)
        assert abstention is not None
        assert abstention.message.startswith(begins)


def test_a_passage_that_stands_out_answers_sooner_than_one_of_many_alike() -> None:
    question = "Which porter opens the door at eight?"
    assert chance(question, scored(0.4, 0.1, 0.1)) > chance(question, scored(0.4, 0.4, 0.4))


FIRING = "A bisque firing peaks at 1000 °C. The kiln is heated slowly, so that the water can leave the clay."


@pytest.mark.parametrize(
    ("question", "text", "language"),
    [
        ("How hot does a bisque firing get?", FIRING, "en"),
        ("What temperature does a bisque firing peak at?", FIRING, "en"),
        ("Wie heiß wird ein Schrühbrand?", "Ein Schrühbrand endet bei 1000 °C.", "de"),
        ("Bei welcher Temperatur endet der Schrühbrand?", "Ein Schrühbrand endet bei 1000 °C.", "de"),
        ("¿A qué temperatura termina el bizcochado?", "El bizcochado termina a 1000 °C.", "es"),
        ("¿Cuánto tarda el bizcochado?", "El bizcochado termina tras nueve horas.", "es"),
    ],
)
def test_what_a_question_measures_need_not_be_said(question: str, text: str, language: str) -> None:
    evidence = scored(0.6, 0.1, text=text)
    assert decide_abstention(question, evidence, analyzer=ANALYZER, language=language) is None


@pytest.mark.parametrize("question", ["How hot does a raku firing get?", "What hot glaze is there?"])
def test_what_it_measures_it_of_has_to_be_said(question: str) -> None:
    assert decide(question, scored(0.6, 0.1, text="A bisque firing peaks at 1000 °C.")) is not None


def test_a_passage_that_is_alone_is_not_held_against_itself() -> None:
    raku = "Raku firing peaks at 700 °C in a small gas kiln."
    assert decide("How hot does a raku firing get?", scored(0.6, text=raku)) is None
    assert decide("How hot does a glaze firing get?", scored(0.2, text=raku)) is not None
    assert decide("Who opens the door?", scored(0.02, text=raku)) is not None


@pytest.mark.parametrize(
    ("question", "text", "language"),
    [
        ("What temperature does a glaze firing reach?", "A glaze firing peaks at 1240 °C.", "en"),
        ("What is the highest temperature of a glaze firing?", "A glaze firing peaks at 1240 °C.", "en"),
        ("What temperature does a glaze firing reach?", "A glaze firing peaks at two thousand degrees.", "en"),
        ("How much does the kiln weigh?", "The kiln comes in at 40 kg.", "en"),
        ("How heavy is the kiln?", "The kiln comes in at forty kilograms.", "en"),
        ("How much does the kiln cost?", "The kiln is sold at $900.", "en"),
        ("How long does a glaze firing last?", "A glaze firing is over after nine hours.", "en"),
        ("How loud is the kiln?", "The kiln hums at 40 dB.", "en"),
        ("How much memory does the service need?", "The service runs in 512 MB.", "en"),
        ("What pressure does the kiln hold?", "The kiln can hold 3 bar.", "en"),
        ("What is the maximum size of an upload?", "An upload may be 64 MB large.", "en"),
        ("Welche Temperatur erreicht der Glattbrand?", "Der Glattbrand endet bei 1240 °C.", "de"),
        ("Wie viel wiegt der Ofen?", "Der Ofen bringt 40 kg auf die Waage.", "de"),
        ("Was kostet der Ofen?", "Den Ofen gibt es für 900 €.", "de"),
        ("¿Qué temperatura alcanza el horno?", "El horno termina a 1240 °C.", "es"),
        ("¿Cuánto pesa el horno?", "El horno tiene 40 kg.", "es"),
    ],
)
def test_a_unit_stands_for_what_it_measures(question: str, text: str, language: str) -> None:
    evidence = scored(0.6, 0.1, text=text)
    assert decide_abstention(question, evidence, analyzer=ANALYZER, language=language) is None


@pytest.mark.parametrize(
    ("question", "text", "language", "named"),
    [
        ("How much does the kiln weigh?", "The kiln peaks at 1240 °C.", "en", "weigh"),
        ("How heavy is the kiln?", "The kiln peaks at 1240 °C.", "en", "heavy"),
        ("How hot does the kiln get?", "The kiln comes in at 40 kg.", "en", "hot"),
        ("What temperature does the kiln reach?", "The kiln was built in the 1990s for 5 people.", "en", "temperature"),
        ("How much does the kiln cost?", "The kiln comes in at 40 kg after 3 h.", "en", "cost"),
        ("How loud is the kiln?", "The kiln takes 7 kW.", "en", "loud"),
        ("What is the length of the kiln?", "The kiln blows at 5 m/s.", "en", "length"),
        ("Was kostet der Ofen?", "Der Ofen endet bei 1240 °C.", "de", "kostet"),
        ("¿Cuánto pesa el horno?", "El horno termina a 1240 °C.", "es", "pesa"),
    ],
)
def test_a_unit_of_another_measure_answers_nothing(question: str, text: str, language: str, named: str) -> None:
    evidence = scored(0.6, 0.1, text=text)
    abstention = decide_abstention(question, evidence, analyzer=ANALYZER, language=language)
    assert abstention is not None
    assert f"“{named}”" in abstention.message


def test_a_word_of_degree_that_may_be_meant_otherwise_asks_for_no_unit() -> None:
    routes = scored(0.6, 0.1, text="Routes can be nested as you like, each in its own folder.")
    assert decide("How deep can routes be nested?", routes) is None


def test_words_that_any_question_is_asked_with_are_not_named_as_missing() -> None:
    abstention = decide("How much does a kangaroo weigh?", scored(0.01))
    assert abstention is not None
    assert abstention.message.endswith("mentions “kangaroo” or “weigh”.")


def test_the_parts_of_a_name_are_not_named_as_missing_beside_it() -> None:
    abstention = decide("Does the door support GraphQL?", scored(0.01))
    assert abstention is not None
    assert "“GraphQL”" in abstention.message
    assert "“QL”" not in abstention.message
