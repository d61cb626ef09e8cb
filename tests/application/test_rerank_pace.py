from application.rerank_pace import ENOUGH, KEPT, LOOKS_AGAIN_AFTER, LOOKS_AGAIN_AFTER_S, RerankPace


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def a_pace(*took_s: float, clock: Clock | None = None) -> RerankPace:
    pace = RerankPace(clock or Clock())
    for seconds in took_s:
        pace.took(seconds)
    return pace


def test_little_is_known_at_first_so_that_any_is_asked_for() -> None:
    pace = a_pace(*[0.2] * (ENOUGH - 1))
    assert pace.worth(0.01)
    pace.took(0.2)
    assert not pace.worth(0.01)


def test_as_long_as_a_quarter_of_them_take_is_worth_asking() -> None:
    pace = a_pace(*(number / 1_000 for number in range(KEPT)))
    assert pace.worth(0.017)
    assert not pace.worth(0.015)


def test_only_the_latest_count() -> None:
    pace = a_pace(*[0.2] * KEPT, *[0.05] * KEPT)
    assert pace.worth(0.06)


def test_after_many_left_out_and_some_time_one_is_asked_for() -> None:
    clock = Clock()
    pace = a_pace(*[0.2] * KEPT, clock=clock)
    for _ in range(2):
        assert not any(pace.worth(0.1) for _ in range(3 * LOOKS_AGAIN_AFTER))
        clock.now_s += LOOKS_AGAIN_AFTER_S
        assert pace.worth(0.1)
        clock.now_s += LOOKS_AGAIN_AFTER_S
        assert not any(pace.worth(0.1) for _ in range(LOOKS_AGAIN_AFTER))
        clock.now_s -= LOOKS_AGAIN_AFTER_S
