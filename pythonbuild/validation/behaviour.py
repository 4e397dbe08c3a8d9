"""Checks that run the built Python, as a user's program would run it: a moved tree, another root filesystem."""

from __future__ import annotations

from collections.abc import Iterator

from pythonbuild.validation.checks import Subject, check
from pythonbuild.validation.room import TREE
from pythonbuild.validation.suite import SuiteRun

#: A test's name begins with its kind.
_IMPORT, _WORK = "import ", "work "


@check("behaviour-runs", "the built Python starts from a moved tree and runs the suite to its end")
def runs(subject: Subject) -> Iterator[str]:
    run = subject.suite_run
    if run.ending:
        yield f"{TREE}/{subject.document.python_exe}: {run.ending}"


@check("behaviour-imports", "every extension module imports, builtin or shared as PYTHON.json says")
def imports(subject: Subject) -> Iterator[str]:
    yield from _failures(subject.suite_run, _IMPORT)


@check("behaviour-works", "every dependency and the tools around the interpreter do one real thing each")
def works(subject: Subject) -> Iterator[str]:
    yield from _failures(subject.suite_run, _WORK)


def _failures(run: SuiteRun, kind: str) -> Iterator[str]:
    if not any(name.startswith(kind) for name in run.ran):
        yield "no such test was run"
    for name, detail in run.failures.items():
        if name.startswith(kind):
            yield f"{name.removeprefix(kind)}: {detail}"


CHECKS = (runs, imports, works)
