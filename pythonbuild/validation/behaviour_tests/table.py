"""The table of tests, and what they share. In the room this package is alone with the standard library, and maybe with
little of that: an interpreter may have been linked with next to no extension modules, without those of dataclasses.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Container, Sequence
from pathlib import Path
from typing import NamedTuple

#: The systems, as targets call them.
LINUX, MACOS, WINDOWS = "linux", "macos", "windows"
UNIX = (LINUX, MACOS)
EVERYWHERE = (LINUX, MACOS, WINDOWS)

TESTS: list[Test] = []
#: Seconds that a program which a test starts may take, on an ordinary processor.
PROGRAM_TIMEOUT = 60


class Skip(Exception):  # noqa: N818
    """The machine or the room lacks what the test needs; no failure of the build, and shown in the report."""


class Test(NamedTuple):
    """One row: ``modules`` are the extension modules without which there is nothing to test, ``systems`` those on which
    it means something.
    """

    title: str
    modules: tuple[str, ...]
    systems: tuple[str, ...]
    run: Callable[[], None]


class Place:
    """What the suite was told of the room that it runs in.

    ``system`` is the target's. ``emulator`` is the command that the interpreter itself runs under, () for the machine's
    own processor; programs that a test starts must be given to it, too, or they would run on the machine's.
    ``patience`` is how many times longer than usual everything may take. ``modules`` are the extension modules of the
    build, ``omitted`` those that were left out of it.
    """

    system: str = LINUX
    emulator: tuple[str, ...] = ()
    patience: float = 1.0
    modules: tuple[str, ...] = ()
    omitted: tuple[str, ...] = ()


#: Set once by behaviour_suite.py.
PLACE = Place()


def works(
    title: str, *modules: str, on: tuple[str, ...] = EVERYWHERE
) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Add a test to the table; it is run on these systems where the build has all of the modules."""

    def register(function: Callable[[], None]) -> Callable[[], None]:
        TESTS.append(Test(title, modules, on, function))
        return function

    return register


def chosen(system: str, modules: Container[str]) -> list[Test]:
    """Return the tests of a system for a build with these extension modules."""
    return [test for test in TESTS if system in test.systems and all(name in modules for name in test.modules)]


def tree() -> Path:
    """Return the installation that the interpreter is part of."""
    program = Path(sys.executable).resolve()
    return program.parent if PLACE.system == WINDOWS else program.parent.parent


def program_of(environment: Path, name: str) -> Path:
    """Return a program of a virtual environment."""
    return environment / "Scripts" / f"{name}.exe" if PLACE.system == WINDOWS else environment / "bin" / name


def timeout() -> float:
    return PROGRAM_TIMEOUT * PLACE.patience


def argv(*arguments: str | os.PathLike[str], program: str | os.PathLike[str] = sys.executable) -> list[str]:
    """Return the command line that runs a built program as this room runs them: the interpreter, if not told."""
    return [*PLACE.emulator, os.fspath(program), *(os.fspath(argument) for argument in arguments)]


def run(command: Sequence[str], **options: object) -> str:
    """Run a command line; returns what it printed, fails with the end of it."""
    import subprocess  # not every interpreter has the modules that it takes: some were left out

    settings = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, **options}
    ended = subprocess.run(command, text=True, check=False, timeout=timeout(), **settings)  # type: ignore[call-overload]
    if ended.returncode:
        words = " ".join(command[len(PLACE.emulator) :])
        raise AssertionError(f"{words[:60]}: status {ended.returncode}: {(ended.stderr or ended.stdout or '')[-300:]}")
    return str(ended.stdout or "")


def python(*arguments: str, env: dict[str, str] | None = None) -> str:
    """Run the interpreter under test; returns what it printed."""
    return run(argv(*arguments), env=env)
