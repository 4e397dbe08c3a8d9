"""The compiler that links, wherever it runs: on this machine, or the pinned one in its root filesystem.

It works in one directory, and all paths that it is given are relative to that.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from pythonbuild.errors import BuildError, MachineError, UsageError

#: What a C compiler is called, in the order in which they are looked for.
NAMES = ("cc", "clang", "gcc")
#: So many of the compiler's last lines are shown, those that say what is wrong before others, and last what only says
#: that something is.
_MOST_LINES = 3
_TELLING = ("error", "undefined", "multiple definition", "recognized", "unknown", "cannot", "relocation")
_FOLLOWING = ("collect2: ", "clang: error: linker command failed")


class CompilerError(BuildError):
    """The compiler cannot do what it is asked for."""

    reason = "compiler"


class Compiler(Protocol):
    """``directory`` is its working directory; ``name`` is what messages call it, ``version`` its own first line.

    ``newer`` tells that its C library may be newer than the oldest that the target promises.
    """

    name: str
    version: str
    newer: bool
    directory: Path

    def run(self, argv: Sequence[str]) -> tuple[int, list[str]]:
        """Run a program of the working directory, or in it, where the compiler runs; return status and output."""

    def check(self, goal: str, arguments: Sequence[str]) -> list[str]:
        """Run the compiler. Raises CompilerError with its last lines; ``goal`` says what it was to do."""

    def produce(self, goal: str, arguments: Sequence[str], output: str) -> Path:
        """Run the compiler, which is to write ``output``; return the file's path. Raises CompilerError."""

    def find(self, name: str) -> Path | None:
        """Return the library of that file name that the compiler links with."""


class ProcessCompiler:
    """A compiler that ``run`` starts; both kinds are one of these."""

    newer = True

    def __init__(self, command: Sequence[str], directory: Path,
                 start: Callable[[Sequence[str]], tuple[int, list[str]]]) -> None:  # fmt: skip
        self.name = shlex.join(command)
        self.directory = directory
        self._command = tuple(command)
        self._start = start
        lines = self.check("tell its version", ["--version"])
        self.version = lines[0] if lines else self.name

    def run(self, argv: Sequence[str]) -> tuple[int, list[str]]:
        return self._start(argv)

    def check(self, goal: str, arguments: Sequence[str]) -> list[str]:
        status, lines = self._start([*self._command, *arguments])
        if status:
            raise CompilerError(f"{self.name} cannot {goal}", found=last_lines(lines) or f"exit status {status}",
                                advice="give another compiler with --cc, or --cc pinned")  # fmt: skip
        return lines

    def produce(self, goal: str, arguments: Sequence[str], output: str) -> Path:
        self.check(goal, [*arguments, "-o", output])
        if not (self.directory / output).is_file():
            raise CompilerError(f"{self.name} cannot {goal}", found="no output, and no complaint",
                                expected="a C compiler")  # fmt: skip
        return self.directory / output

    def find(self, name: str) -> Path | None:
        status, lines = self._start([*self._command, f"-print-file-name={name}"])
        path = Path(lines[-1]) if status == 0 and lines else Path(name)
        return path if path.is_absolute() and path.is_file() else None


def last_lines(lines: Sequence[str]) -> str:
    """Return the lines that say what was wrong, as one."""
    said = [line.strip() for line in lines if line.strip()]
    first = [line for line in said if not line.startswith(_FOLLOWING)]
    telling = [line for line in first if any(word in line for word in _TELLING)]
    return " | ".join(dict.fromkeys((telling or said)[-_MOST_LINES:]))[:800]


def machine_compiler(command: str, directory: Path) -> ProcessCompiler:
    """Return a compiler of this machine, by a command that may have options. Raises UsageError, CompilerError."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UsageError("--cc: not a command", found=repr(command), expected="such as gcc or 'clang -m64'") from error
    if not words or shutil.which(words[0]) is None:
        raise UsageError(f"--cc: no such program {words[0] if words else repr(command)}",
                         advice="give the command of a C compiler, or --cc pinned")  # fmt: skip

    def start(argv: Sequence[str]) -> tuple[int, list[str]]:
        program = str(directory / argv[0]) if (directory / argv[0]).is_file() else argv[0]
        try:
            done = subprocess.run([program, *argv[1:]], cwd=directory, stdin=subprocess.DEVNULL, check=False,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  env={**os.environ, "LC_ALL": "C"})  # fmt: skip
        except OSError as error:
            raise MachineError(f"{program}: cannot be run", found=error.strerror or error) from error
        return done.returncode, done.stdout.decode("utf-8", "replace").splitlines()

    return ProcessCompiler(words, directory, start)


def find_command() -> str:
    """Return the command of this machine's C compiler, "" if it has none."""
    return next((name for name in NAMES if shutil.which(name)), "")
