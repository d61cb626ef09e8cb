"""What all that keep several indexes do: one beside the other, each with passages of its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.memory.embedder import HashingEmbedder
from adapters.memory.generations import InMemoryIndexGenerations
from adapters.memory.passage_index import InMemoryPassageIndex
from adapters.qdrant.beside import QdrantGenerations
from adapters.qdrant.index import QdrantIndex
from adapters.qdrant_edge.beside import QdrantEdgeGenerations
from adapters.qdrant_edge.index import QdrantEdgeIndex
from domain.library.generations import IndexPlace
from domain.retrieval.ports import IndexGenerations, PassageIndex
from tests.contracts.test_passage_index import a_point, ids, search, terms
from tests.fakes.qdrant import FakeQdrant
from tests.providers import local_qdrant_index, qdrant_index

FIRST = IndexPlace("of-four", 4)
BESIDE = IndexPlace("of-four", 4, 1)
OTHER = IndexPlace("of-two", 2)


@pytest.fixture(params=["memory", "qdrant edge", "qdrant, fake server", "qdrant, client's local mode"])
async def indexes(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[IndexGenerations]:
    if request.param == "memory":
        four = HashingEmbedder(4)
        memory = InMemoryIndexGenerations(InMemoryPassageIndex(), four)
        yield memory
    elif request.param == "qdrant edge":
        edge = QdrantEdgeIndex(tmp_path / FIRST.embedder, 4)
        await edge.open()
        beside = QdrantEdgeGenerations(tmp_path, edge, FIRST)
        yield beside
        await beside.close()
        await edge.close()
    elif request.param == "qdrant, fake server":
        async with FakeQdrant() as qdrant, qdrant_index(qdrant.url) as index:
            yield of_qdrant(index)
    else:
        async with local_qdrant_index() as index:
            yield of_qdrant(index)


def of_qdrant(first: QdrantIndex) -> QdrantGenerations:
    return QdrantGenerations(first, FIRST, lambda place: first.beside(place.embedder, place.dimensions, place.slot))


def first_of(indexes: IndexGenerations) -> IndexPlace:
    return indexes.first


async def test_the_first_is_the_one_that_was_given(indexes: IndexGenerations) -> None:
    first = first_of(indexes)
    assert (first.dimensions, first.slot) == (4, 0)
    assert await indexes.at(first) is await indexes.at(first)
    assert await (await indexes.at(first)).count() == 0


async def test_each_holds_its_own_passages_also_of_the_same_ids(indexes: IndexGenerations) -> None:
    first, beside, other = [await indexes.at(place) for place in (first_of(indexes), BESIDE, OTHER)]
    one, late = a_point(sparse=terms(1)), a_point(sparse=terms(2))
    await first.put([one])
    await beside.put([one, late])
    await other.put([a_point([0.0, 1.0], terms(1))])
    assert [await index.count() for index in (first, beside, other)] == [1, 2, 1]
    assert ids(await search(first, "docs", sparse=terms(1, 2))) == ([one.id], [one.id])
    await beside.remove([one.id])
    assert ids(await search(first, "docs", dense=None, sparse=terms(1))) == ([], [one.id])
    assert ids(await search(beside, "docs", dense=None, sparse=terms(1, 2))) == ([], [late.id])
    assert ids(await search(other, "docs", dense=[0.0, 1.0])) != ([], [])


async def test_whoever_asks_gets_the_same_one(indexes: IndexGenerations) -> None:
    await (await indexes.at(BESIDE)).put([a_point()])
    again = await indexes.at(IndexPlace("of-four", 4, 1))
    assert await again.count() == 1


async def test_passages_of_one_collection_are_told_of(indexes: IndexGenerations) -> None:
    index: PassageIndex = await indexes.at(BESIDE)
    mine, others = [a_point(collection="mine") for _ in range(7)], [a_point(collection="ours") for _ in range(5)]
    await index.put([*mine, *others])
    found, after = await index.ids(None, limit=4, collection="mine")
    more, end = await index.ids(after, limit=4, collection="mine")
    assert (sorted([*found, *more]), end) == (sorted(point.id for point in mine), None)


async def test_those_that_are_kept_keep_their_passages(indexes: IndexGenerations) -> None:
    first, place = first_of(indexes), IndexPlace("of-four", 4, 2)
    for one in (first, BESIDE, place):
        await (await indexes.at(one)).put([a_point()])
    await indexes.keep([BESIDE])
    assert await (await indexes.at(first)).count() == 1
    assert await (await indexes.at(BESIDE)).count() == 1


def folders(path: Path) -> int:
    return len(list(path.iterdir()))


async def test_on_this_machine_room_is_given_back_and_the_rest_is_there_after_a_start(tmp_path: Path) -> None:
    for kept in ((), (BESIDE,)):
        edge = QdrantEdgeIndex(tmp_path / FIRST.embedder, 4)
        await edge.open()
        indexes = QdrantEdgeGenerations(tmp_path, edge, FIRST)
        await indexes.keep([BESIDE, *kept])
        if not kept:
            await (await indexes.at(BESIDE)).put([a_point()])
            await (await indexes.at(IndexPlace("of-four", 4, 2))).put([a_point()])
            assert folders(tmp_path) == 3
        else:
            assert await (await indexes.at(BESIDE)).count() == 1
            assert folders(tmp_path) == 2
        await indexes.close()
        await edge.close()
