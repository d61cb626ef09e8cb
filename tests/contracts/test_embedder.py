"""What every Embedder does."""

from collections.abc import AsyncIterator
from math import hypot

import pytest

from adapters.memory.embedder import HashingEmbedder
from adapters.static.embedder import StaticEmbedder
from domain.retrieval.model import Purpose, Vector
from domain.retrieval.ports import Embedder
from tests.fakes.cohere import FakeCohere
from tests.providers import cohere_embedder

EMBEDDERS: dict[str, Embedder] = {"memory": HashingEmbedder(), "static": StaticEmbedder()}


@pytest.fixture(params=[*EMBEDDERS, "cohere", "cohere, int8", "cohere, base64"])
async def embedder(request: pytest.FixtureRequest) -> AsyncIterator[Embedder]:
    if request.param in EMBEDDERS:
        yield EMBEDDERS[request.param]
        return
    kind = request.param.partition(", ")[2] or "float"
    async with FakeCohere() as cohere, cohere_embedder(cohere.url, kind=kind) as embedder:
        yield embedder


def cosine(one: Vector, other: Vector) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


async def passages(embedder: Embedder, *texts: str) -> list[Vector]:
    return list(await embedder.embed(texts, purpose=Purpose.PASSAGE))


async def test_every_vector_has_unit_length_and_the_promised_dimensions(embedder: Embedder) -> None:
    for vector in await passages(embedder, "A lantern.", "", "   ", "\x01\u200b", "日本語", "word " * 5_000):
        assert len(vector) == embedder.dimensions
        assert hypot(*vector) == pytest.approx(1, abs=1e-4)


async def test_vectors_come_in_the_order_of_the_texts(embedder: Embedder) -> None:
    texts = [f"Lantern number {number} hangs in room {number * 7}." for number in range(700)]
    together = await passages(embedder, *texts)
    assert len(together) == len(texts)
    for number in (0, 299, 699):
        [alone] = await passages(embedder, texts[number])
        assert together[number] == pytest.approx(alone, abs=1e-5)


async def test_no_text_gives_no_vector(embedder: Embedder) -> None:
    assert await passages(embedder) == []


async def test_texts_that_share_words_are_closer_than_texts_that_do_not(embedder: Embedder) -> None:
    question, near, far = await passages(
        embedder, "How do I install the compiler?", "To install the compiler, run setup.", "Whales sing at night."
    )
    assert cosine(question, near) > cosine(question, far) + 0.1


async def test_a_text_without_a_known_word_gives_a_fixed_vector(embedder: Embedder) -> None:
    one, other = await passages(embedder, "", "")
    assert one == other


async def test_the_name_is_a_stable_word(embedder: Embedder) -> None:
    assert embedder.name.strip()
    assert not set(embedder.name) & set(" /\\\n")


def test_vectors_of_other_dimensions_have_another_name() -> None:
    assert HashingEmbedder(64).name != HashingEmbedder(128).name


async def test_a_new_static_embedder_gives_the_same_vectors() -> None:
    assert await passages(StaticEmbedder(), "A lantern.") == await passages(EMBEDDERS["static"], "A lantern.")


async def test_static_vectors_are_those_that_wordllama_computes() -> None:
    """Checked against values that ``WordLlama.load().embed(..., norm=True)`` of wordllama 0.4.0.post1 printed."""
    [vector] = await passages(EMBEDDERS["static"], "hello world how are you")
    assert vector[:3] == pytest.approx([0.09617411, 0.1358601, 0.00208073], abs=1e-5)
