"""What every passage index does: PassageSearch and PassageWriter over the same passages."""

import os
from collections.abc import AsyncIterator
from math import log, sqrt
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID, uuid4

import pytest

from adapters.bm25.analyzer import SnowballAnalyzer
from adapters.bm25.encoder import Bm25SparseEncoder
from adapters.memory.passage_index import InMemoryPassageIndex
from adapters.qdrant_edge.index import QdrantEdgeIndex
from domain.retrieval.model import HybridHits, IndexedPassage, SearchFilters, SparseVector, Vector
from domain.retrieval.ports import PassageSearch, PassageWriter
from tests.builders import reading
from tests.fakes.qdrant import FakeQdrant
from tests.providers import local_qdrant_index, qdrant_index

EAST: Vector = [1.0, 0.0, 0.0, 0.0]
NORTH: Vector = [0.0, 1.0, 0.0, 0.0]
NORTH_EAST: Vector = [sqrt(0.5), sqrt(0.5), 0.0, 0.0]
WEST: Vector = [-1.0, 0.0, 0.0, 0.0]
NOTHING = SparseVector([], [])


class PassageIndex(PassageSearch, PassageWriter, Protocol):
    pass


LIVE = os.environ.get("IBID_TEST_QDRANT_URL", "")
KINDS = ["memory", "qdrant edge", "qdrant edge, optimized", "qdrant, fake server", "qdrant, client's local mode"]


@pytest.fixture(params=[*KINDS, *(["qdrant, live server"] if LIVE else [])])
async def index(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[PassageIndex]:
    if request.param == "memory":
        yield InMemoryPassageIndex()
        return
    if request.param == "qdrant, fake server":
        async with FakeQdrant() as qdrant, qdrant_index(qdrant.url) as index:
            yield index
        return
    if request.param == "qdrant, client's local mode":
        async with local_qdrant_index() as index:
            yield index
        return
    if request.param == "qdrant, live server":
        name = f"test-{uuid4().hex}"
        async with qdrant_index(LIVE, key=os.environ.get("IBID_TEST_QDRANT_API_KEY"), embedder=name) as index:
            yield index
            await index._client.delete_collection(f"ibid-{name}-1")
        return
    # From one passage on: then every ``settle`` of these tests builds an optimized index and takes it over.
    edge = QdrantEdgeIndex(tmp_path / "index", 4, optimize_from=1 if "optimized" in request.param else 10_000)
    await edge.open()
    yield edge
    await edge.close()


def test_a_live_server_is_tried_as_well() -> None:
    if not LIVE:
        pytest.skip("set IBID_TEST_QDRANT_URL to a server on which collections may be made and dropped")


def a_point(dense: Vector = EAST, sparse: SparseVector = NOTHING, **changes: Any) -> IndexedPassage:
    values: dict[str, Any] = {
        "id": uuid4(),
        "document_id": uuid4(),
        "collection": "docs",
        "uri": "intro.md",
        "peer_reviewed": None,
        "metadata": {},
    }
    return IndexedPassage(dense=dense, sparse=sparse, **(values | changes))


def terms(*numbers: int) -> SparseVector:
    return SparseVector(sorted(numbers), [1.0] * len(numbers))


async def search(index: PassageSearch, *names: str, **changes: Any) -> HybridHits:
    asked: dict[str, Any] = {"dense": EAST, "sparse": None, "filters": SearchFilters(), "limit": 10}
    return await index.search(readable=reading(*names), **(asked | changes))


def ids(hits: HybridHits) -> tuple[list[UUID], list[UUID]]:
    return [hit.passage_id for hit in hits.dense], [hit.passage_id for hit in hits.sparse]


async def test_dense_hits_come_best_first_with_their_cosines(index: PassageIndex) -> None:
    west, east, between = a_point(WEST), a_point(EAST), a_point(NORTH_EAST)
    await index.put([west, east, between])
    found = await search(index, "docs")
    assert ids(found) == ([east.id, between.id, west.id], [])
    assert [hit.score for hit in found.dense] == pytest.approx([1, sqrt(0.5), -1], abs=1e-5)


async def test_sparse_hits_come_best_first_with_their_bm25(index: PassageIndex) -> None:
    rare, common, other = (a_point(sparse=terms(*numbers)) for numbers in ((1, 7), (1,), (5,)))
    await index.put([common, other, rare])
    found = await search(index, "docs", dense=None, sparse=terms(1, 7))
    assert ids(found) == ([], [rare.id, common.id])
    idf_1, idf_7 = log(1 + 1.5 / 2.5), log(1 + 2.5 / 1.5)
    assert [hit.score for hit in found.sparse] == pytest.approx([idf_1 + idf_7, idf_1], rel=1e-5)


async def test_both_halves_are_found_at_once(index: PassageIndex) -> None:
    one, other = a_point(EAST, terms(1)), a_point(NORTH, terms(2))
    await index.put([one, other])
    found = await search(index, "docs", sparse=terms(2))
    assert ids(found) == ([one.id, other.id], [other.id])


async def test_a_term_may_have_the_highest_number(index: PassageIndex) -> None:
    one = a_point(sparse=terms(0, 2**32 - 1))
    await index.put([one])
    assert ids(await search(index, "docs", dense=None, sparse=terms(2**32 - 1))) == ([], [one.id])


@pytest.mark.parametrize("half", [{"dense": None}, {"dense": []}, {"dense": None, "sparse": NOTHING}])
async def test_a_half_without_a_vector_finds_nothing(index: PassageIndex, half: dict[str, Any]) -> None:
    await index.put([a_point(sparse=terms(1))])
    assert ids(await search(index, "docs", **half)) == ([], [])


async def test_no_more_than_the_limit_comes_back_of_each_half(index: PassageIndex) -> None:
    await index.put([a_point(sparse=terms(1)) for _ in range(5)])
    found = await search(index, "docs", sparse=terms(1), limit=3)
    assert (len(found.dense), len(found.sparse)) == (3, 3)


async def test_only_readable_collections_are_looked_at(index: PassageIndex) -> None:
    mine, ours, secret = (a_point(sparse=terms(1), collection=name) for name in ("mine", "ours", "secret"))
    await index.put([mine, ours, secret])
    for half in await search(index, "mine", sparse=terms(1)), await search(index, "mine", "nowhere", sparse=terms(1)):
        assert ids(half) == ([mine.id], [mine.id])
    both = await search(index, "mine", "ours", sparse=terms(1))
    assert {hit.passage_id for hit in (*both.dense, *both.sparse)} == {mine.id, ours.id}


async def test_better_passages_elsewhere_leave_no_fewer_hits(index: PassageIndex) -> None:
    mine = [a_point(WEST, terms(1), collection="mine") for _ in range(3)]
    await index.put([*(a_point(EAST, terms(1), collection="secret") for _ in range(30)), *mine])
    found = await search(index, "mine", sparse=terms(1), limit=3)
    assert set(ids(found)[0]) == set(ids(found)[1]) == {point.id for point in mine}


async def test_an_empty_readable_finds_nothing(index: PassageIndex) -> None:
    await index.put([a_point(sparse=terms(1))])
    assert ids(await search(index, sparse=terms(1))) == ([], [])


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        ("guide/", ["guide/a", "guide/%_*?"]),
        ("guide", ["guide/a", "guide/%_*?", "guidebook"]),
        ("Guide", ["Guide/a"]),
        ("guide/a ", []),
        ("guide/%", ["guide/%_*?"]),
        ("*", []),
        ("é", ["é/x"]),
        ("", ["guide/a", "guide/%_*?", "guidebook", "Guide/a", "é/x"]),
    ],
)
async def test_a_uri_prefix_is_a_plain_string_prefix(index: PassageIndex, prefix: str, expected: list[str]) -> None:
    points = {uri: a_point(uri=uri) for uri in ("guide/a", "guide/%_*?", "guidebook", "Guide/a", "é/x")}
    await index.put(list(points.values()))
    found = await search(index, "docs", filters=SearchFilters(uri_prefix=prefix))
    assert set(ids(found)[0]) == {points[uri].id for uri in expected}


