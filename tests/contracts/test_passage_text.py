"""What every PassageText does."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest

from application.ports import UnitOfWorkFactory
from domain.retrieval.model import SearchFilters
from tests.builders import NOON, a_collection, a_document, an_activation, reading


async def stored(unit_of_work: UnitOfWorkFactory, *texts: str, uri: str = "intro.md", **changes: Any) -> list[UUID]:
    """A document of these passages, the active one; returns the passages' ids."""
    document = a_document(uri=uri, **changes)
    async with unit_of_work() as uow:
        await uow.collections.add(a_collection(document.collection))
        await uow.documents.register(document.collection, [uri], ids=[document.id], at=NOON)
        known = (await uow.documents.by_uri(document.collection, [uri]))[uri]
        activation = an_activation(a_document(known.id, uri=uri, **changes), *texts)
        await uow.documents.activate([activation])
        await uow.commit()
    return [passage.id for passage in activation.version.passages]


async def find(
    unit_of_work: UnitOfWorkFactory,
    *words: str | Sequence[str],
    names: Sequence[str] = ("docs",),
    limit: int = 10,
    **narrowed: Any,
) -> list[UUID]:
    asked = [[word] if isinstance(word, str) else word for word in words]
    async with unit_of_work() as uow:
        hits = await uow.passage_text.find(asked, reading(*names), SearchFilters(**narrowed), limit=limit)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    return [hit.passage_id for hit in hits]


async def test_who_holds_more_of_the_words_comes_first(unit_of_work: UnitOfWorkFactory) -> None:
    both, one, _ = await stored(unit_of_work, "A red door opens.", "A red wall stands.", "The sea is deep.")
    assert await find(unit_of_work, "red", "door") == [both, one]
    assert await find(unit_of_work, "red", "door", limit=1) == [both]


async def test_a_form_takes_longer_words_and_any_case(unit_of_work: UnitOfWorkFactory) -> None:
    first, second, _ = await stored(unit_of_work, "INSTALLING it.", "An installation.", "A stall.")
    assert set(await find(unit_of_work, "install")) == {first, second}


async def test_a_word_may_have_several_forms(unit_of_work: UnitOfWorkFactory) -> None:
    first, second = await stored(unit_of_work, "One study.", "Two studies.")
    assert await find(unit_of_work, ["study"]) == [first]
    assert set(await find(unit_of_work, ["study", "studi"])) == {first, second}


@pytest.mark.parametrize(
    "word",
    [
        "'",
        "''",
        "\\",
        "\\\\",
        "a'b",
        "a''b",
        "a & b",
        "a & !b",
        "!door",
        "!!",
        "(",
        ")",
        "()",
        "((a)",
        ":*",
        "a:*",
        "a:A",
        "a:*ABCD",
        "<->",
        "a <-> b",
        "<2>",
        "a <0> b",
        "door | wall",
        "|",
        "&",
        "*",
        ":",
        "'a' & 'b'",
        "%",
        "_",
        "😀",
        "a\\",
        "$$",
        '"door wall"',
        "-door",
        "door OR wall",
    ],
)
async def test_no_character_is_an_operator(unit_of_work: UnitOfWorkFactory, word: str) -> None:
    await stored(unit_of_work, "The sea is deep.")
    assert await find(unit_of_work, word) == []
    assert await find(unit_of_work, "sea", word) != []


async def test_words_of_every_script_are_found(unit_of_work: UnitOfWorkFactory) -> None:
    [greek, _] = await stored(unit_of_work, "Η θάλασσα είναι βαθιά.", "The sea is deep.")
    assert await find(unit_of_work, "θάλασσα") == [greek]


async def test_only_readable_collections_are_searched(unit_of_work: UnitOfWorkFactory) -> None:
    [mine] = await stored(unit_of_work, "A red door.", collection="mine")
    await stored(unit_of_work, "A red door.", collection="secret")
    assert await find(unit_of_work, "door", names=["mine", "nowhere"]) == [mine]
    assert await find(unit_of_work, "door", names=[]) == []


async def test_only_active_versions_are_searched(unit_of_work: UnitOfWorkFactory) -> None:
    await stored(unit_of_work, "A red door.")
    [now] = await stored(unit_of_work, "A blue door.")
    assert await find(unit_of_work, "door") == [now]
    assert await find(unit_of_work, "red") == []


async def test_a_forgotten_document_is_not_found(unit_of_work: UnitOfWorkFactory) -> None:
    await stored(unit_of_work, "A red door.")
    async with unit_of_work() as uow:
        document = (await uow.documents.by_uri("docs", ["intro.md"]))["intro.md"]
        await uow.documents.forget(document.id, at=NOON)
        await uow.commit()
    assert await find(unit_of_work, "door") == []


async def test_filters_mean_what_they_mean_to_the_index(unit_of_work: UnitOfWorkFactory) -> None:
    fitting: dict[str, Any] = {"peer_reviewed": True, "metadata": {"lang": "en", "year": 2024, "open": True}}
    [one] = await stored(unit_of_work, "A red door.", uri="guide/%a", **fitting)
    for number, change in enumerate(
        ({"peer_reviewed": None}, {"metadata": {"lang": "de"}}, {"metadata": {"lang": ["en"]}}, {"metadata": {}})
    ):
        await stored(unit_of_work, "A red door.", uri=f"guide/b{number}", **(fitting | change))
    await stored(unit_of_work, "A red door.", uri="other", **fitting)
    asked = {"lang": "en", "year": "2024", "open": "true"}
    narrowed = {"uri_prefix": "guide/", "peer_reviewed_only": True, "metadata": asked}
    assert await find(unit_of_work, "door", **narrowed) == [one]
    assert await find(unit_of_work, "door", **(narrowed | {"uri_prefix": "guide/%"})) == [one]
    assert await find(unit_of_work, "door", **(narrowed | {"uri_prefix": "%"})) == []


async def test_no_word_finds_nothing(unit_of_work: UnitOfWorkFactory) -> None:
    await stored(unit_of_work, "A red door.")
    assert await find(unit_of_work) == []
    assert await find(unit_of_work, []) == []


async def test_a_passage_of_a_million_words_is_taken(unit_of_work: UnitOfWorkFactory) -> None:
    [long] = await stored(unit_of_work, "door " + " ".join(f"w{number}x" for number in range(200_000)))
    assert await find(unit_of_work, "door") == [long]
