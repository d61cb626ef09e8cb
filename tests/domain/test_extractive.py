import re
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.bm25.analyzer import SnowballAnalyzer
from domain.conversation.extractive import MAX_SENTENCES, extractive_answer
from domain.grounding.model import CitedSection, Claim, Evidence, Verdict
from domain.grounding.reader import AnswerReader
from domain.grounding.verdicts import judge
from tests.builders import an_evidence

ANALYZER = SnowballAnalyzer()
INSTALL = """To install the package, run the following command:

```bash
pip install ibid
```

Pinning is the practice of fixing exact versions. It avoids surprises in a build.

Requirements:

- Python 3.11 or newer
- A C compiler for the host

The server keeps data under the data directory [12]. Is that clear?"""
SENTENCES = st.sampled_from(
    ["The server listens on port 8000.", "It keeps data in a folder!", "Is data kept?", "# Data folder",
     "- data item one",      "1. Open the folder e.g. now", "See [3] and [2020] on data.",
     "Dr. Who said “data.”", "| data | folder |",
     "This folder [1, 2] may not be moved.", "Run the server:", "```sh\nserver --data\n```",
     "データはフォルダにある。", "data…",      "the folder of data is here. it is small.",
     "`arr[7]` holds data of the server.", "* server *data* [x](y)"]
)  # fmt: skip
TEXTS = st.lists(
    st.lists(SENTENCES, min_size=1, max_size=6).map("\n\n".join) | st.lists(SENTENCES, max_size=6).map(" ".join),
    max_size=3,
)


def answer(question: str, *texts: str, language: str = "en") -> str:
    return "".join(extractive_answer(question, evidence(*texts), analyzer=ANALYZER, language=language))


def evidence(*texts: str) -> list[Evidence]:
    section = CitedSection((), None, None, None)
    pieces = [an_evidence(n, text=text) for n, text in enumerate(texts, 1)]
    return [replace(piece, section=section, document=replace(piece.document, title="")) for piece in pieces]


def judged(pieces: list[str], given_evidence: list[Evidence]) -> list[Claim]:
    reader = AnswerReader(len(given_evidence))
    sentences = [sentence for piece in pieces for sentence in reader.feed(piece).sentences]
    sentences += reader.finish().sentences
    assert reader.text == "".join(pieces)
    claims = (judge(s, i, given_evidence, analyzer=ANALYZER, language="en") for i, s in enumerate(sentences))
    return [claim for claim in claims if claim is not None]


@given(
    TEXTS,
    st.sampled_from(
        ["Where is the data folder?", "How do I run the server?", "What is data?", "When is port 8000 open?"]
    ),
)
def test_every_claim_of_the_answer_is_supported_by_an_exact_quote(texts: list[str], question: str) -> None:
    found = evidence(*texts)
    pieces = list(extractive_answer(question, found, analyzer=ANALYZER, language="en"))
    for claim in judged(pieces, found):
        assert claim.verdict is Verdict.SUPPORTED
        for citation in claim.citations:
            piece = found[citation.evidence - 1]
            assert citation.quote == piece.text[citation.quote_start - piece.start : citation.quote_end - piece.start]


@given(TEXTS)
def test_no_word_is_invented(texts: list[str]) -> None:
    said = re.sub(r"\[\d+\]", "", answer("Where does the server keep the data folder?", *texts))
    known = set(re.findall(r"\w+", " ".join(texts)))
    assert set(re.findall(r"\w+", said)) <= known


def test_the_sentence_that_answers_is_quoted_and_cited() -> None:
    text = "Bread is baked at night. The server keeps its data under the data directory. Doors open outwards."
    assert answer("Where does the server keep its data?", "Cats sleep all day.", text) == (
        "“The server keeps its data under the data directory.” [2]"
    )


def test_a_command_comes_with_the_sentence_that_announces_it() -> None:
    said = answer("How do I install the package?", INSTALL)
    assert said.startswith("“To install the package, run the following command:” [1]\n\n```bash\npip install ibid\n```")


