#!/usr/bin/env python3
"""How fast interpreters are against the first of them, side by side in one run.

    benchmarks/interpreter.py debian:trixie dist/cpython-….tar.zst [OTHER …]

Without a flag: the part of pyperformance that stands for it all, 10 rounds, about 11 minutes for two interpreters.
peers.py says what an interpreter can be and where it runs, turns.py how they take turns, pyperformance.py what one
turn is, figures.py what becomes of the times. Needs what requirements.txt pins, as build-linux.py does.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import comparing, workloads
from benchmarks.comparing import note
from benchmarks.library import take_from_base
from benchmarks.packages import packages_for
from benchmarks.peers import HERE, SCRIPTS, Peer, Rooms
from benchmarks.pyperformance import BENCHMARKS, SUBSET, Benchmark, Place, key, make_tasks, read_benchmarks
from benchmarks.turns import Job
from pythonbuild.environments.base import Mount
from pythonbuild.errors import UsageError


@dataclass(frozen=True)
class Workload:
    """One function of workloads.py, repeated for so many seconds."""

    name: str
    seconds: float

    def turn(self, peer: Peer, seed: int) -> Mapping[str, float]:
        """Run it in a fresh process; see :class:`benchmarks.turns.Job`."""
        words = (f"{SCRIPTS}/workloads.py", self.name, str(self.seconds))
        return {self.name: float(peer.run(words, (Mount(HERE, SCRIPTS),), PYTHONHASHSEED=str(seed)))}


def chosen(names: Sequence[str], known: Sequence[str]) -> list[str]:
    """Return the names of ``--only``, all if there are none. Raises UsageError for an unknown one."""
    for name in names:
        if name not in known:
            raise UsageError("--only: no such benchmark", found=name, expected=f"some of {', '.join(known)}")
    return [name for name in known if name in names] if names else list(known)


def micro_jobs(only: Sequence[str], seconds: float) -> list[Workload]:
    """Return the workloads as jobs."""
    names = [function.__name__ for function in workloads.WORKLOADS]
    return [Workload(name, seconds) for name in chosen(only, names)]


def pyperformance_jobs(peers: Sequence[Peer], rooms: Rooms, only: Sequence[str], library: Sequence[str],
                       *, full: bool, cpu: bool) -> tuple[Sequence[Job], dict[str, str]]:  # fmt: skip
    """Return pyperformance's benchmarks as jobs, and why some are none."""
    if library:
        take_from_base(library, peers)
    packages = {key(peer): packages_for(peer, rooms, note) for peer in peers}
    known: dict[str, Benchmark] = read_benchmarks(packages[key(peers[0])] / BENCHMARKS)
    names = chosen(only, list(known)) if only or full else list(SUBSET)
    note(f"calibrating {len(names)} benchmarks")
    return make_tasks([known[name] for name in names], peers, Place(packages, cpu, bool(library)), note)


def main() -> int:
    """Compare and return the exit status."""
    parser = comparing.parser(__doc__, rounds=10)
    parser.add_argument("--full", action="store_true", help="all of pyperformance, some hours")
    parser.add_argument("--workloads", action="store_true", help="workloads.py instead: small loops, the libraries")
    parser.add_argument(
        "--clock",
        choices=("wall", "cpu"),
        default="wall",
        help="of pyperformance: as on the wall, or of the processor, for a busy machine [%(default)s]",
    )
    parser.add_argument("--only", default="", metavar="NAME,…", help="only these benchmarks or workloads")
    parser.add_argument(
        "--library",
        default="",
        metavar="MODULE,…",
        help="of pyperformance: let all import these modules of the base's standard library",
    )
    parser.add_argument("--seconds", type=float, default=0.2, help="of a workload in a turn [%(default)s]")
    arguments: argparse.Namespace = parser.parse_args()
    only = [name for name in arguments.only.split(",") if name]
    library = [name for name in arguments.library.split(",") if name]

    def make_jobs(peers: Sequence[Peer], rooms: Rooms) -> tuple[Sequence[Job], dict[str, str]]:
        if arguments.workloads:
            return micro_jobs(only, arguments.seconds), {}
        return pyperformance_jobs(peers, rooms, only, library, full=arguments.full, cpu=arguments.clock == "cpu")

    kind = "Workloads" if arguments.workloads else "pyperformance" + ("" if arguments.full or only else " subset")
    if arguments.clock == "cpu" and not arguments.workloads:
        kind += ", processor time"
    return comparing.compare(kind, arguments, make_jobs)


if __name__ == "__main__":
    sys.exit(main())
