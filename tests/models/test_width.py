"""The width at which a measure comes to what is wanted."""

import logging

import pytest

from keraseq.errors import KeraseqError, UsageError
from keraseq.models.width import FLOPS, STEP_TIME, solve

NAMES = {"title": "GRU", "field": "units"}


@pytest.mark.parametrize("start", [1, 5, 64, 1000])
@pytest.mark.parametrize("wanted", [30, 999, 12_345, 10**6])
def test_the_nearest_width_is_found_wherever_it_begins(start, wanted) -> None:
    def value(width):
        return 3 * width * width + 7 * width + 11

    width = solve(value, wanted, FLOPS, start=start, **NAMES)
    assert abs(value(width) - wanted) == min(abs(value(k) - wanted) for k in range(1, 700))


def test_what_cannot_be_reached_is_refused() -> None:
    with pytest.raises(UsageError, match="flops must be at least 21, the smallest GRU with these settings; got 3"):
        solve(lambda width: 20 + width, 3, FLOPS, start=16, **NAMES)
    with pytest.raises(KeraseqError, match="GRU: units = 32 and 64 both give 5 flops; 30 cannot be reached"):
        solve(lambda width: 5, 30, FLOPS, start=16, **NAMES)
    with pytest.raises(UsageError, match="step-time must be at least 5, the smallest GRU"):
        solve(lambda width: 5.0, 1, STEP_TIME, start=16, **NAMES)
    with pytest.raises(KeraseqError, match="GRU: units = 262144 gives but 5 ms a step; 30 cannot be reached"):
        solve(lambda width: 5.0, 30, STEP_TIME, start=16, **NAMES)


def test_a_measure_with_noise_is_taken_few_times() -> None:
    taken = []

    def value(width):
        taken.append(width)
        return 4 + width**2 / 500 * (1.03 if len(taken) % 2 else 0.97)

    for wanted in (5.0, 13.0, 40.0, 300.0):
        taken.clear()
        width = solve(value, wanted, STEP_TIME, start=64, **NAMES)
        assert len(taken) <= 8
        assert 4 + width**2 / 500 == pytest.approx(wanted, rel=0.15)
    taken.clear()
    solve(lambda width: taken.append(width) or 20.5, 20, STEP_TIME, start=64, **NAMES)
    assert taken == [64]
    taken.clear()
    solve(lambda width: taken.append(width) or (1.0 if width < 700 else 99.0), 50, STEP_TIME, start=64, **NAMES)
    assert len(taken) == 8


def test_a_miss_is_warned_of_by_the_tolerance_of_the_measure(caplog) -> None:
    with caplog.at_level(logging.WARNING):
        solve(lambda width: 100.0 * width, 107, STEP_TIME, **NAMES)
        assert not caplog.text
        solve(lambda width: 100 * width, 107, FLOPS, **NAMES)
    assert "GRU: no units gives 107 flops to within 5 %; the nearest, 1, gives 100" in caplog.text
