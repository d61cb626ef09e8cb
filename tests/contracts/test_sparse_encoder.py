"""What every SparseEncoder does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.bm25.analyzer import SnowballAnalyzer
from adapters.bm25.encoder import AVERAGE_TERMS, K1, B, Bm25SparseEncoder
from adapters.memory.analyzer import PlainAnalyzer
from adapters.memory.sparse_encoder import InMemorySparseEncoder
from domain.retrieval.model import SparseVector
from domain.retrieval.ports import SparseEncoder

ENCODERS: dict[str, SparseEncoder] = {
    "memory": InMemorySparseEncoder(PlainAnalyzer()),
    "bm25": Bm25SparseEncoder(SnowballAnalyzer()),
}


@pytest.fixture(params=ENCODERS)
def encoder(request: pytest.FixtureRequest) -> SparseEncoder:
    return ENCODERS[request.param]


def weights(vector: SparseVector) -> dict[int, float]:
    return dict(zip(vector.indices, vector.values, strict=True))


def passage(encoder: SparseEncoder, text: str) -> dict[int, float]:
    [vector] = encoder.encode_passages([text], language="en")
    return weights(vector)


def number(encoder: SparseEncoder, word: str) -> int:
    [index] = encoder.encode_question(word, languages=["en"]).indices
    return index


@pytest.mark.parametrize("name", ENCODERS)
@given(text=st.text(max_size=200))
def test_indices_ascend_and_fit_32_bits_and_values_are_positive(name: str, text: str) -> None:
    encoder = ENCODERS[name]
    for vector in (*encoder.encode_passages([text], language="en"), encoder.encode_question(text, languages=["en"])):
        assert list(vector.indices) == sorted(set(vector.indices))
        assert all(0 <= index < 2**32 for index in vector.indices)
        assert all(value > 0 for value in vector.values)
        assert len(vector.indices) == len(vector.values)


def test_vectors_come_in_the_order_of_the_texts(encoder: SparseEncoder) -> None:
    texts = ["one lantern", "", "two compasses"]
    together = encoder.encode_passages(texts, language="en")
    assert [weights(vector) for vector in together] == [passage(encoder, text) for text in texts]


def test_a_text_without_content_words_gives_an_empty_vector(encoder: SparseEncoder) -> None:
    assert passage(encoder, "it is the") == {}
    assert encoder.encode_question("it is the", languages=["en"]).indices == []


def test_a_question_counts_each_distinct_term_once(encoder: SparseEncoder) -> None:
    vector = encoder.encode_question("lantern lantern compass", languages=["en"])
    assert list(vector.values) == [1.0, 1.0]


def test_a_question_finds_the_terms_of_a_passage(encoder: SparseEncoder) -> None:
    assert number(encoder, "lantern") in passage(encoder, "An old lantern")


def test_a_term_that_comes_again_weighs_more_but_ever_less(encoder: SparseEncoder) -> None:
    once, twice, thrice = (
        passage(encoder, " ".join(["lantern"] * count + ["filler"] * (9 - count)))[number(encoder, "lantern")]
        for count in (1, 2, 3)
    )
    assert 0 < thrice - twice < twice - once


def test_a_term_weighs_less_in_a_longer_passage(encoder: SparseEncoder) -> None:
    word = number(encoder, "lantern")
    assert passage(encoder, "lantern")[word] > passage(encoder, "lantern" + " filler" * 50)[word]


def test_a_question_over_two_languages_holds_the_terms_of_both() -> None:
    encoder = ENCODERS["bm25"]
    english = encoder.encode_question("Häuser running", languages=["en"])
    german = encoder.encode_question("Häuser running", languages=["de"])
    both = encoder.encode_question("Häuser running", languages=["en", "de"])
    assert set(both.indices) == set(english.indices) | set(german.indices)
    assert english.indices != german.indices


def test_values_are_the_published_formula() -> None:
    """tf (k1 + 1) / (tf + k1 (1 - b + b length / average)), by hand for tf 2 of 4 terms."""
    encoder = ENCODERS["bm25"]
    value = passage(encoder, "lantern lantern compass map")[number(encoder, "lantern")]
    assert value == pytest.approx(2 * (K1 + 1) / (2 + K1 * (1 - B + B * 4 / AVERAGE_TERMS)))


def test_a_term_keeps_its_number_for_ever() -> None:
    """It stands in every index: CRC-32 (ISO-HDLC), whose check value for "123456789" is CBF43926."""
    assert number(ENCODERS["bm25"], "123456789") == 0xCBF43926


def test_both_encoders_weigh_alike() -> None:
    text = "old lantern old map"
    assert passage(ENCODERS["memory"], text) == pytest.approx(passage(ENCODERS["bm25"], text))
