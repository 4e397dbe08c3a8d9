"""Runs a benchmark of pyperformance by the processor's time instead of the clock's: cpu_clock.py SCRIPT ARGUMENT …

On a machine that does other work, a process waits for its turn, and the clock goes on. What is counted here is the
time in which this process, its threads and its ended children did run, in user mode and in the kernel. A benchmark that
waits by intent (some of asyncio's) is counted without its waiting; a command is counted without what starts it.
"""

from __future__ import annotations

import resource
import runpy
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any


def children_seconds() -> float:
    """Return the processor's time of all children that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def cpu_seconds() -> float:
    """Return the processor's time of this process and of its ended children."""
    return time.process_time() + children_seconds()


def run_command(loops: int, command: Sequence[str]) -> float:
    """Run a command so many times; return the processor's time that the commands took."""
    start = children_seconds()
    for _ in range(loops):
        subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT, check=True
        )
    return children_seconds() - start


def bench_command(self: Any, name: str, command: Sequence[str]) -> Any:
    """Stand in for pyperf's method of that name, which reads the clock in a program of its own."""
    return self.bench_time_func(name, run_command, command)


if __name__ == "__main__":
    import pyperf  # type: ignore[import-not-found] # it is there where this runs

    time.perf_counter = pyperf.perf_counter = cpu_seconds
    pyperf.Runner.bench_command = bench_command
    sys.argv = sys.argv[1:]
    sys.path[0] = sys.argv[0].rpartition("/")[0]
    runpy.run_path(sys.argv[0], run_name="__main__")
