import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.bm25.analyzer import SnowballAnalyzer
from domain.grounding.model import Citation
from domain.grounding.quotes import align_quote, find_verbatim
from domain.sentences import sentence_spans
from tests.builders import an_evidence

ANALYZER = SnowballAnalyzer()
TEXT = (
    "The server listens on port 8000. Its data live under the data directory, and the folder is made at the first "
    "start. Keys are hashed;\nthe secret is shown once. It does not support batching."
)
WORDS = st.sampled_from(
    ["server", "port", "8000", "data", "folder.", "Keys", "“secret”", "\n", "not", "The", "(x)", "[1]", "- "]
)


def quote(claim: str, text: str = TEXT) -> Citation | None:
    return align_quote(claim, an_evidence(text=text), analyzer=ANALYZER, language="en")


def quoted(claim: str, text: str = TEXT) -> str:
    citation = quote(claim, text)
    assert citation is not None
    return citation.quote


@given(st.lists(WORDS, max_size=40).map(" ".join), st.lists(WORDS, max_size=12).map(" ".join))
def test_a_quote_is_the_passage_at_its_document_offsets(text: str, claim: str) -> None:
    evidence = an_evidence(text=text)
    citation = align_quote(claim, evidence, analyzer=ANALYZER, language="en")
    if citation is not None:
        start, end = citation.quote_start - evidence.start, citation.quote_end - evidence.start
        assert 0 <= start < end <= len(text)
        assert citation.quote == text[start:end]


@given(st.lists(WORDS, min_size=6, max_size=40).map(" ".join), st.data())
def test_a_sentence_of_the_passage_is_found_word_for_word(text: str, data: st.DataObject) -> None:
    units = [span.of(text) for span in sentence_spans(text) if sum(map(str.isalpha, span.of(text))) >= 12]
    if units:
        sentence = data.draw(st.sampled_from(units))
        assert find_verbatim(f"“{' '.join(sentence.split())}” [1]", text) is not None


def test_the_same_words_win_over_a_likelier_sentence() -> None:
    assert quoted("“the folder is made at the first start” [1]") == "the folder is made at the first start"


def test_white_space_and_quotation_marks_do_not_matter() -> None:
    assert quoted('"Keys are hashed; the secret is shown once." [1]') == "Keys are hashed;\nthe secret is shown once."


@pytest.mark.parametrize(
    "sentence",
    ["`Pressable` uses the `Pressability` API.", 'Change the title to "Hello, world!"', "He said: “It is done.”"],
)
def test_the_quote_of_a_whole_sentence_keeps_the_marks_at_its_edges(sentence: str) -> None:
    assert quoted(f"“{sentence}” [1]", f"Doors open outwards. {sentence}\n\nBread is baked at night.") == sentence


def test_the_quote_of_a_part_stays_a_part() -> None:
    assert quoted("“listens on port 8000” [1]") == "listens on port 8000"


def test_a_paraphrase_gets_the_sentence_that_shares_most() -> None:
    assert quoted("Port 8000 is where the server listens [1].") == "The server listens on port 8000."


def test_a_claim_of_two_sentences_gets_both() -> None:
    claim = "The server listens on port 8000 and its data live under the data directory [1]."
    assert quoted(claim).startswith("The server listens")
    assert "data directory" in quoted(claim)


def test_a_quote_is_narrowed_to_a_clause_that_is_clearly_shorter() -> None:
    text = (
        "Pins are exact; the resolver, which runs at night, downloads everything it lacks from the configured mirrors."
    )
    assert quoted("A pin is exact [1].", text) == "Pins are exact"


def test_narrowing_never_drops_a_condition() -> None:
    text = "Pins are exact; unless a range is given in the lock file of the project that depends on the package."
    assert quoted("A pin is exact [1].", text) == text


def test_a_fragment_is_quoted_with_the_negation_it_was_cut_from() -> None:
    assert quoted("support batching [1].") == "It does not support batching."


def test_a_word_inside_another_is_not_the_same_word() -> None:
    assert find_verbatim("formed well", "They were informed well.") is None


def test_a_heading_is_quoted_only_where_nothing_else_carries_the_claim() -> None:
    assert (
        quoted("Installing tools [1].", "# Install the tools\nInstall the tool with pip.")
        == "Install the tool with pip."
    )


@pytest.mark.parametrize("claim", ["Bananas ripen quickly [1].", "", "[1]", "…"])
def test_nothing_in_common_gives_no_quote(claim: str) -> None:
    assert quote(claim) is None
