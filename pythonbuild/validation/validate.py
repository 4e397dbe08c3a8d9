"""The table of all checks, and the run of them over a distribution.

::

    report = validate(tree, target, sysroot=…, expected=…, rooms=…)
    report.raise_if_failed("cpython-3.13.15")

``tree`` is a directory that holds ``python/``, or an archive, which is unpacked first.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from pythonbuild.config.model import Target
from pythonbuild.distribution.archive import METADATA, TOP, unpack
from pythonbuild.distribution.python_json import read_python_json
from pythonbuild.errors import DistributionError, UsageError, ValidationError
from pythonbuild.validation import behaviour, elf, metadata
from pythonbuild.validation.checks import Check, Result, Subject, run_check
from pythonbuild.validation.room import Room

#: Every check there is, in the order in which they run.
CHECKS: tuple[Check, ...] = (*metadata.CHECKS, *elf.CHECKS, *behaviour.CHECKS)

_FORMAT = ("metadata-format", "PYTHON.json is there and has the form of its format")


@dataclass(frozen=True)
class Report:
    """What came of all checks."""

    results: tuple[Result, ...]

    @property
    def ok(self) -> bool:
        return not self.failed

    @property
    def failed(self) -> tuple[Result, ...]:
        return tuple(result for result in self.results if not result.ok)

    def lines(self) -> list[str]:
        """Return the report as text."""
        return [line for result in self.results for line in result.lines()]

    def raise_if_failed(self, what: str) -> None:
        """Raise ValidationError that names the failed checks and the first finding."""
        if self.failed:
            first = self.failed[0].findings[0]
            raise ValidationError(f"{what}: failed {', '.join(result.id for result in self.failed)}", found=first,
                                  advice="the report above has every finding")  # fmt: skip


def validate(
    tree: Path,
    target: Target,
    *,
    sysroot: Path | None = None,
    expected: Mapping[str, str] | None = None,
    rooms: Mapping[str, Room | str] | None = None,
    skip: Collection[str] = (),
    note: Callable[[str], None] = lambda _: None,
) -> Report:
    """Run every check that is not skipped over a tree or an archive; each result's lines go to ``note`` at once.

    Raises UsageError for an id in ``skip`` that no check has, ArchiveError for an archive that cannot be read.
    """
    rooms = {name: room for name, room in (rooms or {}).items() if behaviour.PREFIX + name not in skip}
    unknown = set(skip) - {item.id for item in CHECKS} - {_FORMAT[0]}
    if unknown:
        raise UsageError("--skip: unknown check", found=", ".join(sorted(unknown)),
                         expected=f"one of {', '.join(item.id for item in CHECKS)}")  # fmt: skip
    if tree.is_dir():
        return _validate_tree(tree, target, sysroot, expected, rooms, skip, note)
    with tempfile.TemporaryDirectory(prefix="validate-") as directory:
        unpack(tree, Path(directory))
        return _validate_tree(Path(directory), target, sysroot, expected, rooms, skip, note)


def _validate_tree(
    tree: Path,
    target: Target,
    sysroot: Path | None,
    expected: Mapping[str, str] | None,
    rooms: Mapping[str, Room | str],
    skip: Collection[str],
    note: Callable[[str], None],
) -> Report:
    results = []

    def add(result: Result) -> None:
        results.append(result)
        for line in result.lines():
            note(line)

    try:
        document = read_python_json((tree / METADATA).read_text(encoding="utf-8"), METADATA)
    except (DistributionError, OSError, UnicodeDecodeError) as error:
        add(Result(*_FORMAT, "failed", (str(error),)))
        return Report(tuple(results))
    add(Result(*_FORMAT, "passed"))
    subject = Subject(tree / TOP, document, target, sysroot, expected, rooms)
    for item in CHECKS:
        if item.id not in skip:
            add(run_check(item, subject))
    return Report(tuple(results))
