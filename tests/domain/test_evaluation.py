"""The figures of an evaluation against values worked out by hand."""

from math import log2

import pytest

from domain.evaluation.bootstrap import paired_change
from domain.evaluation.claims import claim_figures
from domain.evaluation.classification import auroc, calibration_error, confusion
from domain.evaluation.gold import GoldQuestion, Observed, ObservedClaim, Place
from domain.evaluation.ranking import ndcg, recall, reciprocal_rank
from domain.evaluation.scoring import Metric, means, percentile, score

A, B, C = frozenset("a"), frozenset("b"), frozenset("c")
NONE = frozenset[str]()


class TestRanking:
    def test_recall_is_the_share_of_the_relevant_things_found(self) -> None:
        assert recall([NONE, A, NONE, B], A | B | C, k=4) == pytest.approx(2 / 3)
        assert recall([NONE, A, NONE, B], A | B | C, k=2) == pytest.approx(1 / 3)

    def test_a_thing_found_again_counts_once(self) -> None:
        assert recall([A, A, A], A | B, k=3) == 0.5
        assert ndcg([A, A, B], A | B, k=3) == pytest.approx((1 + 1 / 2) / (1 + 1 / log2(3)))

    def test_ndcg_discounts_by_the_logarithm_of_the_place(self) -> None:
        assert ndcg([NONE, A, B], A | B, k=10) == pytest.approx((1 / log2(3) + 1 / 2) / (1 + 1 / log2(3)))
        assert ndcg([A, B], A | B, k=10) == 1.0

    def test_the_best_order_holds_no_more_than_k(self) -> None:
        assert ndcg([A, B], A | B | C, k=2) == 1.0

    def test_two_relevant_things_in_one_passage_are_no_better_than_the_best_order(self) -> None:
        assert ndcg([A | B], A | B, k=10) == 1.0

    def test_reciprocal_rank_looks_no_further_than_k(self) -> None:
        assert reciprocal_rank([NONE, NONE, A], A, k=3) == pytest.approx(1 / 3)
        assert reciprocal_rank([NONE, NONE, A], A, k=2) == 0.0


class TestClassification:
    def test_auroc_counts_pairs_in_the_right_order_and_ties_half(self) -> None:
        # Pairs of (so, not so): .9>.8, .9>.3, .3<.8, .3=.3.
        assert auroc([0.9, 0.3, 0.8, 0.3], [True, True, False, False]) == pytest.approx((1 + 1 + 0 + 0.5) / 4)

    def test_auroc_of_one_kind_alone_is_unknown(self) -> None:
        assert auroc([0.1, 0.2], [True, True]) is None

    def test_the_ratios_of_a_decision(self) -> None:
        decided = confusion([True, True, True, False, False], [True, True, False, True, False])
        assert (decided.precision, decided.recall, decided.accuracy) == (2 / 3, 2 / 3, 3 / 5)
        assert decided.f1 == pytest.approx(2 / 3)

    def test_a_decision_that_is_never_taken_has_a_precision_of_nothing(self) -> None:
        decided = confusion([False], [True])
        assert (decided.precision, decided.recall, decided.f1) == (0.0, 0.0, 0.0)

    def test_calibration_error_weighs_each_bin_s_gap_by_its_size(self) -> None:
        # Bin [.8, .9): mean .85 and half of them so, gap .35; bin [.1, .2): mean .1 and none so, gap .1.
        found = calibration_error([0.8, 0.9 - 1e-9, 0.1, 0.1], [True, False, False, False])
        assert found == pytest.approx(0.5 * 0.35 + 0.5 * 0.1)

    def test_a_score_of_one_falls_into_the_last_bin(self) -> None:
        assert calibration_error([1.0], [True]) == 0.0

    def test_the_figures_of_claims_are_those_of_supported_against_the_rest(self) -> None:
        figures = claim_figures([0.9, 0.6, 0.5, 0.2], [True, False, True, False], threshold=0.6)
        assert (figures.n, figures.auroc, figures.precision, figures.recall) == (4, 0.75, 0.5, 0.5)
        assert figures.ece == pytest.approx((0.1 + 0.6 + 0.5 + 0.2) / 4)


class TestBootstrap:
    def test_the_same_change_everywhere_is_certain(self) -> None:
        change = paired_change([0.1, 0.2, 0.3], [0.2, 0.3, 0.4])
        assert (change.mean, change.low, change.high) == pytest.approx((0.1, 0.1, 0.1))
        assert change.certain

    def test_changes_that_cancel_out_are_not_certain(self) -> None:
        change = paired_change([0.0] * 20, [0.5, -0.5] * 10)
        assert change.mean == 0.0
        assert not change.certain
        # The mean of 20 draws of +-.5 has a standard error of .112: 1.96 of them are .22.
        assert (change.low, change.high) == pytest.approx((-0.22, 0.22), abs=0.04)

    def test_the_same_runs_give_the_same_interval(self) -> None:
        assert paired_change([0, 1, 0, 1], [1, 0, 1, 1]) == paired_change([0, 1, 0, 1], [1, 0, 1, 1])