async def test_peer_reviewed_only_leaves_unknown_ones_out(index: PassageIndex) -> None:
    yes, no, unknown = (a_point(sparse=terms(1), peer_reviewed=value) for value in (True, False, None))
    await index.put([yes, no, unknown])
    found = await search(index, "docs", sparse=terms(1), filters=SearchFilters(peer_reviewed_only=True))
    assert ids(found) == ([yes.id], [yes.id])


async def test_every_metadata_entry_must_be_equal(index: PassageIndex) -> None:
    both = a_point(metadata={"lang": "en", "topic": "start"})
    await index.put([both, a_point(metadata={"lang": "en"}), a_point(metadata={"lang": "en", "topic": "started"})])
    found = await search(index, "docs", filters=SearchFilters(metadata={"lang": "en", "topic": "start"}))
    assert ids(found)[0] == [both.id]


@pytest.mark.parametrize("key", ["a.b", 'quo"te', "x[]", "", "ключ", "a b", "lang\x1fen", "$or"])
async def test_a_metadata_key_may_be_any_text(index: PassageIndex, key: str) -> None:
    one = a_point(metadata={key: "yes"})
    await index.put([one, a_point(metadata={"other": "yes"}), a_point(metadata={key: "no"})])
    assert ids(await search(index, "docs", filters=SearchFilters(metadata={key: "yes"})))[0] == [one.id]


