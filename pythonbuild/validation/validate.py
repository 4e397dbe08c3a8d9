"""The table of all checks, and the run of them over a distribution.

::

    report = validate(tree, target, sysroot=…, expected=…, rooms=…)
    report.raise_if_failed("cpython-3.13.15")

``tree`` is a directory that holds ``python/``, or an archive, which is read once and unpacked on the way. Every check
is run, or says why it does not apply; only what cannot even be read to its end is not looked at any further.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from pythonbuild.config.model import Target
from pythonbuild.distribution.archive import TOP
from pythonbuild.errors import UsageError, ValidationError
from pythonbuild.validation import (
    behaviour,
    elf,
    hardening,
    interpreter,
    leaks,
    left_out,
    macho,
    metadata,
    pe,
    provenance,
    structure,
)
from pythonbuild.validation.checks import Check, Result, Subject, run_check
from pythonbuild.validation.description import read_description
from pythonbuild.validation.members import Members, tree_members, unpack_members
from pythonbuild.validation.room import Room

#: Every check there is, in the order in which they run.
CHECKS: tuple[Check, ...] = (
    *structure.CHECKS, *metadata.CHECKS, *left_out.CHECKS, *interpreter.CHECKS, *provenance.CHECKS, *elf.CHECKS,
    *hardening.CHECKS, *macho.CHECKS, *pe.CHECKS, *leaks.CHECKS, *behaviour.CHECKS,
)  # fmt: skip


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

    def as_json(self) -> dict[str, object]:
        """Return plain data for ``--json``: every check with all of its findings."""
        return {"ok": self.ok, "checks": [asdict(result) for result in self.results]}

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
    work: Path | None = None,
) -> Report:
    """Run every check that is not skipped over a tree or an archive; each result's lines go to ``note`` at once.

    An archive is unpacked in a directory of its own in ``work`` (None: where temporary files are kept).

    Raises UsageError for an id in ``skip`` that no check has, ArchiveError for an archive that cannot be read.
    """
    unknown = set(skip) - {item.id for item in CHECKS}
    if unknown:
        raise UsageError("--skip: unknown check", found=", ".join(sorted(unknown)),
                         expected=f"one of {', '.join(item.id for item in CHECKS)}")  # fmt: skip
    rooms = {name: room for name, room in (rooms or {}).items() if behaviour.PREFIX + name not in skip}

    def run(tree: Path, members: Members) -> Report:
        top = tree / TOP
        subject = Subject(top, members, read_description(top), target, sysroot, expected, rooms)
        return Report(tuple(_results(subject, skip, note)))

    if tree.is_dir():
        return run(tree, tree_members(tree))
    with tempfile.TemporaryDirectory(prefix="validate-", dir=work) as directory:
        return run(Path(directory), unpack_members(tree, Path(directory)))


def _results(subject: Subject, skip: Collection[str], note: Callable[[str], None]) -> Iterator[Result]:
    for item in CHECKS:
        if item.id in skip:
            continue
        result = run_check(item, subject)
        for line in result.lines():
            note(line)
        yield result
        if item is structure.READABLE and not result.ok:
            return  # half an archive fails every other check, too, and says nothing new
