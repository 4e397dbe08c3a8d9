"""Compares a run with what is expected, and with the same tests run by another Python."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pythonbuild.testsuite.expectations import Expectation
from pythonbuild.testsuite.records import Case, FileRun, SuiteRun

_MISSING = re.compile(r"No module named '([\w.]+)'")
Theirs = Literal["fails", "passes", "skipped", "absent"]


@dataclass(frozen=True)
class Verdict:
    """What is to be made of a run.

    ``unexpected`` and ``expected`` are its failures; ``stale`` are entries whose tests were run and none failed.
    """

    run: SuiteRun
    unexpected: tuple[Case, ...]
    expected: tuple[tuple[Case, Expectation], ...]
    stale: tuple[Expectation, ...]

    def ok(self, *, strict: bool) -> bool:
        """Tell whether the run is as it should be; ``strict`` takes a stale entry for an error."""
        return not self.unexpected and not (strict and self.stale)


@dataclass(frozen=True)
class Comparison:
    """The files that failed, run again by another Python: what became there of each test that failed here."""

    version: str
    python: str
    theirs: dict[str, Theirs] = field(default_factory=dict)
    only_theirs: tuple[str, ...] = ()

    @property
    def machine(self) -> tuple[str, ...]:
        """The tests that fail with both: the machine's, not ours."""
        return tuple(test for test, what in self.theirs.items() if what == "fails")

    @property
    def ours(self) -> tuple[str, ...]:
        return tuple(test for test, what in self.theirs.items() if what != "fails")


def judge(run: SuiteRun, expectations: Sequence[Expectation], target: str, left_out: Collection[str] = ()) -> Verdict:
    """Sort a run's failures into expected and not; what a test misses that was left out of the build is expected."""
    applying = [entry for entry in expectations if entry.applies(run.version, target)]
    unexpected, expected = [], []
    for case in run.failures.values():
        # The longest id is the one that speaks most closely of this test.
        entry = max((e for e in applying if e.covers(case.id)), key=lambda e: len(e.test), default=None)
        entry = entry or _missing(case, left_out)
        if entry is None:
            unexpected.append(case)
        else:
            expected.append((case, entry))
    failed = {entry for _, entry in expected}
    stale = [entry for entry in applying if entry.kind == "fails" and entry not in failed and _was_run(entry, run)]
    return Verdict(run, tuple(unexpected), tuple(expected), tuple(stale))


def _missing(case: Case, left_out: Collection[str]) -> Expectation | None:
    """Return the expectation of a failure that says that a module is missing which was left out, None for any other."""
    missing = [name for name in _MISSING.findall(case.detail) if name in left_out]
    return Expectation(case.id, "left out", f"needs {missing[-1]}, which was left out.") if missing else None


def _was_run(entry: Expectation, run: SuiteRun) -> bool:
    """Tell whether an entry's tests could have failed: its file ran, and they were not all skipped.

    A file that ran without having such a test at all counts: the entry's id is wrong, or the test has gone.
    """
    files = [file for file in run.files if _belongs(entry, file) and file.outcome in ("passed", "failed")]
    if not files:
        return False
    mine = [case for file in files for case in file.cases if entry.covers(case.id)]
    return not mine or any(case.outcome != "skipped" for case in mine)


def _belongs(entry: Expectation, file: FileRun) -> bool:
    return entry.covers(file.name) or f"{entry.test}.".startswith(f"{file.name}.")


def compare(ours: SuiteRun, theirs: SuiteRun, python: str) -> Comparison:
    """Say of each failure of ``ours`` what became of that test with another Python."""
    cases, failures = theirs.cases, theirs.failures
    ended = {file.name for file in theirs.files if file.outcome in ("crashed", "timeout")}

    def outcome(test: str) -> Theirs:
        if test in failures:
            return "fails"
        if test in cases:
            return "skipped" if cases[test].outcome == "skipped" else "passes"
        file = next((file for file in theirs.files if file.name == test), None)
        if file is not None:
            return "skipped" if file.outcome == "skipped" else "passes"
        return "fails" if any(test.startswith(f"{name}.") for name in ended) else "absent"

    return Comparison(
        version=theirs.version,
        python=python,
        theirs={test: outcome(test) for test in ours.failures},
        only_theirs=tuple(test for test in failures if test not in ours.failures),
    )
