"""A compiler that compiles nothing: it writes what a test says, and remembers what it was told."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from pythonbuild.distribution.relink_tools import CompilerError
from tests.unit.distribution.elfmaker import make_object
from tests.unit.distribution.trees import API, make_libpython, make_program


class FakeCompiler:
    """``newer`` is False: no stubs of the C library are asked for. ``failing`` is the goal that it fails at."""

    name = "cc"
    version = "cc (Fake) 1.0"
    newer = False

    def __init__(self, directory: Path, *, failing: str = "", builtin: Sequence[str] = (), exports: Sequence[str] = API,
                 failed: dict[str, str] | None = None, machine: int = 62) -> None:  # fmt: skip
        self.directory = directory
        self.failing = failing
        self.machine = machine
        self.told: dict[str, list[str]] = {}
        self._exports = exports
        self._answer = f"relink: {json.dumps([sorted(builtin), failed or {}])}"

    def run(self, argv: Sequence[str]) -> tuple[int, list[str]]:
        self.told["try"] = list(argv)
        return 0, ["a warning", self._answer]

    def check(self, goal: str, arguments: Sequence[str]) -> list[str]:
        self.told[goal] = list(arguments)
        if goal == self.failing:
            raise CompilerError(f"cc cannot {goal}", found="x.o: file not recognized")
        return []

    def produce(self, goal: str, arguments: Sequence[str], output: str) -> Path:
        self.check(goal, [*arguments, "-o", output])
        path = self.directory / output
        if goal.startswith("compile"):
            path.write_bytes(make_object(["_PyImport_Inittab"], machine=self.machine))
        elif "libpython" in goal:
            path.write_bytes(make_libpython(exports=self._exports))
        else:
            path.write_bytes(make_program(exports=self._exports))
        return path

    def find(self, name: str) -> Path | None:
        return None
