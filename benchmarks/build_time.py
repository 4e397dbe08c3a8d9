#!/usr/bin/env python3
"""How long builds take: cold, again without a change, one step at a time, and with a second option after the first.

    benchmarks/build_time.py [--python 3.13] [--environment sandbox] [--jobs N] [--downloads build/downloads]
    benchmarks/build_time.py --options pgo+lto --then noopt [--dry-run] [-- FLAGS OF build-linux.py]

Each build is the real command. Without --then: cold with every step as soon as it can run (the default), the same
again, and cold with one step at a time. With --then: cold with --options, then the same Python with the other option in
the same cache, which has its dependencies already; the ratio of the two is what a second option costs. Sources and
.debs are taken from the download cache; the virtual environment is made before the clock starts. Prints the machine,
the commands, wall and CPU seconds, the CPU use and the ratio; --dry-run prints the commands and runs none.
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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from benchmarks.machine import this_machine  # noqa: E402 - the repository has to be on the path first

COLD, AGAIN, STEP_BY_STEP, SECOND = "cold", "again, nothing to do", "cold, step by step", "second option"


@dataclass(frozen=True)
class Build:
    """One build: its name, the cache it uses (a fresh one unless an earlier build has it), its flags."""

    name: str
    cache: str
    flags: tuple[str, ...]


@dataclass(frozen=True)
class Measured:
    """One run: wall and CPU seconds; CPU includes all children that were waited for."""

    wall: float
    cpu: float


def builds(options: str, then: str, flags: Sequence[str]) -> list[Build]:
    """Return what is built, in order."""
    first = Build(COLD, "first", ("--options", options, *flags))
    if then:
        return [first, Build(SECOND, "first", ("--options", then, *flags))]
    return [first, Build(AGAIN, "first", first.flags),
            Build(STEP_BY_STEP, "second", (*first.flags, "--steps-at-once", "1"))]  # fmt: skip


def as_text(rows: Mapping[str, Measured], jobs: int) -> str:
    """Return the table and the ratio."""
    lines = [f"{name:22} {row.wall:8.1f} s wall {row.cpu:8.1f} s CPU {row.cpu / row.wall / jobs:7.0%} of {jobs} cores"
             for name, row in rows.items()]  # fmt: skip
    above, below = (SECOND, COLD) if SECOND in rows else (COLD, STEP_BY_STEP)
    lines.append(f"ratio     {above} / {below} = {rows[above].wall / rows[below].wall:.3f}")
    return "\n".join(lines)


def measure(command: Sequence[str]) -> Measured:
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
    arguments = _arguments()
    print(f"machine   {this_machine()}")
    rows = {}
    with tempfile.TemporaryDirectory(prefix="build-time-", dir=REPOSITORY.parent) as directory:
        for build in builds(arguments.options, arguments.then, arguments.flags):
            cache = Path(directory) / build.cache
            words = ["--cache-dir", str(cache), "--python", arguments.python, "--environment", arguments.environment,
                     "--jobs", str(arguments.jobs), "--log-format", "plain", "--output", str(cache / "dist"),
                     *build.flags]  # fmt: skip
            command = [sys.executable, str(REPOSITORY / "build-linux.py"), *words]
            print(f"command   ./build-linux.py {' '.join(words).replace(directory, '…')}", flush=True)
            if not arguments.dry_run:
                _prepare(cache, arguments.downloads, command)
                rows[build.name] = measure(command)
    if rows:
        print(as_text(rows, arguments.jobs))


def _prepare(cache: Path, downloads: Path, command: Sequence[str]) -> None:
    """Give a new cache the downloads and a virtual environment."""
    if not cache.exists():
        shutil.copytree(downloads, cache / "downloads", copy_function=os.link)
        subprocess.run([*command, "--dry-run"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", default="3.13")
    parser.add_argument("--environment", default="sandbox")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--downloads", type=Path, default=REPOSITORY / "build" / "downloads")
    parser.add_argument("--options", default="noopt", help="build options of the first build [%(default)s]")
    parser.add_argument("--then", default="", metavar="OPTIONS", help="build options of a second build, in its cache")
    parser.add_argument("--dry-run", action="store_true", help="print the commands and run none")
    parser.add_argument("flags", nargs="*", metavar="FLAG", help="after --: flags of build-linux.py for every build")
    arguments = parser.parse_args()
    if arguments.then == arguments.options:
        parser.error(f"--then: {arguments.then} is what --options has; expected another one")
    return arguments


if __name__ == "__main__":
    main()
