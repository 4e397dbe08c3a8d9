"""A small distribution that is right, to be spoilt in one place."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pythonbuild.validation.validate import Report, validate
from tests.unit.distribution.trees import MODULES, TARGET, make_distribution, make_sysroot, write
from tests.unit.validation.rooms import make_rooms

EXPECTED = {
    **{name: str(module["linkage"]) for name, module in MODULES.items()}, "marshal": "builtin", "builtins": "builtin",
}  # fmt: skip


class Bench:
    """A right distribution as a tree, and all that its validation takes."""

    def __init__(self, directory: Path) -> None:
        self.out, _ = make_distribution(directory)
        self.top = self.out / "python"
        self.sysroot = make_sysroot(directory / "sysroot")
        self.rooms = make_rooms(directory)

    def write(self, path: str, content: bytes | str) -> None:
        (self.top / path).unlink(missing_ok=True)  # it is a hard link into the trees
        write(self.top / path, content)

    def edit(self, change: Callable[[dict[str, Any]], object]) -> None:
        plain = json.loads((self.top / "PYTHON.json").read_text())
        change(plain)
        self.write("PYTHON.json", json.dumps(plain))

    def run(self, what: Path | None = None, **options: Any) -> Report:
        defaults: dict[str, Any] = {"sysroot": self.sysroot, "expected": EXPECTED, "rooms": self.rooms}
        return validate(what or self.out, TARGET, **{**defaults, **options})


def edit(change: Callable[[dict[str, Any]], object]) -> Callable[[Bench], None]:
    """Change PYTHON.json."""
    return lambda bench: bench.edit(change)


def extension(name: str, **changes: Any) -> Callable[[Bench], None]:
    """Change the entry of an extension module."""
    return edit(lambda plain: plain["build_info"]["extensions"][name].update(changes))


def put(path: str, content: bytes | str) -> Callable[[Bench], None]:
    """Write a file."""
    return lambda bench: bench.write(path, content)


def remove(path: str) -> Callable[[Bench], None]:
    """Remove a file."""
    return lambda bench: (bench.top / path).unlink()


def assert_refused(report: Report, identifier: str, words: str) -> None:
    """Assert that a check has failed with a finding that holds the words."""
    failed = {result.id: result for result in report.failed}
    assert identifier in failed, [line for result in report.failed for line in result.lines()]
    assert any(words in finding for finding in failed[identifier].findings), failed[identifier].findings
