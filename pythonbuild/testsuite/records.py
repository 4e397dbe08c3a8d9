"""What a run of the suite gave, as data, read from the lines that driver.py prints.

A test's id is its dotted name without the leading ``test.``, and always begins with its file:
``test_json.test_decode.TestCDecode.test_float``. What happens to a whole file (a crash, a timeout, an error before the
first case) has the file's name as id.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pythonbuild.errors import TestSuiteError, UsageError

CaseOutcome = Literal["passed", "failed", "error", "skipped", "expected", "unexpected"]
FileOutcome = Literal["passed", "failed", "crashed", "timeout", "skipped", "empty"]

#: Outcomes of a case that make it a failure.
BAD = ("failed", "error", "unexpected")

# regrtest's statuses. Windows' C library has the second one for abort(), too.
_BAD_TEST, _ALTERED, _NOTHING_RAN = 2, 3, 4
#: From here on it is one of Windows' own, as for an access violation: known by its hexadecimal digits.
_WINDOWS_STATUS = 0x80000000


@dataclass(frozen=True)
class Case:
    """One test case; ``detail`` is a traceback, or why it was skipped."""

    id: str
    outcome: CaseOutcome
    seconds: float
    detail: str = ""

    @property
    def bad(self) -> bool:
        return self.outcome in BAD


@dataclass(frozen=True)
class FileRun:
    """One file of the suite.

    ``detail`` says what happened to the file as a whole: why it was skipped, how it crashed. ``altered`` tells that it
    left the process changed (regrtest's "env changed").
    """

    name: str
    outcome: FileOutcome
    seconds: float
    cases: tuple[Case, ...] = ()
    detail: str = ""
    altered: bool = False

    @property
    def failures(self) -> tuple[Case, ...]:
        """The failures by id; one of the whole file comes first. An id that fails twice is one failure."""
        found = {}
        if self.outcome in ("crashed", "timeout") or (self.outcome == "failed" and not any(c.bad for c in self.cases)):
            found[self.name] = Case(self.name, "error", self.seconds, f"{self.outcome}: {self.detail}")
        for case in self.cases:
            if case.bad:
                found.setdefault(case.id, case)
        return tuple(found.values())


@dataclass(frozen=True)
class SuiteRun:
    """A whole run: by which Python, and the files in the order of their end."""

    version: str
    files: tuple[FileRun, ...]
    seconds: float = 0.0

    @property
    def failures(self) -> dict[str, Case]:
        return {failure.id: failure for file in self.files for failure in file.failures}

    @property
    def cases(self) -> dict[str, Case]:
        """Every case by id; of several with one id the worst counts."""
        cases: dict[str, Case] = {}
        for case in (case for file in self.files for case in file.cases):
            if case.id not in cases or case.bad:
                cases[case.id] = case
        return cases

    def count(self, outcome: CaseOutcome) -> int:
        return sum(case.outcome == outcome for file in self.files for case in file.cases)


def plain_id(name: str, file: str) -> str:
    """Return a test's id: without ``test.``, and below its file (doctests are named after what they document)."""
    plain = name.removeprefix("test.")
    for kind in ("setUpClass", "tearDownClass", "setUpModule", "tearDownModule"):
        if plain.startswith(f"{kind} (") and plain.endswith(")"):
            plain = f"{plain[len(kind) + 2 : -1].removeprefix('test.')}.{kind}"
    return plain if f"{plain}.".startswith(f"{file}.") else f"{file}.{plain}"


class Reader:
    """Takes the driver's lines one by one; ``files`` grows as they end."""

    def __init__(self) -> None:
        self.version = ""
        self.total = 0
        self.files: list[FileRun] = []
        self.done = False
        self.other: list[str] = []
        self._cases: list[dict[str, Any]] = []

    def take(self, line: str) -> FileRun | None:
        """Take a line; return the file that it ends, if it ends one. Raises UsageError for unknown names."""
        record = _record(line)
        if record is None:
            self.other.append(line)
        elif "suite" in record:
            self.version, self.total = record["suite"]["version"], record["suite"]["files"]
        elif "unknown" in record:
            raise _unknown(record["unknown"], record["known"])
        elif "case" in record:
            self._cases.append(record)
        elif "file" in record:
            self.files.append(read_file(record, self._cases))
            self._cases = []
            return self.files[-1]
        elif "done" in record:
            self.done = True
        return None

    def run(self, status: int, seconds: float) -> SuiteRun:
        """Return the run after the driver has ended. Raises TestSuiteError when it did not get to its end."""
        if status or not self.done:
            said = " | ".join(line for line in self.other[-3:] if line.strip()) or "no output"
            raise TestSuiteError("the test suite did not run to its end", found=f"status {status}: {said}",
                                 advice="run it again with --tests and one file to see which one it is"
                                 if self.files else "is this a Python with its test package?")  # fmt: skip
        return SuiteRun(self.version, tuple(self.files), seconds)


def _record(line: str) -> dict[str, Any] | None:
    try:
        record = json.loads(line) if line.startswith("{") else None
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


def _unknown(unknown: list[str], known: list[str]) -> UsageError:
    import difflib

    near = difflib.get_close_matches(unknown[0], [name.removeprefix("test.") for name in known], 1)
    return UsageError("--tests: this Python's suite has no such file", found=", ".join(unknown),
                          expected="such as test_json", advice=f"did you mean {near[0]}?" if near else "")  # fmt: skip


def read_file(record: Mapping[str, Any], cases: Iterable[Mapping[str, Any]]) -> FileRun:
    """Return what became of one file."""
    name = str(record["file"]).removeprefix("test.")
    read = tuple(
        Case(plain_id(case["case"], name), case["outcome"], case["seconds"], case["detail"]) for case in cases
    )  # fmt: skip
    outcome, detail = _judge(record, read, name)
    altered = record["status"] == _ALTERED and outcome != "crashed"
    return FileRun(name, outcome, record["seconds"], read, detail, altered=altered)


def _judge(record: Mapping[str, Any], cases: tuple[Case, ...], name: str) -> tuple[FileOutcome, str]:
    """Return a file's outcome and what there is to say of it."""
    status = record["status"]
    during = f" in {plain_id(record['unfinished'], name)}" if record["unfinished"] else ""
    said = [line for line in record["output"].split("\n") if line.strip()]
    last = " | ".join(said[-3:])
    if record["timeout"]:
        return "timeout", f"no end after {record['seconds']:.0f} s{during}"
    if status == _BAD_TEST:
        return "failed", "" if any(case.bad for case in cases) else last
    if status not in (0, _ALTERED, _NOTHING_RAN) or (status == _ALTERED and during):
        fatal = next((line for line in said if line.startswith("Fatal Python error")), last)
        return "crashed", f"{_ending(status)}{during}: {fatal}"
    if record["skipped"]:
        return "skipped", record["skipped"]
    if any(case.bad for case in cases):
        return "failed", ""  # regrtest overlooked it, we do not
    # Files that call doctest themselves have no case either, but regrtest does not complain of them.
    return ("empty", "") if "1 test run no tests:" in said else ("passed", "")


def _ending(status: int) -> str:
    if status >= 0:
        return f"status {status:#x}" if status >= _WINDOWS_STATUS else f"status {status}"
    try:
        return f"signal {signal.Signals(-status).name}"
    except ValueError:
        return f"signal {-status}"
