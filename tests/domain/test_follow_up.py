import pytest

from adapters.bm25.analyzer import SnowballAnalyzer
from domain.conversation.follow_up import MAX_STANDALONE_CHARS, decisive_question, standalone_question
from domain.conversation.prompt import Exchange

ANALYZER = SnowballAnalyzer()
REMOVING = Exchange("How do I remove a document?", "Send a DELETE request [1]. Then its passages leave the index [2].")


def standalone(question: str, *history: Exchange, language: str = "en") -> str:
    return standalone_question(question, history, analyzer=ANALYZER, language=language)


def test_a_first_question_stays_as_it_is() -> None:
    assert standalone("Does it keep backups?") == "Does it keep backups?"


@pytest.mark.parametrize("question", ["Does it keep backups?", "And a collection?", "Why?", "Are those gone for good?"])
def test_a_follow_up_takes_over_the_question_before(question: str) -> None:
    assert standalone(question, REMOVING).startswith(f"How do I remove a document? {question}")


def test_it_takes_over_the_name_that_the_answer_used() -> None:
    answered = Exchange("Which index is used?", "Passages go into Qdrant Edge [1]. It uses Qdrant Edge alone [2].")
    assert standalone("Is it durable?", answered) == "Which index is used? Is it durable? (Qdrant Edge)"


def test_a_question_that_says_what_it_is_about_stays_as_it_is() -> None:
    question = "Which settings of Postgres change the number of pooled connections kept while idle?"
    assert standalone(question, REMOVING) == question


def test_a_pronoun_in_a_long_question_still_points_back() -> None:
    question = "Does it keep backups of removed documents, passages, vectors and questions in another folder?"
    assert standalone(question, REMOVING) != question


def test_why_takes_over_what_the_question_before_it_was_about() -> None:
    assert "remove a document" in standalone("And then?", REMOVING, Exchange("Why?", ""))


@pytest.mark.parametrize(
    ("answer", "question", "item"),
    [
        ("Modes:\n- `flag` marks\n- `redact` hides\n- `off` judges none\n", "And the second one?", "`redact` hides"),
        ("1. Stop it.\n2. Copy it.\n3. Start it.\n", "What does the last one do?", "Start it."),
        ("Stop the service [1]. Copy the folder [1].", "Why the second?", "Copy the folder."),
    ],
)
def test_an_ordinal_points_into_the_last_answer(answer: str, question: str, item: str) -> None:
    assert item in standalone(question, Exchange("What are the steps of a backup?", answer))


def test_an_ordinal_beyond_the_list_points_nowhere() -> None:
    assert standalone("And the fifth?", Exchange("Which modes are there?", "- one\n- two")).endswith("And the fifth?")


@pytest.mark.parametrize(
    ("language", "before", "question"),
    [
        (
            "de",
            "Wie entferne ich ein Dokument?",
            "Wird sein Text dabei ebenfalls endgültig aus der Sicherung gelöscht?",
        ),
        ("es", "¿Cómo elimino un documento?", "¿Se borra también su texto guardado de esta copia del servidor?"),
    ],
)
def test_follow_ups_are_seen_in_other_languages(language: str, before: str, question: str) -> None:
    assert standalone(question, Exchange(before, ""), language=language) == f"{before} {question}"


def test_a_long_question_before_is_carried_by_its_end_and_the_whole_is_never_too_long_to_search_for() -> None:
    before = Exchange("padding " * 100 + "what is a passage?", "")
    carried = standalone("And why?", before)
    assert carried.endswith("what is a passage? And why?")
    assert len(carried) < 320
    question = "it " * 1_330
    assert standalone(question, before) == question
    assert len(standalone(question, before)) <= MAX_STANDALONE_CHARS


@pytest.mark.parametrize(("question", "own"), [("Is its text removed?", True), ("And why?", False)])
def test_a_question_is_decided_by_its_own_words_if_it_has_any(question: str, own: bool) -> None:
    found = decisive_question(question, "the whole", analyzer=ANALYZER, language="en")
    assert found == (question if own else "the whole")


@pytest.mark.parametrize("question", ["And how long does it take?", "How hot does it get?", "What does it do?"])
def test_a_follow_up_about_nothing_of_its_own_is_held_against_what_was_found_as_a_whole(question: str) -> None:
    assert decisive_question(question, "the whole", analyzer=ANALYZER, language="en") == "the whole"
