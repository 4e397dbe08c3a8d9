"""What a comparison found, as text, as JSON and as a plot.

A figure's name may begin with a group and a colon (``wall: import json``): each group has a geometric mean of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.figures import Comparison, compare
from benchmarks.machine import Machine
from benchmarks.turns import Times

FORMAT = 1
_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))


@dataclass(frozen=True)
class Interpreter:
    """What the reader has to know of one."""

    name: str
    version: str
    compiler: str
    libc: str

    def __str__(self) -> str:
        return f"{self.name}: Python {self.version}, {self.compiler}, {self.libc}"


@dataclass(frozen=True)
class Run:
    """One whole run; the first interpreter is the base that the others are compared with."""

    title: str
    machine: Machine
    command: str
    seconds: float
    interpreters: tuple[Interpreter, ...]
    rounds: int
    times: Times
    left_out: Mapping[str, str] = field(default_factory=dict)

    def groups(self) -> dict[str, dict[str, Sequence[Sequence[float]]]]:
        """Return the times by group; a figure without one is in the group "" ."""
        found: dict[str, dict[str, Sequence[Sequence[float]]]] = {}
        for name, rows in sorted(self.times.items()):
            group, colon, rest = name.partition(": ")
            found.setdefault(group if colon else "", {})[rest if colon else name] = rows
        return found

    def comparisons(self, group: str) -> list[Comparison]:
        """Return how each interpreter after the first compares with it."""
        times = self.groups()[group]
        rows = [{name: row[place] for name, row in times.items()} for place in range(len(self.interpreters))]
        return [compare(rows[0], other) for other in rows[1:]]


def as_text(run: Run) -> str:
    """Return what is printed: the conditions, then a table for each group."""
    lines = [run.title, f"machine   {run.machine}", f"command   {run.command}",
             f"took      {run.seconds:.0f} s, {run.rounds} rounds"]  # fmt: skip
    lines += [f"{'base' if not place else 'other':<9} {item}" for place, item in enumerate(run.interpreters)]
    lines += [f"left out  {name}: {reason}" for name, reason in run.left_out.items()]
    for group, times in run.groups().items():
        comparisons = run.comparisons(group)
        for other, comparison in zip(run.interpreters[1:], comparisons, strict=True):
            lines += [
                "",
                f"{other.name}: times as fast as {run.interpreters[0].name}" + (f" ({group})" if group else ""),
            ]
            width = max(map(len, (*times, "geometric mean")))
            for name, speed in comparison.benchmarks.items():
                lines.append(f"  {name:<{width}}  {speed}   base {duration(min(times[name][0])):>9}")
            lines.append(f"  {'geometric mean':<{width}}  {comparison.mean}   {len(times)} figures")
    return "\n".join(lines) + "\n"


def duration(seconds: float) -> str:
    """Return a time with a unit in which it has some digits."""
    scale, unit = next(((scale, unit) for scale, unit in _UNITS if seconds >= scale), _UNITS[-1])
    return f"{seconds / scale:.2f} {unit}"


def as_json(run: Run) -> dict[str, Any]:
    """Return everything: the conditions, every time, and the figures found from them."""
    return {
        "format": FORMAT,
        "title": run.title,
        "machine": run.machine.as_json(),
        "command": run.command,
        "seconds": round(run.seconds, 1),
        "rounds": run.rounds,
        "interpreters": [asdict(interpreter) for interpreter in run.interpreters],
        "left_out": dict(run.left_out),
        "groups": {
            group: {
                "seconds": {name: [list(row) for row in rows] for name, rows in times.items()},
                "speeds": [
                    {
                        "interpreter": other.name,
                        "geometric_mean": asdict(comparison.mean),
                        "benchmarks": {name: asdict(speed) for name, speed in comparison.benchmarks.items()},
                    }
                    for other, comparison in zip(run.interpreters[1:], run.comparisons(group), strict=True)
                ],
            }
            for group, times in run.groups().items()
        },
    }
