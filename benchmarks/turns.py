"""Interpreters take turns: what every comparison does, whatever it lets them do.

    for each round
        for each job
            for each interpreter, in odd rounds from the last to the first
                one turn: a fresh process in the sandbox that yields one time for each of the job's figures

So the turns of one job lie side by side, its rounds are spread over the whole run, and nobody is always first. Every
turn of a round has the same hash seed; another round has another one: what a seed does to a dictionary is noise too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from benchmarks.peers import BenchmarkError, Peer

#: By figure, by interpreter (its place on the command line), a time for each round.
Times = Mapping[str, Sequence[Sequence[float]]]


class Job(Protocol):
    """Something that an interpreter can be made to do."""

    @property
    def name(self) -> str:
        """What to call it when it fails."""

    def turn(self, peer: Peer, seed: int) -> Mapping[str, float]:
        """Do it once and return seconds by figure. Raises BenchmarkError."""


@dataclass
class Measured:
    """What came of it: the times, and the jobs that an interpreter could not do, with the reason."""

    times: dict[str, list[list[float]]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)


def take_turns(peers: Sequence[Peer], jobs: Sequence[Job], rounds: int, note: Callable[[str], None]) -> Measured:
    """Let every interpreter do every job in every round; a job that fails for one is left out for all."""
    measured = Measured()
    results: dict[str, list[list[Mapping[str, float]]]] = {job.name: [[] for _ in peers] for job in jobs}
    for number in range(rounds):
        note(f"round {number + 1} of {rounds}")
        places = list(range(len(peers)))
        for job in jobs:
            for place in reversed(places) if number % 2 else places:
                if job.name in measured.left_out:
                    break
                try:
                    results[job.name][place].append(job.turn(peers[place], number + 1))
                except BenchmarkError as error:
                    measured.left_out[job.name] = str(error)
                    note(f"left out: {job.name} ({error})")
    for name, rows in results.items():
        if name not in measured.left_out:
            for figure in rows[0][0]:
                measured.times[figure] = [[turn[figure] for turn in row] for row in rows]
    return measured
