"""One ranking out of two halves."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.retrieval.fusion import DENSE_WEIGHT, fuse
from domain.retrieval.model import Hit, HybridHits

A, B, C, D = (UUID(int=number) for number in range(4))


def half(**scores: float) -> tuple[Hit, ...]:
    names = {"a": A, "b": B, "c": C, "d": D}
    return tuple(sorted((Hit(names[name], score) for name, score in scores.items()), key=lambda hit: -hit.score))


def order(hits: HybridHits) -> list[UUID]:
    return [hit.passage_id for hit in fuse(hits)]


def test_a_passage_that_both_halves_like_comes_first() -> None:
    assert order(HybridHits(half(a=0.9, b=0.8, c=0.1), half(d=9, b=8.5, c=1)))[0] == B


def test_scores_are_the_convex_sum_of_stretched_scores() -> None:
    by_id = {hit.passage_id: hit for hit in fuse(HybridHits(half(a=0.9, b=0.5, c=0.1), half(c=8, b=4, d=2)))}
    assert by_id[A].score == pytest.approx(DENSE_WEIGHT)
    assert by_id[B].score == pytest.approx(DENSE_WEIGHT * 0.5 + (1 - DENSE_WEIGHT) / 3)
    assert by_id[C].score == pytest.approx(1 - DENSE_WEIGHT)
    assert by_id[D].score == 0


def test_raw_scores_are_kept_and_none_where_a_half_missed_the_passage() -> None:
    by_id = {hit.passage_id: hit for hit in fuse(HybridHits(half(a=0.9), half(b=8)))}
    assert (by_id[A].dense, by_id[A].sparse) == (0.9, None)
    assert (by_id[B].dense, by_id[B].sparse) == (None, 8)


def test_one_half_alone_keeps_its_order_and_decides_alone() -> None:
    scores = half(a=0.9, b=0.5, c=0.1)
    for hits in HybridHits(scores, ()), HybridHits((), scores):
        assert order(hits) == [A, B, C]
        assert [hit.score for hit in fuse(hits)] == pytest.approx([1, 0.5, 0])


def test_twins_stand_in_one_order_however_each_half_found_them() -> None:
    twins = (Hit(C, 4.0), Hit(A, 4.0)), (Hit(A, 4.0), Hit(C, 4.0))
    found = [order(HybridHits((), (Hit(B, 9.0), *sparse, Hit(D, 1.0)))) for sparse in twins]
    found += [order(HybridHits((Hit(B, 9.0), *dense, Hit(D, 1.0)), ())) for dense in twins]
    assert found == [[B, A, C, D]] * 4


def test_nothing_found_gives_nothing() -> None:
    assert fuse(HybridHits((), ())) == []


def test_hits_that_all_score_alike_count_as_the_best() -> None:
    assert [hit.score for hit in fuse(HybridHits((), half(a=3, b=3)))] == [1, 1]


@pytest.mark.parametrize(("weight", "first"), [(0.0, B), (1.0, A)])
def test_the_weight_says_which_half_is_believed(weight: float, first: UUID) -> None:
    hits = HybridHits(half(a=0.9, b=0.1), half(b=9, a=1))
    assert fuse(hits, dense_weight=weight)[0].passage_id == first


scores = st.dictionaries(st.uuids(), st.floats(-1e3, 1e3), max_size=30)


@given(scores, scores, st.floats(0, 1))
def test_every_hit_is_fused_once_best_first_between_0_and_1(
    dense: dict[UUID, float], sparse: dict[UUID, float], weight: float
) -> None:
    halves = [
        tuple(Hit(one, score) for one, score in sorted(found.items(), key=lambda pair: -pair[1]))
        for found in (dense, sparse)
    ]
    fused = fuse(HybridHits(*halves), dense_weight=weight)
    assert sorted(hit.passage_id for hit in fused) == sorted(dense.keys() | sparse.keys())
    assert [hit.score for hit in fused] == sorted((hit.score for hit in fused), reverse=True)
    assert all(-1e-9 <= hit.score <= 1 + 1e-9 for hit in fused)