def test_list_items_are_quotes_of_their_own_below_what_announces_them() -> None:
    said = answer("What are the requirements?", INSTALL)
    assert "“Requirements:” [1]\n\n- “Python 3.11 or newer” [1]\n- “A C compiler for the host” [1]" in said


def test_a_sentence_that_leans_on_another_brings_it_along() -> None:
    said = answer("How do I avoid surprises in a build?", INSTALL)
    assert "“Pinning is the practice of fixing exact versions.” [1] “It avoids surprises in a build.” [1]" in said


def test_the_sources_own_reference_numbers_are_left_out() -> None:
    assert "“The server keeps data under the data directory.” [1]" in answer(
        "Where does the server keep data?", INSTALL
    )


def test_a_definition_is_preferred_to_a_mention() -> None:
    texts = ("Good builds use pinning and caching.", "Pinning is the practice of fixing versions.")
    assert answer("What is pinning?", *texts).startswith("“Pinning is the practice")


def test_a_how_to_question_prefers_instructions() -> None:
    texts = ("The resolver does write the lock file at night.", "Run the lock command to write the lock file.")
    assert answer("How do I write the lock file?", *texts).startswith("“Run the lock command")


def test_a_question_for_a_number_prefers_a_sentence_with_one() -> None:
    texts = ("The service limits requests by caller.", "The limit is 60 requests per minute for a caller.")
    assert answer("How many requests may a caller send?", *texts).startswith("“The limit is 60")


def test_a_question_for_a_measure_prefers_the_sentence_that_gives_one() -> None:
    upload = "The size of an upload is checked first. An upload may be 64 MB large. Its size is logged with its name."
    assert "“An upload may be 64 MB large.”" in answer("What is the maximum size of an upload?", upload)
    without = upload.replace("64 MB large", "sent in parts")
    assert "sent in parts" not in answer("What is the maximum size of an upload?", without)


def test_what_is_said_twice_is_quoted_once() -> None:
    sentence = "The server keeps its data under the data directory."
    assert answer("Where does the server keep its data?", sentence, sentence).count("“") == 1


def test_headings_questions_and_table_rows_are_not_quoted() -> None:
    text = "# Where the server keeps data\n\nDoes the server keep data?\n\n| server | keeps data |"
    assert answer("Where does the server keep data?", text) == ""


def test_a_heading_lends_its_words_to_the_sentences_below_it() -> None:
    (piece,) = evidence("Write the exact version into the lock file. Bread is baked at night.")
    named = replace(piece, section=CitedSection(("Pinning a dependency",), None, None, None))
    said = "".join(extractive_answer("How to pin a dependency?", [named], analyzer=ANALYZER, language="en"))
    assert "“Write the exact version" in said


def test_at_most_three_sentences_are_picked() -> None:
    text = " ".join(f"The server keeps data of kind{n} in folder{n}." for n in range(20))
    assert 0 < answer("Where does the server keep data?", text).count("“") <= MAX_SENTENCES


def titled(piece: Evidence, title: str, *headings: str) -> Evidence:
    section = CitedSection((title, *headings), None, None, None)
    return replace(piece, section=section, document=replace(piece.document, title=title))


def said_of(question: str, *pieces: Evidence) -> str:
    return "".join(extractive_answer(question, pieces, analyzer=ANALYZER, language="en"))


def test_what_a_thing_is_comes_alone_and_from_the_sentence_that_says_so() -> None:
    (piece,) = evidence(
        "Generally, you'll want to use either FlatList or SectionList. The `FlatList` component displays a scrolling "
        "list of changing, but similarly structured, data. Without this prop, `FlatList` would not re-render."
    )
    assert said_of("What is FlatList used for?", titled(piece, "Using lists")) == (
        "“The `FlatList` component displays a scrolling list of changing, but similarly structured, data.” [1]"
    )


