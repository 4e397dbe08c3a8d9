"""A verdict as lines for a person and as data for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from pythonbuild.testsuite.records import Case, FileOutcome, FileRun, SuiteRun
from pythonbuild.testsuite.verdict import Comparison, Verdict


def progress(file: FileRun, done: int, total: int) -> str:
    """Return the line that is shown when a file has ended."""
    bad = len(file.failures)
    what = f"{bad} failed" if bad and file.outcome == "failed" else file.outcome
    text = f"[{done:{len(str(total))}}/{total}] {file.name}: {what}"
    if file.outcome in ("passed", "failed"):
        text += f", {len(file.cases)} tests, {file.seconds:.1f} s"
    return text + (f" ({file.detail})" if file.outcome in ("skipped", "crashed", "timeout") else "")


def lines(verdict: Verdict, comparison: Comparison | None = None, *, strict: bool = False) -> list[str]:
    """Return the report: what a reader has to act on stands last."""
    return [
        *_files(verdict.run),
        *_expected(verdict),
        *(_comparison(comparison) if comparison else ()),
        *_stale(verdict, strict=strict),
        *_unexpected(verdict),
        summary(verdict),
    ]


def summary(verdict: Verdict) -> str:
    """Return the run in one line."""
    run = verdict.run
    files = Counter(file.outcome for file in run.files)
    told = ", ".join(f"{files[outcome]} {outcome}" for outcome in _ORDER if files[outcome])
    counts = sum(len(file.cases) for file in run.files)
    return (f"CPython {run.version}: {len(run.files)} files ({told}), {counts} tests, {run.count('skipped')} skipped, "
            f"{len(verdict.unexpected)} unexpected and {len(verdict.expected)} expected failures, "
            f"{run.seconds:.0f} s")  # fmt: skip


_ORDER: tuple[FileOutcome, ...] = ("passed", "failed", "crashed", "timeout", "skipped", "empty")


def _files(run: SuiteRun) -> Iterator[str]:
    by_name = sorted(run.files, key=lambda file: file.name)
    for file in by_name:
        if file.outcome == "skipped":
            yield f"skipped: {file.name}: {file.detail}"
    for file in by_name:
        if file.outcome == "empty":
            yield f"ran no test: {file.name}"
    for file in by_name:
        if file.altered:
            yield f"left its process changed: {file.name}"


def _expected(verdict: Verdict) -> Iterator[str]:
    for case, entry in verdict.expected:
        yield f"expected ({entry.kind}): {case.id}: {entry.reason}"


def _comparison(comparison: Comparison) -> Iterator[str]:
    yield f"what failed, run by {comparison.python} ({comparison.version}):"
    width = max((len(test) for test in comparison.theirs), default=0)
    for test, what in comparison.theirs.items():
        yield f"  {test:{width}}  ours fails   theirs {what}"
    for test in comparison.only_theirs:
        yield f"  {test:{width}}  ours passes  theirs fails"
    yield f"  {len(comparison.machine)} fail with both (the machine's), {len(comparison.ours)} only with ours"


def _stale(verdict: Verdict, *, strict: bool) -> Iterator[str]:
    for entry in verdict.stale:
        yield f"{'error' if strict else 'warning'}: expected to fail, and does not: {entry.test}: {entry.reason}"


def _unexpected(verdict: Verdict) -> Iterator[str]:
    for case in verdict.unexpected:
        yield f"FAILED {case.id}"
        for line in case.detail.strip().split("\n")[-12:]:
            yield f"  | {line}"


def as_json(verdict: Verdict, comparison: Comparison | None = None, *, strict: bool = False) -> dict[str, Any]:
    """Return the report as data."""
    run = verdict.run
    document: dict[str, Any] = {
        "version": run.version,
        "ok": verdict.ok(strict=strict),
        "seconds": round(run.seconds, 1),
        "files": {
            file.name: {"outcome": file.outcome, "tests": len(file.cases), "seconds": file.seconds,
                        "detail": file.detail, "altered": file.altered}
            for file in run.files
        },
        "tests": sum(len(file.cases) for file in run.files),
        "skipped": run.count("skipped"),
        "unexpected": [_case(case) for case in verdict.unexpected],
        "expected": [{**_case(case), "kind": entry.kind, "reason": entry.reason} for case, entry in verdict.expected],
        "stale": [{"test": entry.test, "reason": entry.reason} for entry in verdict.stale],
    }  # fmt: skip
    if comparison:
        document["against"] = {
            "python": comparison.python,
            "version": comparison.version,
            "theirs": comparison.theirs,
            "only_theirs": list(comparison.only_theirs),
        }
    return document


def _case(case: Case) -> dict[str, Any]:
    return {"test": case.id, "outcome": case.outcome, "seconds": case.seconds, "detail": case.detail}
