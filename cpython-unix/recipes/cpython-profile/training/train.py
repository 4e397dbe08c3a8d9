"""What the instrumented interpreter learns from, besides CPython's own tests: train.py full|quick

The tests visit every corner once; programs of users spend their time in few places. So each function of the modules
beside this file does what a kind of real program does: parse and write data, walk objects, compute with numbers, match
text, store rows, compress, wait for several things at once, start up and import. None needs a network or a file that is
not here. A full training repeats each until it has run for SECONDS, a quick one runs each once: enough for the compiler
to see which way the branches go.
"""

from __future__ import annotations

import importlib
import sys
import time
from pathlib import Path

MODULES = ("numbers_and_loops", "objects", "text_and_data", "library", "starting")
SECONDS = {"full": 1.5, "quick": 0.0}


def main(task: str) -> None:
    sys.path.insert(0, str(Path(__file__).parent))
    for name in MODULES:
        module = importlib.import_module(name)
        for workload in module.WORKLOADS:
            start, rounds = time.monotonic(), 0
            while rounds == 0 or time.monotonic() - start < SECONDS[task]:
                workload()
                rounds += 1
            sys.stdout.write(f"{name}.{workload.__name__}: {rounds} x, {time.monotonic() - start:.1f} s\n")


if __name__ == "__main__":
    main(sys.argv[1])
