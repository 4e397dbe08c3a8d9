#!/usr/bin/env python3
"""How fast interpreters start, against the first of them.

    benchmarks/startup.py debian:trixie dist/cpython-….tar.zst [OTHER …]

`-c pass`, `-I -c pass` and `-I -S -c pass`, and `-I -c "import …"` of the modules that programs import most. In each
of its turns an interpreter is started 20 times by itself, with posix_spawn. Two groups of figures, each with a mean of
its own: the time on the clock, which is what a user waits for, and the time of the processor, which other work on the
machine hardly changes. The files are in memory: what a disk would take is no property of the interpreter.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import comparing
from benchmarks.peers import HERE, SCRIPTS, Peer, Rooms
from benchmarks.turns import Job
from pythonbuild.environments.base import Mount

STARTS = (("-c", "pass"), ("-I", "-c", "pass"), ("-I", "-S", "-c", "pass"))
#: Without those that every start imports (os, sys, abc, io …) and those that are always a part of the interpreter.
MODULES = (
    "argparse", "asyncio", "collections", "contextlib", "copy", "dataclasses", "datetime", "functools", "hashlib",
    "inspect", "json", "logging", "pathlib", "random", "re", "shutil", "subprocess", "tempfile", "threading", "typing",
)  # fmt: skip


@dataclass(frozen=True)
class Start:
    """One way to start, so many times in a turn."""

    words: tuple[str, ...]
    count: int

    @property
    def name(self) -> str:
        return self.words[-1] if self.words[-1] != "pass" else " ".join(self.words)

    def turn(self, peer: Peer, seed: int) -> Mapping[str, float]:
        """Start it; see :class:`benchmarks.turns.Job`."""
        output = peer.run(("-I", "-S", f"{SCRIPTS}/starts.py", str(self.count), *self.words),
                          (Mount(HERE, SCRIPTS),), PYTHONHASHSEED=str(seed))  # fmt: skip
        seconds = json.loads(output)
        return {f"wall: {self.name}": seconds["wall"], f"CPU: {self.name}": seconds["cpu"]}


def main() -> int:
    """Compare and return the exit status."""
    parser = comparing.parser(__doc__, rounds=10)
    parser.add_argument("--starts", type=int, default=20, help="starts in a turn [%(default)s]")
    arguments = parser.parse_args()
    imports = (("-I", "-c", f"import {module}") for module in MODULES)

    def make_jobs(_peers: Sequence[Peer], _rooms: Rooms) -> tuple[Sequence[Job], dict[str, str]]:
        return [Start(words, arguments.starts) for words in (*STARTS, *imports)], {}

    return comparing.compare("Start-up", arguments, make_jobs)


if __name__ == "__main__":
    sys.exit(main())
