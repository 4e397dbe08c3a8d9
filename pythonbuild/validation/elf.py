"""Checks on the programs and shared libraries of an installation: will they load on the systems that are promised?"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pythonbuild.validation.checks import NotApplicable, Subject, check

#: Machine numbers of ELF headers by the target's architecture.
_MACHINES = {"x86_64": 62, "i686": 3, "aarch64": 183, "armv7": 40, "ppc64le": 21, "s390x": 22, "riscv64": 243}
_VERSION = re.compile(r"GLIBC_(\d+(?:\.\d+)*)")


@check("elf-machine", "every program and library is for the target's processor")
def machine(subject: Subject) -> Iterator[str]:
    expected = _MACHINES.get(subject.target.arch)
    if expected is None:
        raise NotApplicable(f"no machine number is known for {subject.target.arch}")
    for file in subject.shared_objects:
        if file.machine != expected:
            yield f"{file.path}: ELF machine {file.machine}, expected {expected} ({subject.target.arch})"


@check("elf-glibc-floor", "no symbol version is newer than the target's oldest glibc")
def glibc_floor(subject: Subject) -> Iterator[str]:
    if subject.target.libc != "glibc":
        raise NotApplicable(f"the target's C library is {subject.target.libc}")
    floor = _number(subject.target.glibc_floor)
    for file in subject.shared_objects:
        for library, versions in file.dynamic.versions.items() if file.dynamic else ():
            for version in versions:
                match = _VERSION.fullmatch(version)
                # GLIBC_PRIVATE and GLIBC_ABI_… bind to one release or to a loader that is newer than any floor of ours.
                if version.startswith("GLIBC_") and (match is None or _number(match[1]) > floor):
                    yield f"{file.path}: needs {version} of {library}, the floor is GLIBC_{subject.target.glibc_floor}"


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


@check("elf-needed", "only libraries that every system of the target has, or that are shipped, are needed")
def needed(subject: Subject) -> Iterator[str]:
    allowed = set(subject.target.system_libraries)
    shipped = {file.dynamic.soname for file in subject.shared_objects if file.dynamic and file.dynamic.soname}
    for file in subject.shared_objects:
        for name in file.dynamic.needed if file.dynamic else ():
            if name not in allowed and name not in shipped:
                yield f"{file.path}: needs {name}, which is neither in system_libraries nor in the archive"


@check("elf-rpath", "shipped libraries are found from wherever the tree stands")
def rpath(subject: Subject) -> Iterator[str]:
    for file in subject.shared_objects:
        for path in file.dynamic.rpath if file.dynamic else ():
            if not path.startswith("$ORIGIN"):
                yield f"{file.path}: searches {path or 'the current directory'}, expected $ORIGIN/…"


@check("elf-exports", "no symbol of a dependency is exported, where it would clash with other copies in the process")
def exports(subject: Subject) -> Iterator[str]:
    info = subject.document.build_info
    mine: set[str] = set()
    for path in (*info.core.objs, *(path for entry in info.extensions.values() for path in entry.objs)):
        mine |= subject.object(path).defined
    owners: dict[str, str] = {}
    for path in subject.dependency_libraries:
        for _, symbols in subject.library(path):
            owners.update(dict.fromkeys(symbols.defined - mine, path))
    for file in subject.shared_objects:
        for name in sorted(file.dynamic.exported & owners.keys()) if file.dynamic else ():
            yield f"{file.path}: exports {name} of {owners[name]}"


CHECKS = (machine, glibc_floor, needed, rpath, exports)
