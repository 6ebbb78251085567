"""How costs grow with length: the exponent of a power that is put in comes out."""

import pytest

from keraseq.benchmarking.cost import by_length, growth
from keraseq.benchmarking.records import Record


def record(family, length, **cost):
    return Record(id=f"{family}{length}", suite="s", task="t", family=family, kind="speed", length=length, cost=cost)


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_the_exponent_of_a_power_is_found(power):
    found = growth({length: 3 * length**power for length in (512, 1024, 2048, 4096)})
    assert found.exponent == pytest.approx(power)
    assert found.low == pytest.approx(power)
    assert found.high == pytest.approx(power)
    assert found.lengths == (512, 1024, 2048, 4096)


def test_short_sequences_do_not_count_and_two_points_have_no_interval():
    found = growth({64: 100.0, 512: 10.0, 1024: 20.0})
    assert (found.exponent, found.low, found.high) == (pytest.approx(1.0), None, None)
    assert growth({64: 1.0, 512: 2.0}) is None
    noisy = growth({512: 10.0, 1024: 22.0, 2048: 38.0})
    assert noisy.low < noisy.exponent < noisy.high


def test_costs_are_milliseconds_of_a_sequence():
    found = [
        record("gru", 64, train={"examples_per_second": {"median": 500.0}}, latency={"step": {"median": 0.5}}),
        record("gru", 128, train={"examples_per_second": {"median": 250.0}}, latency={"step": None}),
        Record(id="r", suite="s", task="t", family="gru", length=256),
    ]
    assert by_length(found, "training") == {"gru": {64: 2.0, 128: 4.0}}
    assert by_length(found, "step") == {"gru": {64: 0.5}}
