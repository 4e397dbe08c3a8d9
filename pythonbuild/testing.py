"""The story of ``test-distribution``: an archive is unpacked, CPython's own tests are run on it, the verdict is told.

The tests run in the room of an ordinary system, whose root filesystem is a step like that of a build; on macOS and
Windows, and where it is asked for, on the machine itself. With another Python to compare with, the files that failed
are run once more by that one, in the same way.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from pythonbuild import host
from pythonbuild.config.model import SYSTEM
from pythonbuild.config.project import Project
from pythonbuild.config.request import Request
from pythonbuild.config.targets import find_target
from pythonbuild.distribution.archive import METADATA, TOP, read_metadata, unpack
from pythonbuild.distribution.later_json import read_any_format
from pythonbuild.distribution.left_out import left_out_extensions, read_record
from pythonbuild.distribution.python_json import PythonJson
from pythonbuild.engine.events import EventSink, Note
from pythonbuild.engine.workdir import WorkDirectory, remove_stale
from pythonbuild.environments.select import choose
from pythonbuild.errors import UsageError
from pythonbuild.provisions import provisions
from pythonbuild.shipping import room_roots
from pythonbuild.testsuite.expectations import load_expectations
from pythonbuild.testsuite.other import other_bench
from pythonbuild.testsuite.records import FileRun
from pythonbuild.testsuite.report import progress
from pythonbuild.testsuite.running import Bench, Selection, failing_files, run_suite
from pythonbuild.testsuite.verdict import Comparison, Verdict, compare, judge
from pythonbuild.validation.room import runs_here


@dataclass(frozen=True)
class Outcome:
    """What came of it; ``comparison`` is there when another Python was given and something failed."""

    verdict: Verdict
    comparison: Comparison | None


def run_test_suite(
    request: Request, archive: Path, tests: tuple[str, ...], against: Path | None, sink: EventSink
) -> Outcome:  # fmt: skip
    """Run CPython's tests on an archive, or on a directory that holds one unpacked.

    Raises ConfigError for wrong expectations, ArchiveError, TestSuiteError when the suite cannot be run as a whole.
    """
    document = read_document(archive)
    _require_tests(document, archive)
    project = Project(request.repository, request.system)
    expectations = load_expectations(project.unix / "expected-failures.yml", project.known_targets)
    selection = Selection(tests, request.jobs)
    native = is_native(request)
    if native:
        _require_own(project, document.target_triple, archive)
    with _native_bench(request, sink) if native else _bench(request, sink) as bench:
        other = other_bench(bench, against) if against else None
        sink(Note(f"testing {archive.name}: CPython {document.python_version}, {request.jobs} files at once"))
        _place(archive, bench.work)
        python = bench.inside(f"{TOP}/{document.python_exe}")
        run = run_suite(replace(bench, python=python), selection, _teller(sink))
        top = bench.work / TOP
        left_out = {*left_out_extensions(top, document), *read_record(top).packages}
        verdict = judge(run, expectations, document.target_triple, left_out)
        failing = tuple(failing_files(run))
        if other is None or not failing:
            return Outcome(verdict, None)
        sink(Note(f"testing {against}: the {len(failing)} files with failures"))
        theirs = run_suite(other, replace(selection, tests=failing), _teller(sink))
        return Outcome(verdict, compare(run, theirs, str(against)))


def is_native(request: Request) -> bool:
    """Tell whether the tests run on the machine itself: other systems than Linux have nothing else."""
    return host.MACOS or host.WINDOWS or request.system == "windows" or request.environment == "native"


def _require_own(project: Project, triple: str, archive: Path) -> None:
    """Raise UsageError for an archive whose programs the machine itself cannot run."""
    target = project.known_targets.get(triple)
    if target is None or runs_here(target):
        raise UsageError(f"test-distribution: {archive} does not run on this machine", found=f"an archive for {triple}",
                         expected=f"one for {platform.system()} on {platform.machine()}")  # fmt: skip


def read_document(archive: Path) -> PythonJson:
    """Return what an archive says of itself. Raises ArchiveError, DistributionError; UsageError for another file."""
    if not archive.is_dir():
        return read_any_format(read_metadata(archive), METADATA)
    path = archive / METADATA
    if not path.is_file():
        raise UsageError(f"{archive}: not a distribution", found="no python/PYTHON.json",
                         expected="an archive, or a directory that holds one unpacked")  # fmt: skip
    return read_any_format(path.read_text(encoding="utf-8"), str(path))


def _require_tests(document: PythonJson, archive: Path) -> None:
    said = document.interpreter
    if said is not None and "test" not in said.python_stdlib_test_packages:
        raise UsageError(f"test-distribution: {archive} has no tests", found="no package test in its standard library",
                         expected="an archive that was built without --no-tests")  # fmt: skip


def _place(archive: Path, work: Path) -> None:
    """Put a tree of its own where the tests see it: they write to it."""
    if archive.is_dir():
        import shutil

        shutil.copytree(archive / TOP, work / TOP, symlinks=True)
    else:
        unpack(archive, work)


def _teller(sink: EventSink) -> Callable[[FileRun, int, int], None]:
    def tell(file: FileRun, done: int, total: int) -> None:
        sink(Note(progress(file, done, total), "warning" if file.failures else "info"))

    return tell


@contextmanager
def _native_bench(request: Request, sink: EventSink) -> Iterator[Bench]:
    """Yield a place on the machine itself."""
    environment = choose(request.environment, lambda text: sink(Note(text)), request.cache)
    remove_stale(request.cache / "work")
    work = WorkDirectory(request.cache / "work", "test-distribution")
    try:
        yield Bench(environment, None, "", work.subdirectory("build"), "")
    finally:
        environment.close()
        work.close()


@contextmanager
def _bench(request: Request, sink: EventSink) -> Iterator[Bench]:
    """Yield the place where the tests run, with the room's root filesystem made."""
    with provisions(request, sink) as provided:
        target = find_target(provided.project.targets, request.target_triple)
        step = room_roots(target)[target.rooms[SYSTEM]]
        digest = provided.made(target.triple, [step])[step]
        work = WorkDirectory(request.cache / "work", "test-distribution")
        try:
            yield Bench(provided.environment, provided.tree(digest), digest, work.subdirectory("build"), "")
        finally:
            work.close()