def test_a_passage_whose_heading_is_the_question_comes_before_one_that_mentions_it() -> None:
    mention, steps = evidence(
        "A network request that you make while the door is open is slow.", "Call fetch with the address of the server."
    )
    mention, steps = titled(mention, "Doors", "Slowness"), titled(steps, "Networking", "Making network requests")
    assert said_of("How do I make network requests?", mention, steps).startswith("“Call fetch")


def test_a_sentence_that_lacks_the_subject_of_a_short_question_is_not_quoted() -> None:
    text = "The input takes a border. An input may be styled."
    assert answer("How do I style an input?", text)
    assert answer("How do I debounce an input?", text) == ""


def test_the_opposite_of_what_is_asked_is_not_put_first() -> None:
    text = "To stop the server, press the red button. To start the server, turn the key."
    assert answer("How do I start the server?", text).startswith("“To start the server")


@pytest.mark.parametrize(
    "pointer",
    [
        "For more information about the data folder, check out the operations manual.",
        "See the guide to the data folder of the server.",
        "Learn more about the data folder of the server in the manual.",
        "You can read about the data folder of the server there.",
    ],
)
def test_a_sentence_that_only_points_elsewhere_is_no_answer(pointer: str) -> None:
    assert answer("Where is the data folder of the server?", pointer) == ""


@pytest.mark.parametrize("text", ["Where the data folder is", "The Data Folder\n\nData folder", "- Data folder"])
def test_a_bare_label_is_no_answer(text: str) -> None:
    assert answer("Where is the data folder?", text) == ""


def test_a_passage_that_is_only_its_heading_is_not_quoted() -> None:
    (piece,) = evidence("How the server keeps its data in the folder.")
    assert (
        said_of("Where is the data folder?", titled(piece, "Server", "How the server keeps its data in the folder."))
        == ""
    )


def test_a_weak_sentence_does_not_pad_a_good_one() -> None:
    text = "The server keeps its data under the data directory. Bread is baked at night near a server."
    assert answer("Where does the server keep its data?", text).count("“") == 1


@pytest.mark.parametrize("texts", [(), ("",), ("Bread is baked at night. Doors open outwards.",)])
def test_no_good_sentence_gives_no_answer(texts: tuple[str, ...]) -> None:
    assert answer("Where does the server keep data?", *texts) == ""


def test_other_scripts_are_quoted_too() -> None:
    assert answer(
        "サーバーはどこにデータを保存しますか？", "サーバーはフォルダにデータを保存します。猫は眠る。", language="ja"
    ).startswith("“サーバーは")


def test_answering_reading_and_judging_takes_a_few_milliseconds() -> None:
    texts = [
        " ".join(f"The server{n}{m} keeps data of kind {m} in folder {n} below the main folder." for m in range(9))
        for n in range(6)
    ]
    best = float("inf")
    for attempt in range(5):
        found = evidence(*(f"{text} Run {attempt}." for text in texts))
        began = time.perf_counter()
        assert judged(
            list(extractive_answer("Where is data of kind 3?", found, analyzer=ANALYZER, language="en")), found
        )
        best = min(best, time.perf_counter() - began)
    assert best < 0.024  # 8 ms are the budget, and a noisy machine gets three times that


def test_another_passage_that_has_the_very_sentence_is_cited_beside_it() -> None:
    same = "The pump is started with the green button."
    evidence = [
        an_evidence(1, text=f"Pumps hum. {same}"),
        an_evidence(2, text="Filters are changed in spring."),
        an_evidence(3, text=f"{same} It hums."),
        an_evidence(4, text="Unless it is wet, the pump is started with the green button."),
    ]
    answer = "".join(extractive_answer("How is the pump started?", evidence, analyzer=ANALYZER, language="en"))
    assert f"“{same}” [3][1]" in answer
    assert "[4]" not in answer.partition("“Unless")[0]
