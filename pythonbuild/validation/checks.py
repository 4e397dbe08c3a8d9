"""What a check is, what it is given, and what it answers.

A check is a function from a :class:`Subject` to findings, each finding one line that names the file or the key; no
findings means that it passed. The decorator :func:`check` gives it an id (stable: users skip checks by it) and a reason
of one line; ``validate.py`` has the table of all of them. A check that has nothing to look at raises
:class:`NotApplicable` with the reason, which is reported and is no failure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from pythonbuild.config.model import Target
from pythonbuild.cpython.readback import BuildFacts, read_build
from pythonbuild.distribution.objectfile import (
    Dynamic,
    Elf,
    ObjectFileError,
    ObjectSymbols,
    is_bitcode,
    is_elf,
    library_symbols,
    object_symbols,
)
from pythonbuild.distribution.python_json import PythonJson
from pythonbuild.errors import DistributionError
from pythonbuild.validation.room import Room
from pythonbuild.validation.suite import SuiteRun, run_suite

#: More findings of one check than this are counted, not listed.
_MOST_FINDINGS = 20

Findings = Iterable[str]
Outcome = Literal["passed", "failed", "not applicable"]


class NotApplicable(Exception):  # noqa: N818 - not an error
    """There is nothing that the check could look at; the text says why."""


@dataclass(frozen=True)
class Check:
    """One entry of the table."""

    id: str
    reason: str
    run: Callable[[Subject], Findings]


def check(id: str, reason: str) -> Callable[[Callable[[Subject], Findings]], Check]:  # noqa: A002 - the word for it
    """Make a function a check."""
    return lambda function: Check(id, reason, function)


@dataclass(frozen=True)
class Result:
    """What came of one check."""

    id: str
    reason: str
    outcome: Outcome
    findings: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return self.outcome != "failed"

    def lines(self) -> list[str]:
        """Return the result as text, a line for each finding."""
        first = f"{self.outcome:14} {self.id}: {self.reason}"
        shown = [f"    {finding}" for finding in self.findings[:_MOST_FINDINGS]]
        more = len(self.findings) - len(shown)
        return [first, *shown, *([f"    and {more} more"] if more > 0 else [])]


def run_check(item: Check, subject: Subject) -> Result:
    """Run one check. What cannot be read is a finding; anything else that is raised is a bug."""
    try:
        findings = tuple(dict.fromkeys(item.run(subject)))
    except NotApplicable as reason:
        return Result(item.id, item.reason, "not applicable", (str(reason),))
    except (DistributionError, OSError) as error:
        findings = (str(error),)
    return Result(item.id, item.reason, "failed" if findings else "passed", findings)


@dataclass(frozen=True)
class SharedObject:
    """An installed ELF file: its path relative to ``python/``, and what it tells the loader (None: static)."""

    path: str
    machine: int
    dynamic: Dynamic | None


@dataclass(frozen=True)
class Subject:
    """A distribution's tree and everything that is known of it. Files are read once, when a check first asks.

    ``top`` is the directory ``python``. ``sysroot`` holds the target's C library as the build saw it (None: symbols
    of the system cannot be checked); ``expected`` maps the extension modules that must be there, and no others, to
    ``builtin`` or ``shared``; ``room`` is where the built Python can be run (None: it is not).
    """

    top: Path
    document: PythonJson
    target: Target
    sysroot: Path | None = None
    expected: Mapping[str, str] | None = None
    room: Room | None = None

    @cached_property
    def build(self) -> BuildFacts:
        """What CPython's own build said of itself."""
        if not (self.top / "build/cpython-build.json").is_file():
            raise NotApplicable("build/cpython-build.json is not there: nothing tells what CPython linked")
        return read_build(self.top / "build")

    @cached_property
    def suite_run(self) -> SuiteRun:
        """What the built Python answered to the behaviour suite, run once for all checks that look at it."""
        if self.room is None:
            raise NotApplicable("there is no environment to run the built Python in")
        return run_suite(self.room, self.top, self.document)

    @cached_property
    def shared_objects(self) -> tuple[SharedObject, ...]:
        """Every ELF file of the installation that is no plain object: programs and shared libraries."""
        found = []
        for path in sorted((self.top / "install").rglob("*")):
            if path.is_symlink() or not path.is_file() or path.suffix in (".a", ".o") or not is_elf(path):
                continue
            name = path.relative_to(self.top).as_posix()
            elf = Elf(path.read_bytes(), name)
            found.append(SharedObject(name, elf.machine, elf.dynamic()))
        return tuple(found)

    @cached_property
    def _objects(self) -> dict[str, ObjectSymbols]:
        return {}

    def object(self, path: str) -> ObjectSymbols:
        """Return the names of an object of the archive. Raises ObjectFileError, NotApplicable for LLVM bitcode."""
        if path not in self._objects:
            if is_bitcode(self.top / path):
                raise NotApplicable(f"{path} is LLVM bitcode (built with -flto), whose symbols cannot be read")
            try:
                self._objects[path] = object_symbols(self.top / path)
            except OSError as error:
                raise ObjectFileError(f"{path}: cannot be read", found=error.strerror) from error
        return self._objects[path]

    @cached_property
    def _libraries(self) -> dict[str, list[tuple[str, ObjectSymbols]]]:
        return {}

    def library(self, path: str) -> list[tuple[str, ObjectSymbols]]:
        """Return the members of a static library of the archive and their names."""
        if path not in self._libraries:
            try:
                self._libraries[path] = library_symbols(self.top / path)
            except OSError as error:
                raise ObjectFileError(f"{path}: cannot be read", found=error.strerror) from error
        return self._libraries[path]

    @property
    def dependency_libraries(self) -> list[str]:
        """The static libraries of the dependencies: those in build/lib that links name. CPython's own lie elsewhere."""
        info = self.document.build_info
        links = [*info.core.links, *(link for entry in info.extensions.values() for link in entry.links)]
        paths = {link.path_static for link in links if link.path_static}
        return sorted(path for path in paths if path.startswith("build/lib/") and path != info.core.static_lib)
