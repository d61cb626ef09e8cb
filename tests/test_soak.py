"""What the soak judges by: a slope it must see, and one it must not."""

from bench.soak import slope


def test_a_leak_has_a_slope_and_noise_has_none() -> None:
    assert slope([(minute, 100 + 2.5 * minute) for minute in range(10)]) == 2.5
    assert abs(slope([(minute, 100 + (minute % 2)) for minute in range(10)])) < 0.1
    assert slope([(1.0, 100.0)]) == 0.0