PAGE = Place("guide.md", "https://x.test/guide", "top")
SECTION = Place("guide.md", "https://x.test/guide", "deep")
OTHER = Place("other.md", None, None)


def an_observation(
    *claims: ObservedClaim, found: tuple[Place, ...] = (), answered: bool = True, answer: str = "Yes."
) -> Observed:
    return Observed(answered, answer, found, claims, ms=12.0, tokens=7, cost_usd=0.5)


class TestScoring:
    def test_a_place_goes_by_its_uri_and_its_url_with_and_without_the_anchor(self) -> None:
        for name in ("guide.md", "guide.md#deep", "https://x.test/guide", "https://x.test/guide#deep"):
            assert SECTION.among({name}) == {name}
        assert SECTION.among({"guide.md#top", "deep", "other.md"}) == set()
        assert OTHER.among({"other.md#None", "None"}) == set()

    def test_retrieval_is_measured_on_the_search(self) -> None:
        gold = GoldQuestion("q", "?", relevant=frozenset({"guide.md#deep", "other.md"}))
        scores = score(gold, an_observation(found=(PAGE, SECTION, OTHER)), k=2)
        assert scores[Metric.RECALL] == 0.5
        assert scores[Metric.MRR] == 0.5

    def test_citations_are_counted_by_distinct_places(self) -> None:
        gold = GoldQuestion("q", "?", relevant=frozenset({"guide.md#deep", "missing.md"}))
        claims = (ObservedClaim("supported", [SECTION, OTHER]), ObservedClaim("supported", [SECTION]))
        scores = score(gold, an_observation(*claims), k=5)
        assert (scores[Metric.CITATION_PRECISION], scores[Metric.CITATION_RECALL]) == (0.5, 0.5)

    def test_an_answer_without_citations_has_a_precision_of_nothing(self) -> None:
        scores = score(GoldQuestion("q", "?", relevant=frozenset({"a"})), an_observation(), k=5)
        assert (scores[Metric.CITATION_PRECISION], scores[Metric.CITATION_RECALL]) == (0.0, 0.0)

    def test_verdicts_are_held_against_the_relevant_places(self) -> None:
        gold = GoldQuestion("q", "?", relevant=frozenset({"guide.md"}))
        claims = (
            ObservedClaim("supported", [SECTION]),
            ObservedClaim("supported", [OTHER]),
            ObservedClaim("partial", [PAGE]),
            ObservedClaim("uncited", []),
        )
        scores = score(gold, an_observation(*claims), k=5)
        assert scores[Metric.SUPPORTED] == 0.5
        assert (scores[Metric.VERDICT_PRECISION], scores[Metric.VERDICT_RECALL]) == (0.5, 0.5)

    def test_expected_strings_are_found_whatever_their_capitals_and_line_breaks(self) -> None:
        gold = GoldQuestion("q", "?", expected=("Two equals", "absent"))
        scores = score(gold, an_observation(answer="Use TWO\nequals signs."), k=5)
        assert scores[Metric.EXPECTED] == 0.5

    @pytest.mark.parametrize(
        ("answerable", "answered", "metric", "wrong"),
        [
            (True, True, Metric.FALSE_REFUSAL, 0.0),
            (True, False, Metric.FALSE_REFUSAL, 1.0),
            (False, True, Metric.MISSED_REFUSAL, 1.0),
            (False, False, Metric.MISSED_REFUSAL, 0.0),
        ],
    )
    def test_each_question_can_be_refused_wrongly_in_one_way(
        self, answerable: bool, answered: bool, metric: Metric, wrong: float
    ) -> None:
        scores = score(GoldQuestion("q", "?", answerable=answerable), an_observation(answered=answered), k=5)
        assert scores[metric] == wrong
        assert len({Metric.FALSE_REFUSAL, Metric.MISSED_REFUSAL} & scores.keys()) == 1

    def test_a_refusal_has_no_figures_of_an_answer(self) -> None:
        gold = GoldQuestion("q", "?", relevant=frozenset({"a"}), expected=("x",))
        scores = score(gold, an_observation(answered=False, answer=""), k=5)
        assert not {Metric.CITATION_PRECISION, Metric.EXPECTED, Metric.SUPPORTED} & scores.keys()

    def test_means_are_over_the_questions_that_have_the_figure(self) -> None:
        found = means([{Metric.RECALL: 1.0, Metric.COST: 0.2}, {Metric.COST: 0.4}])
        assert found[Metric.RECALL].n == 1
        assert found[Metric.COST].value == pytest.approx(0.3)
        assert Metric.NDCG not in found

    def test_percentiles_are_values_that_occurred(self) -> None:
        values = [5.0, 1.0, 4.0, 2.0, 3.0]
        assert (percentile(values, 0.5), percentile(values, 0.95), percentile([7.0], 0.5)) == (3.0, 5.0, 7.0)
