"""Speeds and their intervals, of times whose answer is known."""

from __future__ import annotations

import random

import pytest

from benchmarks.figures import compare, geometric_mean, percentile


def test_twice_as_fast_without_noise_has_no_width() -> None:
    found = compare({"a": [2.0, 4.0, 2.0], "b": [1.0, 1.0, 1.0]}, {"a": [1.0, 2.0, 1.0], "b": [2.0, 2.0, 2.0]})
    assert (found.benchmarks["a"].value, found.benchmarks["a"].low, found.benchmarks["a"].high) == (2, 2, 2)
    assert found.benchmarks["b"].value == 0.5
    assert found.mean.value == pytest.approx(1)


def test_what_disturbs_a_whole_round_disturbs_no_speed() -> None:
    base, other = [1.0, 1.0, 9.0, 1.0], [0.8, 0.8, 7.2, 0.8]
    speed = compare({"a": base}, {"a": other}).benchmarks["a"]
    assert speed.value == pytest.approx(1.25)
    assert speed.high - speed.low < 1e-9


def test_one_disturbed_turn_hardly_moves_the_figure() -> None:
    speed = compare({"a": [1.0] * 9}, {"a": [1.0] * 8 + [50.0]}).benchmarks["a"]
    assert speed.value == 1
    assert speed.low == 1


def test_the_interval_holds_the_truth_and_narrows_with_more_rounds() -> None:
    chance = random.Random(5)
    widths = []
    for rounds in (8, 128):
        base = [chance.gauss(1.1, 0.03) for _ in range(rounds)]
        other = [chance.gauss(1.0, 0.03) for _ in range(rounds)]
        speed = compare({"a": base}, {"a": other}).benchmarks["a"]
        assert speed.low < 1.1 < speed.high
        widths.append(speed.high - speed.low)
    assert widths[1] < widths[0] / 2


def test_the_same_times_give_the_same_interval() -> None:
    base, other = {"a": [1.0, 1.3, 1.1]}, {"a": [1.2, 1.0, 1.0]}
    assert compare(base, other) == compare(base, other)


def test_a_disturbance_that_benchmarks_share_widens_the_mean() -> None:
    """Drawn for each benchmark alone, twenty shared disturbances would cancel out."""
    shared = [0.9, 0.9, 1.1, 1.1, 0.9, 1.1, 1.0]
    names = [f"b{i}" for i in range(20)]
    found = compare(dict.fromkeys(names, shared), {name: [1.0] * 7 for name in names})
    assert found.mean.high - found.mean.low == pytest.approx(found.benchmarks["b0"].high - found.benchmarks["b0"].low)


@pytest.mark.parametrize("times", [{}, {"a": []}, {"a": [1.0], "b": [1.0, 2.0]}])
def test_without_rounds_or_with_ragged_ones_there_is_no_comparison(times: dict[str, list[float]]) -> None:
    with pytest.raises(ValueError, match="same number of rounds"):
        compare(times, times)


def test_geometric_mean() -> None:
    assert geometric_mean([0.5, 2.0]) == pytest.approx(1)
    assert geometric_mean([1.1]) == pytest.approx(1.1)
    for bad in ([], [1.0, 0.0]):
        with pytest.raises(ValueError, match="above zero"):
            geometric_mean(bad)


def test_percentile_lies_between_neighbours() -> None:
    assert percentile([4.0, 1.0, 2.0, 3.0], 0.5) == 2.5
    assert percentile([1.0, 2.0], 0) == 1
    assert percentile([1.0, 2.0], 1) == 2
