#!/usr/bin/env python3
"""How fast interpreters are against the first of them, side by side in one run.

    benchmarks/interpreters.py BASE OTHER [OTHER …] [--rounds 8] [--seconds 0.3]

Each is an interpreter's path, or an archive of ours, which is unpacked first. They take turns: a round of every one,
then the next round. A workload's time is the least CPU time of all rounds, so what else the machine does matters
little. Start-up is measured likewise, as the CPU time of `-c pass` and of `-I -S -c pass`. Prints the machine, the
command, and how many times as fast as the base each is, with the geometric mean.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from benchmarks.machine import describe_machine  # noqa: E402 - the repository has to be on the path first

WORKLOADS = Path(__file__).with_name("workloads.py")
STARTS = {"start-up": ["-c", "pass"], "start-up -I -S": ["-I", "-S", "-c", "pass"]}


def interpreter(path: Path, directory: Path) -> Path:
    """Return the interpreter itself; an archive is unpacked into the directory."""
    if ".tar" not in path.suffixes:
        return path
    from pythonbuild.distribution.archive import unpack

    directory.mkdir()
    unpack(path, directory)
    return directory / "python/install/bin/python3"


def start_time(command: list[str], repeats: int = 20) -> float:
    """Return the CPU seconds, user and system, of the cheapest of some runs."""
    least = math.inf
    for _ in range(repeats):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        least = min(least, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return least


def one_round(python: Path, seconds: float) -> dict[str, float]:
    """Return seconds by workload."""
    done = subprocess.run([python, "-I", WORKLOADS, str(seconds)], capture_output=True, text=True, check=True)
    times: dict[str, float] = json.loads(done.stdout)
    return times | {name: start_time([str(python), *arguments]) for name, arguments in STARTS.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("interpreters", nargs="+", type=Path)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=0.3)
    arguments = parser.parse_args()
    print(f"machine   {describe_machine()}")
    print(f"command   {' '.join(sys.argv)}", flush=True)
    with tempfile.TemporaryDirectory(prefix="interpreters-") as directory:
        pythons = [interpreter(path, Path(directory, str(i))) for i, path in enumerate(arguments.interpreters)]
        best: list[dict[str, float]] = [{} for _ in pythons]
        for _ in range(arguments.rounds):
            for times, python in zip(best, pythons, strict=True):
                for name, seconds in one_round(python, arguments.seconds).items():
                    times[name] = min(seconds, times.get(name, math.inf))
    for path, times in zip(arguments.interpreters[1:], best[1:], strict=True):
        print(f"\n{path.name} against {arguments.interpreters[0].name}")
        speeds = {name: best[0][name] / seconds for name, seconds in times.items()}
        for name, speed in speeds.items():
            print(f"  {name:22} {speed:6.3f} x as fast   {times[name] * 1000:8.2f} ms")
        print(f"  {'geometric mean':22} {math.exp(sum(map(math.log, speeds.values())) / len(speeds)):6.3f} x as fast")


if __name__ == "__main__":
    main()
