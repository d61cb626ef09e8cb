from math import inf

from application.rerank_pace import ENOUGH, KEPT, LOOKS_AGAIN_AFTER, LOOKS_AGAIN_AFTER_S, RerankPace

NOW_S = 100.0


def a_pace(*took_s: float) -> RerankPace:
    pace = RerankPace()
    for seconds in took_s:
        pace.took(seconds)
    return pace


def test_little_is_known_at_first_so_that_any_is_asked_for() -> None:
    pace = a_pace(*[0.2] * (ENOUGH - 1))
    assert pace.worth(0.01, NOW_S)
    pace.took(0.2)
    assert not pace.worth(0.01, NOW_S)


def test_as_long_as_a_quarter_of_them_take_is_worth_asking() -> None:
    pace = a_pace(*(number / 1_000 for number in range(KEPT)))
    assert pace.worth(0.017, NOW_S)
    assert not pace.worth(0.015, NOW_S)


def test_only_the_latest_count() -> None:
    pace = a_pace(*[0.2] * KEPT, *[0.05] * KEPT)
    assert pace.worth(0.06, NOW_S)


def test_after_many_left_out_and_some_time_one_is_asked_for() -> None:
    pace, now_s = a_pace(), NOW_S
    assert pace.worth(0.1, now_s)
    for _ in range(KEPT):
        pace.took(0.2)
    for _ in range(2):
        assert not any(pace.worth(0.1, now_s) for _ in range(3 * LOOKS_AGAIN_AFTER))
        now_s += LOOKS_AGAIN_AFTER_S
        assert pace.worth(0.1, now_s)
        assert not any(pace.worth(0.1, now_s + LOOKS_AGAIN_AFTER_S) for _ in range(LOOKS_AGAIN_AFTER))


def test_one_is_sure_to_come_in_time_when_the_slowest_of_the_latest_took_half_of_it() -> None:
    pace = a_pace(*[0.01] * (ENOUGH - 1))
    assert not pace.sure(10), "too little is known"
    pace.took(0.2)
    assert pace.sure(0.4)
    assert not pace.sure(0.39)
    for _ in range(KEPT):
        pace.took(0.01)
    assert pace.sure(0.02)


def test_one_that_did_not_come_in_time_leaves_nothing_sure_until_it_is_forgotten() -> None:
    pace = a_pace(*[0.01] * KEPT, inf)
    assert not pace.sure(1_000)
    assert pace.worth(0.01, NOW_S)
    for _ in range(KEPT):
        pace.took(0.01)
    assert pace.sure(0.02)
