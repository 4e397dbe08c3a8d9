"""What a check is, what it is given, and what it answers.

A check is a function from a :class:`Subject` to findings, each finding one line that names the file or the key; no
findings means that it passed. The decorator :func:`check` gives it an id (stable: users skip checks by it) and a reason
of one line; its docstring is the explanation that docs/checks.rst shows: what exactly is looked at, what to do about a
finding. ``validate.py`` has the table of all of them. A check that has nothing to look at raises :class:`NotApplicable`
with the reason, which is reported and is no failure: so archives of other builders are checked as far as it makes
sense.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal, TypeVar

from pythonbuild.config.model import Target
from pythonbuild.cpython.facts import BuildFacts
from pythonbuild.cpython.readback import read_build
from pythonbuild.debian.glibc_floor import parse_version
from pythonbuild.distribution.left_out import left_out_extensions, read_record
from pythonbuild.distribution.link_choices import read_choices, system_sonames
from pythonbuild.distribution.objectfile import (
    MACHINES,
    Dynamic,
    Elf,
    ObjectFileError,
    ObjectSymbols,
    Segment,
    is_bitcode,
    is_elf,
)
from pythonbuild.distribution.python_json import LinkChoice, PythonJson
from pythonbuild.distribution.relink_files import RECORD
from pythonbuild.distribution.symbols import library_symbols, object_symbols
from pythonbuild.errors import DistributionError
from pythonbuild.validation.description import Description
from pythonbuild.validation.members import Members
from pythonbuild.validation.programs import MachOFile, PeFile, read_macho_files, read_pe_files
from pythonbuild.validation.room import Room
from pythonbuild.validation.suite import SuiteRun, run_suite

#: More findings of one check than this are counted, not listed.
_MOST_FINDINGS = 20

#: How ``crt_features`` begins to name the newest version of glibc's symbols that anything asks for.
_NEWEST_SYMBOL = "glibc-max-symbol-version:"

#: What the interpreter is called on macOS and on Windows.
_INTERPRETER = re.compile(r"python3\.\d+t?d?|python\.exe")

Findings = Iterable[str]
_File = TypeVar("_File")
Outcome = Literal["passed", "failed", "not applicable"]

#: How the programs of other systems begin.
_OTHER_PROGRAMS = {
    b"\x7fELF": "Linux", b"MZ": "Windows",
    b"\xcf\xfa\xed\xfe": "macOS", b"\xce\xfa\xed\xfe": "macOS", b"\xca\xfe\xba\xbe": "macOS",
}  # fmt: skip


class NotApplicable(Exception):  # noqa: N818 - not an error
    """There is nothing that the check could look at; the text says why."""


class Remark(str):
    """What a check yields besides findings: worth a line in the report, and no failure."""

    __slots__ = ()


@dataclass(frozen=True)
class Check:
    """One entry of the table."""

    id: str
    reason: str
    explanation: str
    run: Callable[[Subject], Findings]


def check(id: str, reason: str) -> Callable[[Callable[[Subject], Findings]], Check]:  # noqa: A002 - the word for it
    """Make a function a check."""
    return lambda function: Check(id, reason, inspect.getdoc(function) or "", function)


@dataclass(frozen=True)
class Result:
    """What came of one check."""

    id: str
    reason: str
    outcome: Outcome
    findings: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return self.outcome != "failed"

    def lines(self) -> list[str]:
        """Return the result as text, a line for each finding."""
        first = f"{self.outcome:14} {self.id}: {self.reason}"
        shown = [f"    {finding}" for finding in self.findings[:_MOST_FINDINGS]]
        more = len(self.findings) - len(shown)
        remarks = [f"    ({remark})" for remark in self.remarks]
        return [first, *shown, *([f"    and {more} more"] if more > 0 else []), *remarks]


def run_check(item: Check, subject: Subject) -> Result:
    """Run one check. What cannot be read is a finding; anything else that is raised is a bug."""
    remarks: tuple[str, ...] = ()
    try:
        said = tuple(dict.fromkeys(item.run(subject)))
        findings = tuple(line for line in said if not isinstance(line, Remark))
        remarks = tuple(str(line) for line in said if isinstance(line, Remark))
    except NotApplicable as reason:
        return Result(item.id, item.reason, "not applicable", (str(reason),))
    except (DistributionError, OSError) as error:
        findings = (str(error),)
    return Result(item.id, item.reason, "failed" if findings else "passed", findings, remarks)


@dataclass(frozen=True)
class SharedObject:
    """An installed ELF file: its path relative to ``python/``, and what it tells the loader (None: static).

    ``interpreter`` is the loader that a program asks for, "" for libraries.
    """

    path: str
    machine: int
    bits: int
    dynamic: Dynamic | None
    segments: tuple[Segment, ...]
    interpreter: str


@dataclass(frozen=True)
class Subject:
    """A distribution's tree and everything that is known of it. Files are read once, when a check first asks.

    ``top`` is the directory ``python``, ``members`` is what the archive holds. ``sysroot`` holds the target's C library
    as the build saw it (None: symbols of the system cannot be checked); ``expected`` maps the extension modules that
    must be there, and no others, to ``builtin`` or ``shared``; ``rooms`` are where the built Python can be run, or
    texts that say why it cannot.
    """

    top: Path
    members: Members
    description: Description
    target: Target
    sysroot: Path | None = None
    expected: Mapping[str, str] | None = None
    rooms: Mapping[str, Room | str] = field(default_factory=dict)

    @property
    def document(self) -> PythonJson:
        """PYTHON.json of format 0. Raises NotApplicable where there is none."""
        if self.description.document is None:
            raise NotApplicable(self.description.absent)
        return self.description.document

    @property
    def install(self) -> Path:
        """The installation: archives without a description hold nothing else."""
        install = self.top / "install"
        return install if install.is_dir() else self.top

    def require_ours(self, rule: str) -> None:
        """Raise NotApplicable for archives of other builders; ``rule`` says what is this project's own."""
        if not self.description.is_packed_by_us:
            raise NotApplicable(f"{rule}; {self.description.absent}")

    def require_target(self) -> None:
        """Raise NotApplicable for archives of other builders that were made for something else than the target."""
        if self.description.is_ours:
            return
        triple = self.description.plain.get("target_triple")
        if triple and triple != self.target.triple:
            raise NotApplicable(f"the archive is for {triple}, not for {self.target.triple}")
        if self.target.os != "linux":
            return
        machines = {file.machine for file in self.shared_objects}
        if len(machines) == 1 and MACHINES.get(self.target.arch) not in machines:
            raise NotApplicable(f"the archive is for ELF machine {machines.pop()}, not for {self.target.arch}")

    @property
    def libc_floor(self) -> str:
        """The oldest version of the C library that will do: the target's, but for what was linked again elsewhere."""
        document = self.description.document
        if document is None or not self.relinked:
            return self.target.glibc_floor
        features = document.interpreter.crt_features if document.interpreter else ()
        claimed = [word.removeprefix(_NEWEST_SYMBOL) for word in features if word.startswith(_NEWEST_SYMBOL)]
        return document.libc_floor or next(iter(claimed), self.target.glibc_floor)

    @property
    def relinked(self) -> bool:
        """Whether the interpreter was linked again: format 0 says so, a record in the archive for all."""
        document = self.description.document
        return document is not None and (bool(document.relinked) or (self.top / RECORD).is_file())

    @cached_property
    def left_out(self) -> set[str]:
        """The extension modules that the archive says it is without."""
        return left_out_extensions(self.top, self.document)

    @cached_property
    def build(self) -> BuildFacts:
        """What CPython's own build said of itself."""
        if not (self.top / "build/cpython-build.json").is_file():
            raise NotApplicable("build/cpython-build.json is not there: nothing tells what CPython linked")
        return read_build(self.top / "build")

    @cached_property
    def _suite_runs(self) -> dict[str, Future[SuiteRun]]:
        """The behaviour suite in all rooms at once: the emulated one takes longer than all others together."""
        rooms = {name: room for name, room in self.rooms.items()
                 if isinstance(room, Room) and not (self._too_old(room) or self._missing(room))}  # fmt: skip
        missing = {*self.left_out, *read_record(self.top).packages}
        with ThreadPoolExecutor(max(1, len(rooms))) as pool:
            return {
                name: pool.submit(run_suite, room, self.top, self.document, self.target.os, missing)
                for name, room in rooms.items()
            }

    @cached_property
    def link_choices(self) -> dict[str, LinkChoice]:
        """The dependencies that are not linked statically, as the installation tells."""
        return read_choices(self.install)

    @property
    def system_libraries(self) -> tuple[str, ...]:
        """The sonames that may be needed: those of the target's systems, and those that somebody chose besides."""
        return (*self.target.system_libraries, *system_sonames(self.link_choices))

    def _missing(self, room: Room) -> str:
        """Return what the room's system does not have of the libraries that somebody chose to take from there."""
        wanted = system_sonames(self.link_choices)
        return ", ".join(f"{soname} ({wanted[soname]})" for soname in wanted if not room.has_library(soname))

    def _too_old(self, room: Room) -> str:
        """Return the room's glibc if what was linked again by a newer compiler cannot run there, else ""."""
        found = room.glibc if self.libc_floor != self.target.glibc_floor else ""
        return found if found and parse_version(found) < parse_version(self.libc_floor) else ""

    def suite_run(self, name: str) -> SuiteRun:
        """Return what the built Python answered to the behaviour suite in a room. Raises NotApplicable."""
        self.room(name)
        return self._suite_runs[name].result()

    def room(self, name: str) -> Room:
        """Return a room that the built Python can run in. Raises NotApplicable."""
        room = self.rooms.get(name)
        if not isinstance(room, Room):
            raise NotApplicable(room or "there is no such room to run the built Python in")
        if old := self._too_old(room):
            raise NotApplicable(f"linked again for glibc {self.libc_floor} or newer; that of the room ends with {old}")
        if missing := self._missing(room):
            raise NotApplicable(f"linked with the system's {missing}, which the room's system has not got")
        return room

    @cached_property
    def shared_objects(self) -> tuple[SharedObject, ...]:
        """Every ELF file of the installation that is no plain object: programs and shared libraries.

        Raises NotApplicable where the programs are another system's.
        """
        if self.target.os != "linux":
            raise NotApplicable(f"the target's system is {self.target.os}: no ELF files")
        found, others = [], set()
        for path in sorted(self.install.rglob("*")):
            if path.is_symlink() or not path.is_file() or path.suffix in (".a", ".o"):
                continue
            if is_elf(path):
                found.append(_shared_object(path, path.relative_to(self.top).as_posix()))
            else:
                others.add(_other_system(path))
        others.discard("")
        if others and not found:
            raise NotApplicable(f"the programs are for {' and '.join(sorted(others))}: no ELF files")
        return tuple(found)

    @cached_property
    def macho_files(self) -> tuple[MachOFile, ...]:
        """Every Mach-O file of the installation that is no plain object, also those that cannot be read.

        Raises NotApplicable where the target or the programs are another system's.
        """
        self._require_system("macos", "Mach-O")
        return self._not_none(read_macho_files(self.install, self.top, self._interpreter), "Mach-O")

    @cached_property
    def pe_files(self) -> tuple[PeFile, ...]:
        """Every program and DLL for Windows, also those that cannot be read. Raises NotApplicable as above."""
        self._require_system("windows", "PE")
        return self._not_none(read_pe_files(self.install, self.top, self._interpreter), "PE")

    @property
    def _interpreter(self) -> str:
        """The path below ``python/`` that PYTHON.json names, in whichever format; without one, where it always lies."""
        named = self.description.plain.get("python_exe")
        if isinstance(named, str):
            return named
        usual = [path for path in (*sorted(self.install.glob("bin/python3.*")), self.install / "python.exe")
                 if _INTERPRETER.fullmatch(path.name) and path.is_file()]  # fmt: skip
        return usual[0].relative_to(self.top).as_posix() if usual else ""

    def _require_system(self, system: str, kind: str) -> None:
        if self.target.os != system:
            raise NotApplicable(f"the target's system is {self.target.os}: no {kind} files")
        self.require_target()

    def _not_none(self, files: tuple[_File, ...], kind: str) -> tuple[_File, ...]:
        if not files:
            raise NotApplicable(f"there are no {kind} files")
        return files

    @cached_property
    def _objects(self) -> dict[str, ObjectSymbols]:
        return {}

    def object(self, path: str) -> ObjectSymbols:
        """Return the names of an object of the archive. Raises ObjectFileError.

        Raises NotApplicable for LLVM bitcode of Linux, which is another builder's: not all that the checks look for
        (the stack protector) is in it before it is machine code.
        """
        if path not in self._objects:
            if self.target.os != "macos" and is_bitcode(self.top / path):
                raise NotApplicable(f"{path} is LLVM bitcode (built with -flto): no machine code")
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


def _shared_object(path: Path, name: str) -> SharedObject:
    elf = Elf(path.read_bytes(), name)
    return SharedObject(name, elf.machine, elf.bits, elf.dynamic(), elf.segments(), elf.interpreter())


def _other_system(path: Path) -> str:
    """Return whose program or library a file is, "" for neither; pip brings launchers for Windows everywhere."""
    if path.parent.name != "bin" and path.stem != "python" and path.suffix not in (".dll", ".pyd", ".dylib", ".so"):
        return ""
    with path.open("rb") as file:
        beginning = file.read(4)
    return next((system for magic, system in _OTHER_PROGRAMS.items() if beginning.startswith(magic)), "")
