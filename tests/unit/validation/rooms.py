"""An environment that runs nothing and answers what a test wants."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pythonbuild.config.model import GLIBC_FLOOR, OLDEST_CPU, SYSTEM
from pythonbuild.environments.base import Command
from pythonbuild.validation.room import Room
from tests.unit.distribution.trees import INTERPRETER

_RIGHT = [
    json.dumps({"begin": "import _ssl"}),
    json.dumps({"end": "import _ssl", "ok": True, "detail": ""}),
    "a warning",
    json.dumps({"end": "work zlib", "ok": True, "detail": ""}),
    json.dumps({"done": True}),
]
#: What the interpreter says of itself.
FACTS = {**INTERPRETER, "python_version": "3.13.5", "python_major_minor_version": "3.13"}


class FakeEnvironment:
    name = "fake"
    fixed_paths = True
    missing_isolation = ()

    def __init__(self) -> None:
        self.lines = _RIGHT
        self.facts = ["a warning", f"FACTS {json.dumps(FACTS)}"]
        self.gil = ['GIL {"at_start": true, "turned_on_by": null}']
        self.gil_modules: list[str] = []
        self.status = 0
        self.commands: list[Command] = []
        self.scripts: list[set[str]] = []
        self.suites: list[dict[str, Any]] = []

    def run(self, command: Command, *, on_line: Callable[[str], None]) -> int:
        if command.argv[-1] == "/recipe/tell_facts.py":
            for line in self.facts:
                on_line(line)
            return 0 if self.facts else 1
        if "/recipe/tell_gil.py" in command.argv:
            self.gil_modules = list(command.argv[command.argv.index("/recipe/tell_gil.py") + 1 :])
            for line in self.gil:
                on_line(line)
            return 0 if self.gil else 1
        self.commands.append(command)
        scripts = next(mount.source for mount in command.mounts if mount.target == "/recipe")
        self.scripts.append({path.name for path in scripts.iterdir()})
        self.suites.append(json.loads((scripts / "suite.json").read_text()))
        for line in self.lines:
            on_line(line)
        return self.status

    def shell(self, command: Command) -> int:
        raise NotImplementedError

    def reenter(self, command: Command) -> str:
        raise NotImplementedError

    def cancel(self) -> None: ...

    def close(self) -> None: ...


def make_room(directory: Path, emulator: tuple[str, ...] = ()) -> Room:
    return Room(FakeEnvironment(), directory / "root", "0" * 64, directory, emulator)


def make_rooms(directory: Path) -> dict[str, Room]:
    return {name: make_room(directory, ("qemu",) if name == OLDEST_CPU else ())
            for name in (SYSTEM, GLIBC_FLOOR, OLDEST_CPU)}  # fmt: skip
