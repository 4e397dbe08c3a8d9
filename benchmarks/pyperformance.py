"""pyperformance's benchmarks as jobs: its scripts, run by pyperf's worker mode, one process for each turn.

pyperformance's own runner measures one interpreter after another and makes a virtual environment for each benchmark.
Here only its list (MANIFEST and the folders' toml files) and its scripts are used; what is measured, and with what
options, is theirs. A script can hold several tasks; each is a figure and a job of its own.

How many loops make one value is found out once, with the first interpreter, and is the same for all: a fixed piece of
work. The time of a turn is the least of its values, after one warm-up. Times are the clock's, as pyperformance's are;
on a machine that has other work to do, cpu_clock.py can read the processor's instead.
"""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.library import LIBRARY
from benchmarks.peers import HERE, PACKAGES, SCRIPTS, WORK, BenchmarkError, Peer
from pythonbuild.environments.base import Mount

#: Below the packages' directory.
BENCHMARKS = "pyperformance/data-files/benchmarks"

#: What stands for the full set: a few of each kind of program, none that takes seconds for one value.
SUBSET = (
    "2to3", "async_tree", "chaos", "deepcopy", "deltablue", "float", "generators", "go", "html5lib", "json_dumps",
    "json_loads", "logging", "mako", "nbody", "pickle", "pyflate", "python_startup", "regex_compile", "regex_v8",
    "richards", "sqlite_synth", "unpickle", "xml_etree",
)  # fmt: skip

#: Seconds: the least one value takes, and what a turn should take beside start and warm-up.
_LEAST, _TURN = 0.05, 0.5
_MOST_VALUES = 5


@dataclass(frozen=True)
class Benchmark:
    """An entry of pyperformance's list: a script below its benchmarks, and its options."""

    name: str
    script: str
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Place:
    """Where the packages of each series are, by which clock, and whether LIBRARY comes first."""

    packages: Mapping[str, Path]
    cpu: bool = False
    library: bool = False


@dataclass(frozen=True)
class Task:
    """One figure of a benchmark, and how much of it is one value."""

    benchmark: Benchmark
    number: int
    name: str
    loops: int
    values: int
    place: Place

    def turn(self, peer: Peer, seed: int) -> Mapping[str, float]:
        """Run pyperf's worker for this task; see :class:`benchmarks.turns.Job`."""
        words = ("--worker-task", str(self.number), "--loops", str(self.loops), "--values", str(self.values),
                 "--warmups", "1")  # fmt: skip
        results = _work(self.benchmark, peer, self.place, words, seed)
        if [result.name for result in results] != [self.name]:
            raise BenchmarkError(f"{self.name}: task {self.number}", found=[result.name for result in results])
        return {self.name: min(results[0].values)}


@dataclass(frozen=True)
class Result:
    """What pyperf wrote of one task: values in seconds for one loop, or of a calibration none."""

    name: str
    loops: int
    values: tuple[float, ...]
    last: float


def key(peer: Peer) -> str:
    """Return which packages an interpreter takes."""
    return f"{peer.facts.series}{peer.facts.abi}"


def read_benchmarks(directory: Path) -> dict[str, Benchmark]:
    """Return pyperformance's list from its folder of benchmarks."""
    benchmarks = {}
    for line in (directory / "MANIFEST").read_text(encoding="utf-8").splitlines():
        name, _, place = line.partition("#")[0].strip().partition("\t")
        if not place.startswith("<local"):
            continue
        folder = place.strip("<>").partition(":")[2] or name
        settings = directory / f"bm_{folder}" / (f"bm_{name}.toml" if folder != name else "pyproject.toml")
        options = tomllib.loads(settings.read_text(encoding="utf-8"))["tool"]["pyperformance"].get("extra_opts", ())
        benchmarks[name] = Benchmark(name, f"bm_{folder}/run_benchmark.py", tuple(options))
    return benchmarks


def make_tasks(benchmarks: Sequence[Benchmark], peers: Sequence[Peer], place: Place,
               note: Callable[[str], None]) -> tuple[list[Task], dict[str, str]]:  # fmt: skip
    """Find out which tasks there are and their loops, with the first interpreter; what fails is returned by name."""
    tasks: list[Task] = []
    failed: dict[str, str] = {}
    for benchmark in benchmarks:
        words = ("--calibrate-loops", "--min-time", str(_LEAST), "--warmups", "1", "--values", "1")
        try:
            results = _work(benchmark, peers[0], place, words, 1)
        except BenchmarkError as error:
            failed[benchmark.name] = str(error)
            note(f"left out: {benchmark.name} ({error})")
            continue
        for number, result in enumerate(results):
            values = values_for(result.last * result.loops)
            tasks.append(Task(benchmark, number, result.name, result.loops, values, place))
    return tasks, failed


def values_for(seconds: float) -> int:
    """Return how many values a turn has when one takes so many seconds."""
    return max(1, min(_MOST_VALUES, math.ceil(_TURN / max(seconds, _LEAST))))


def _work(benchmark: Benchmark, peer: Peer, place: Place, words: Sequence[str], seed: int) -> list[Result]:
    output = peer.work / "pyperf.json"
    output.unlink(missing_ok=True)
    script = f"{PACKAGES}/{BENCHMARKS}/{benchmark.script}"
    # Two folders bring a library of their own, which pyperformance installs.
    own = f"{script.rpartition('/')[0]}/vendor/src"
    argv = (script, *benchmark.options, "--worker", *words, "--output", f"{WORK}/{output.name}")
    if place.cpu:
        argv = (f"{SCRIPTS}/cpu_clock.py", *argv)
    mounts = (Mount(place.packages[key(peer)], PACKAGES), Mount(HERE, SCRIPTS))
    path = f"{LIBRARY}:{PACKAGES}:{own}" if place.library else f"{PACKAGES}:{own}"
    peer.run(argv, mounts, PYTHONPATH=path, PYTHONHASHSEED=str(seed))
    return read_results(json.loads(output.read_text(encoding="utf-8")))


def read_results(document: Mapping[str, Any]) -> list[Result]:
    """Return the tasks of a file that pyperf wrote; what all have in common it writes only once."""
    common = document.get("metadata", {})
    results = []
    for benchmark in document["benchmarks"]:
        metadata = common | benchmark.get("metadata", {})
        run = benchmark["runs"][0]
        warmups = run.get("warmups") or [[1, math.nan]]
        values = tuple(run.get("values", ()))
        # the later warm-ups of a calibration are the calibrated ones
        last = min((value for loops, value in warmups if loops == warmups[-1][0]), default=math.nan)
        loops = int((run.get("metadata", {}) | metadata).get("loops", warmups[-1][0]))
        results.append(Result(str((metadata | run.get("metadata", {}))["name"]), loops, values, last))
    return results
