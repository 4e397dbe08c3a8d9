#!/usr/bin/env python3
"""How long a cold build takes, against the same steps run one after another in the same environment.

    benchmarks/build_time.py [--python 3.13] [--environment sandbox] [--jobs N] [--downloads build/downloads]

Three builds, each by the real command: with every step as soon as it can run (the default), with one step at a time,
and the first of the two again without a change. Sources and .debs are taken from the download cache; the virtual
environment is made before the clock starts. Prints the machine, both commands, wall and CPU seconds, the CPU use and
the ratio.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from benchmarks.machine import this_machine  # noqa: E402 - the repository has to be on the path first


@dataclass(frozen=True)
class Measured:
    """One run: wall and CPU seconds; CPU includes all children that were waited for."""

    wall: float
    cpu: float


def measure(command: list[str]) -> Measured:
    """Run a command to its end and measure it; ends the program if it fails."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"failed: {' '.join(command)}\n{done.stdout[-4000:]}")
    cpu = (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)
    return Measured(wall, cpu)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", default="3.13")
    parser.add_argument("--environment", default="sandbox")
    parser.add_argument("--jobs", default=str(len(os.sched_getaffinity(0))))
    parser.add_argument("--downloads", type=Path, default=REPOSITORY / "build" / "downloads")
    arguments = parser.parse_args()
    print(f"machine   {this_machine()}")
    with tempfile.TemporaryDirectory(prefix="build-time-", dir=REPOSITORY.parent) as directory:
        rows = {}
        for name, extra in (("parallel", []), ("one step at a time", ["--steps-at-once", "1"])):
            cache = Path(directory) / name.replace(" ", "-")
            shutil.copytree(arguments.downloads, cache / "downloads", copy_function=os.link)
            base = [sys.executable, str(REPOSITORY / "build-linux.py"), "--cache-dir", str(cache)]
            subprocess.run([*base, "--dry-run"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            command = [*base, "--python", arguments.python, "--environment", arguments.environment, "--jobs",
                       arguments.jobs, "--log-format", "plain", "--output", str(cache / "dist"), *extra]  # fmt: skip
            print(f"command   {' '.join(command[1:])}", flush=True)
            rows[name] = measure(command)
            if not extra:
                rows["again, nothing to do"] = measure(command)
    for name, row in rows.items():
        use = row.cpu / row.wall / int(arguments.jobs)
        print(f"{name:22} {row.wall:8.1f} s wall {row.cpu:8.1f} s CPU {use:7.0%} of {arguments.jobs} cores")
    ratio = rows["parallel"].wall / rows["one step at a time"].wall
    print(f"ratio     parallel / one step at a time = {ratio:.3f}")


if __name__ == "__main__":
    main()