async def test_all_filters_hold_together_and_inside_readable(index: PassageIndex) -> None:
    fitting: dict[str, Any] = {"uri": "guide/a", "peer_reviewed": True, "metadata": {"lang": "en"}}
    one = a_point(**fitting)
    others = [
        a_point(**(fitting | change))
        for change in ({"uri": "b"}, {"peer_reviewed": None}, {"metadata": {"lang": "de"}}, {"collection": "secret"})
    ]
    await index.put([one, *others])
    filters = SearchFilters(uri_prefix="guide/", peer_reviewed_only=True, metadata={"lang": "en"})
    assert ids(await search(index, "docs", filters=filters))[0] == [one.id]


async def test_putting_a_passage_twice_keeps_one(index: PassageIndex) -> None:
    one = a_point(sparse=terms(1))
    await index.put([one])
    await index.put([one])
    assert await index.count() == 1
    assert ids(await search(index, "docs", sparse=terms(1))) == ([one.id], [one.id])


async def test_a_passage_put_again_replaces_the_earlier_in_every_field(index: PassageIndex) -> None:
    before = a_point(EAST, terms(1), uri="old/a", peer_reviewed=True, metadata={"lang": "en"})
    after = a_point(NORTH, terms(2), id=before.id, collection="moved", uri="new/a")
    await index.put([before])
    await index.put([after])
    assert ids(await search(index, "docs", sparse=terms(1))) == ([], [])
    found = await search(index, "moved", sparse=terms(1, 2))
    assert ids(found) == ([after.id], [after.id])
    assert found.dense[0].score == pytest.approx(0, abs=1e-5)
    for gone in ({"uri_prefix": "old"}, {"peer_reviewed_only": True}, {"metadata": {"lang": "en"}}):
        assert ids(await search(index, "moved", filters=SearchFilters(**gone))) == ([], [])


async def test_a_removed_passage_is_not_found_any_more(index: PassageIndex) -> None:
    kept, gone = a_point(sparse=terms(1)), a_point(sparse=terms(1))
    await index.put([kept, gone])
    await index.remove([gone.id])
    assert ids(await search(index, "docs", sparse=terms(1))) == ([kept.id], [kept.id])
    assert await index.count() == 1


async def test_removing_unknown_passages_is_no_error(index: PassageIndex) -> None:
    await index.put([a_point()])
    await index.remove([uuid4()])
    await index.remove([])
    assert await index.count() == 1


async def test_the_count_is_of_all_collections(index: PassageIndex) -> None:
    assert await index.count() == 0
    await index.put([])
    await index.put([a_point(collection="one"), a_point(collection="two")])
    assert await index.count() == 2


async def test_settling_changes_nothing_that_is_found(index: PassageIndex) -> None:
    vectors = (EAST, NORTH, NORTH_EAST, WEST)
    await index.put([a_point(one, SparseVector([7], [1.0 + place])) for place, one in enumerate(vectors)])
    before = await search(index, "docs", sparse=terms(7))
    await index.settle()
    after = await search(index, "docs", sparse=terms(7))
    assert ids(after) == ids(before)
    assert [hit.score for hit in after.sparse] == pytest.approx([hit.score for hit in before.sparse])


async def test_passages_come_and_go_after_settling(index: PassageIndex) -> None:
    first, second, third = a_point(EAST), a_point(NORTH), a_point(WEST)
    await index.put([first, second])
    await index.settle()
    await index.remove([first.id])
    await index.put([third])
    assert ids(await search(index, "docs"))[0] == [second.id, third.id]
    await index.settle()
    assert ids(await search(index, "docs"))[0] == [second.id, third.id]


async def test_every_index_gives_the_same_bm25_for_the_same_texts(index: PassageIndex) -> None:
    texts = [
        "The lantern hangs in the hall, and a second lantern in the cellar.",
        "A compass and a map lie on the table in the hall.",
        "Maps are old; the compass is new. The compass points north.",
        "Nothing of this is said here at all.",
    ]
    encoder = Bm25SparseEncoder(SnowballAnalyzer())
    points = [a_point(sparse=vector) for vector in encoder.encode_passages(texts, language="en")]
    plain = InMemoryPassageIndex()
    await plain.put(points)
    await index.put(points)
    question = encoder.encode_question("compass maps in the hall with a lantern", languages=["en"])
    expected = await search(plain, "docs", dense=None, sparse=question)
    found = await search(index, "docs", dense=None, sparse=question)
    assert ids(found) == ids(expected)
    assert [hit.score for hit in found.sparse] == pytest.approx([hit.score for hit in expected.sparse], rel=1e-5)


async def test_every_passage_is_told_of_once_in_parts(index: PassageIndex) -> None:
    points = [a_point() for _ in range(25)]
    await index.put(points)
    await index.remove([points[0].id])
    found: list[UUID] = []
    after, parts = None, 0
    while True:
        some, after = await index.ids(after, limit=7)
        found += some
        parts += 1
        if after is None:
            break
    assert sorted(found) == sorted(point.id for point in points[1:])
    assert parts == 4


async def test_an_empty_index_tells_of_nothing(index: PassageIndex) -> None:
    assert await index.ids(None, limit=7) == ([], None)
