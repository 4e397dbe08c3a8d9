"""Runs to read: recorded ones, and ones made of a few cases."""

from __future__ import annotations

from pathlib import Path

from pythonbuild.testsuite.records import Case, CaseOutcome, FileOutcome, FileRun, Reader, SuiteRun

RECORDED = {
    series: Path(__file__).with_name("recorded") / f"python-{series}.jsonl" for series in ("3.11", "3.13")
}  # fmt: skip


def read_run(series: str) -> SuiteRun:
    reader = Reader()
    for line in RECORDED[series].read_text(encoding="utf-8").split("\n"):
        reader.take(line)
    return reader.run(0, 12.5)


def make_file(name: str, outcome: FileOutcome = "passed", **cases: CaseOutcome) -> FileRun:
    """Return a file whose cases are called ``<file>.Case.<name>``."""
    made = tuple(Case(f"{name}.Case.{case}", what, 0.1, f"why {case}") for case, what in cases.items())
    detail = "" if outcome in ("passed", "failed") else "its detail"
    return FileRun(name, outcome, 1.0, made, detail)


def make_run(*files: FileRun, version: str = "3.13.15") -> SuiteRun:
    return SuiteRun(version, files, 3.0)
