"""From times to figures: how many times as fast one interpreter is as another, and how sure that is.

Interpreters take turns, round by round, so the two times of one round were measured within a second or so of each
other: whatever the machine did then, it did to both. A *speed* is the base's time divided by the other's, of one round.
A benchmark's figure is the median of its speeds: a round that was disturbed for one of them alone cannot move it far.

The interval is found by the bootstrap: rounds are drawn with replacement, as many as there are, and the figure is
computed of those; of many such draws, the middle 95 % are the interval. A draw takes the same rounds for every
benchmark, so that the geometric mean's interval knows of disturbances that all benchmarks of a round shared.
"""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

DRAWS = 2000
CONFIDENCE = 0.95
_SEED = 20261122  # the same times give the same interval


@dataclass(frozen=True)
class Speed:
    """How many times as fast as the base, with the interval that holds it in 95 of 100 cases."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f}–{self.high:.3f})"


@dataclass(frozen=True)
class Comparison:
    """One interpreter against the base: the geometric mean of all benchmarks, and each."""

    mean: Speed
    benchmarks: Mapping[str, Speed]


def geometric_mean(values: Sequence[float]) -> float:
    """Return the n-th root of the product of n positive numbers."""
    if not values or min(values) <= 0:
        raise ValueError("a geometric mean needs numbers above zero")
    return math.exp(math.fsum(map(math.log, values)) / len(values))


def compare(base: Mapping[str, Sequence[float]], other: Mapping[str, Sequence[float]]) -> Comparison:
    """Compare the times of two interpreters: by benchmark one time for each round, in the order of rounds."""
    speeds = {name: [b / o for b, o in zip(times, other[name], strict=True)] for name, times in base.items()}
    lengths = {len(row) for row in speeds.values()}
    if len(lengths) != 1 or not lengths.isdisjoint({0}):
        raise ValueError("a comparison needs benchmarks, all with the same number of rounds")
    rounds = lengths.pop()
    chance = random.Random(_SEED)
    drawn: dict[str, list[float]] = {name: [] for name in speeds}
    means = []
    for _ in range(DRAWS):
        picked = chance.choices(range(rounds), k=rounds)
        for name, row in speeds.items():
            drawn[name].append(statistics.median([row[i] for i in picked]))
        means.append(geometric_mean([values[-1] for values in drawn.values()]))
    figures = {name: _speed(statistics.median(row), drawn[name]) for name, row in speeds.items()}
    return Comparison(_speed(geometric_mean([figure.value for figure in figures.values()]), means), figures)


def _speed(value: float, drawn: list[float]) -> Speed:
    outside = (1 - CONFIDENCE) / 2
    return Speed(value, percentile(drawn, outside), percentile(drawn, 1 - outside))


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which a share of the values lies, interpolated between neighbours."""
    ordered = sorted(values)
    position = share * (len(ordered) - 1)
    low = math.floor(position)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (position - low)
