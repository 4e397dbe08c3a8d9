"""Starts driver.py in an environment and collects what it says.

Inside, ``/build`` is the only place that can be written to. A distribution's tree lies there too, as a user would have
it: moved, and writable, for many tests are skipped where they cannot write beside the library. No network but the
loopback interface; the limits of every step; and an ordinary user where the environment can give one. The user 0
without any power that steps run as is a case that no test of CPython's reckons with: those for the superuser run and
fail, those for everybody else are skipped.

On the machine itself everything lies where it lies, and the user is the caller.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pythonbuild.environments.base import Command, Environment, Mount
from pythonbuild.environments.user import short_directory, user_variables
from pythonbuild.testsuite.records import FileRun, Reader, SuiteRun

_WORK, _SCRIPTS = "/build", "/recipe"
_HOME, _SCRATCH = "home", "s"  # short: the paths of sockets below it have to fit in 107 bytes

#: What regrtest calls resources: tests that cost more than others, or need something. All but the network, a screen, a
#: sound card, and more disk, memory or time than there may be.
RESOURCES = "cpu,curses,decimal,subprocess,tzdata"

#: Every root's user database knows this one.
NOBODY = 65534

#: After so many seconds a file of the suite hangs; the slowest takes a few minutes on a busy machine.
TIMEOUT = 900

_FILES = ("driver.py", "recorder.py")


@dataclass(frozen=True)
class Bench:
    """Where a Python is tested: ``python`` is its path inside, ``work`` a directory of the host.

    ``root`` is the root filesystem, None for the machine's own.
    """

    environment: Environment
    root: Path | None
    root_digest: str
    work: Path
    python: str
    mounts: tuple[Mount, ...] = ()

    def inside(self, name: str) -> str:
        """Return the path of something in ``work`` as it is seen inside."""
        return f"{_WORK}/{name}" if self.environment.fixed_paths else str(self.work / name)


@dataclass(frozen=True)
class Selection:
    """What is run and how; no ``tests`` means all."""

    tests: tuple[str, ...] = ()
    jobs: int = 1
    timeout: int = TIMEOUT
    resources: str = RESOURCES
    seed: int = 1


def run_suite(bench: Bench, selection: Selection, on_file: Callable[[FileRun, int, int], None]) -> SuiteRun:
    """Run the files and return what came of them; each goes to ``on_file`` when it ends, with how many of how many.

    Raises TestSuiteError when the suite as a whole cannot be run.
    """
    reader = Reader()

    def take(line: str) -> None:
        file = reader.take(line)
        if file is not None:
            on_file(file, len(reader.files), reader.total)

    scripts = bench.work.with_name(f"{bench.work.name}-scripts")
    started = time.monotonic()
    try:
        with _scratch(bench) as scratch:
            _lay_out(bench.work, scripts, selection, scratch)
            status = bench.environment.run(_command(bench, scripts), on_line=take)
    finally:
        shutil.rmtree(scripts, ignore_errors=True)
        shutil.rmtree(bench.work / _HOME, ignore_errors=True)
    return reader.run(status, time.monotonic() - started)


@contextmanager
def _scratch(bench: Bench) -> Iterator[str]:
    """Yield the directory, as it is seen inside, for what tests write: its path has to be short (see above)."""
    if not bench.environment.fixed_paths:
        with short_directory(bench.work) as directory:
            yield str(directory)
        return
    here = bench.work / _SCRATCH
    here.mkdir(parents=True, exist_ok=True)
    here.chmod(0o755)
    try:
        yield bench.inside(_SCRATCH)
    finally:
        shutil.rmtree(here, ignore_errors=True)


def _lay_out(work: Path, scripts: Path, selection: Selection, scratch: str) -> None:
    for directory in (work, work / _HOME, scripts):
        directory.mkdir(parents=True, exist_ok=True)
        directory.chmod(0o755)
    for name in _FILES:
        shutil.copyfile(Path(__file__).with_name(name), scripts / name)
    plan = {
        "tests": list(selection.tests),
        "jobs": selection.jobs,
        "timeout": selection.timeout,
        "resources": selection.resources,
        "seed": selection.seed,
        "scratch": scratch,
    }
    (scripts / "plan.json").write_text(json.dumps(plan), encoding="utf-8", newline="\n")


def _command(bench: Bench, scripts: Path) -> Command:
    fixed, home = bench.environment.fixed_paths, bench.inside(_HOME)
    driver, plan = (f"{_SCRIPTS}/{name}" if fixed else str(scripts / name) for name in (_FILES[0], "plan.json"))
    mounts = (Mount(bench.work, _WORK, writable=True), Mount(scripts, _SCRIPTS), *bench.mounts)
    return Command(
        argv=(bench.python, driver, plan),
        # The order of sets is part of what makes a run repeatable.
        env={**user_variables(home), "PYTHONHASHSEED": "1"},
        cwd=home,
        mounts=mounts if fixed else (),
        root=bench.root,
        root_digest=bench.root_digest,
        label="test-distribution",
        user=NOBODY,
    )


def split_names(text: str) -> tuple[str, ...]:
    """Return the names of ``--tests``: between commas, with or without ``test.`` and ``.py``."""
    names = (name.strip().removesuffix(".py").removeprefix("test.") for name in text.split(","))
    return tuple(dict.fromkeys(name for name in names if name))


def failing_files(run: SuiteRun) -> Sequence[str]:
    """Return the files of a run that have a failure."""
    return [file.name for file in run.files if file.failures]
