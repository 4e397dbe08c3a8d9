"""Checks on the programs and shared libraries of an installation: will they load on the systems that are promised?"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from pythonbuild.distribution.objectfile import MACHINES
from pythonbuild.validation.checks import NotApplicable, Subject, check

#: Where every system of a target has its loader.
_LOADER_PLACES = ("/lib", "/lib64")
#: The libpython of a build that keeps to the stable ABI, and that of a free-threaded one; not of a debug build.
_RELEASE_LIBRARY = re.compile(r"/libpython3\.\d+(?P<free>t?)\.so[.\d]*$")
_VERSION = re.compile(r"GLIBC_(\d+(?:\.\d+)*)")


@check("elf-machine", "every program and library is for the target's processor")
def machine(subject: Subject) -> Iterator[str]:
    """The machine number in the header of every ELF file of the installation is that of the target, and where
    PYTHON.json names an interpreter, that is an ELF file.
    """
    expected = MACHINES.get(subject.target.arch)
    if expected is None:
        raise NotApplicable(f"no machine number is known for {subject.target.arch}")
    subject.require_target()
    document = subject.description.document
    if document is not None and document.python_exe not in {file.path for file in subject.shared_objects}:
        yield f"{document.python_exe}: no ELF file, expected the interpreter"
    for file in subject.shared_objects:
        if file.machine != expected:
            yield f"{file.path}: ELF machine {file.machine}, expected {expected} ({subject.target.arch})"


@check("elf-glibc-floor", "no symbol version is newer than the target's oldest glibc")
def glibc_floor(subject: Subject) -> Iterator[str]:
    """Every version of a symbol of glibc that a program or library asks for is at most the target's floor, and none is
    private to one release of glibc. Otherwise the loader of an older system refuses it. What was linked again by a
    newer system's compiler has a floor of its own, which PYTHON.json tells (``libc_floor``).

    A new version comes in where the compiler did not see the target's sysroot.
    """
    if subject.target.libc != "glibc":
        raise NotApplicable(f"the target's C library is {subject.target.libc}")
    subject.require_target()
    floor = _number(subject.libc_floor)
    for file in subject.shared_objects:
        for library, versions in file.dynamic.versions.items() if file.dynamic else ():
            for version in versions:
                match = _VERSION.fullmatch(version)
                # GLIBC_PRIVATE and GLIBC_ABI_… bind to one release or to a loader that is newer than any floor of ours.
                if version.startswith("GLIBC_") and (match is None or _number(match[1]) > floor):
                    yield f"{file.path}: needs {version} of {library}, the floor is GLIBC_{subject.libc_floor}"


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


@check("elf-needed", "only libraries that every system of the target has, or that are shipped, are needed")
def needed(subject: Subject) -> Iterator[str]:
    """Each DT_NEEDED entry is the soname of a library in the archive, one of the target's ``system_libraries``, or one
    that was chosen to be the system's (``--link``, ``link-choices.json`` of the installation). Everything else has to
    be linked statically: a configure script has found a library of the build root.
    """
    subject.require_target()
    allowed = set(subject.system_libraries)
    shipped = {file.dynamic.soname for file in subject.shared_objects if file.dynamic and file.dynamic.soname}
    for file in subject.shared_objects:
        for name in file.dynamic.needed if file.dynamic else ():
            if name not in allowed and name not in shipped:
                yield f"{file.path}: needs {name}, which is neither in system_libraries nor in the archive"


@check("elf-rpath", "shipped libraries are found from wherever the tree stands")
def rpath(subject: Subject) -> Iterator[str]:
    """Each directory of DT_RPATH and DT_RUNPATH begins with ``$ORIGIN``, the directory of the file itself. Anything
    else is a path of the build, or one in which anybody could put a library.
    """
    for file in subject.shared_objects:
        for path in file.dynamic.rpath if file.dynamic else ():
            if not path.startswith("$ORIGIN"):
                yield f"{file.path}: searches {path or 'the current directory'}, expected $ORIGIN/…"


@check("elf-exports", "no symbol of a dependency is exported, where it would clash with other copies in the process")
def exports(subject: Subject) -> Iterator[str]:
    """No name that a program or library exports is defined by a static library of a dependency alone. A wheel that
    brings its own copy of OpenSSL, say, would be bound to ours, or ours to the wheel's.

    ``-Wl,--exclude-libs,ALL`` keeps the names of static libraries inside.
    """
    files = subject.shared_objects
    owners = dependency_symbols(subject)
    for file in files:
        for name in sorted(file.dynamic.exported & owners.keys()) if file.dynamic else ():
            yield f"{file.path}: exports {name} of {owners[name]}"


def dependency_symbols(subject: Subject) -> dict[str, str]:
    """Return the names that static libraries of dependencies define and none of CPython's objects, with the library."""
    info = subject.document.build_info
    mine: set[str] = set()
    for path in (*info.core.objs, *(path for entry in info.extensions.values() for path in entry.objs)):
        mine |= subject.object(path).defined
    owners: dict[str, str] = {}
    for path in subject.dependency_libraries:
        for _, symbols in subject.library(path):
            owners.update(dict.fromkeys(symbols.defined - mine, path))
    return owners


@check("elf-loader", "programs ask for the target's own dynamic loader")
def loader(subject: Subject) -> Iterator[str]:
    """The path in PT_INTERP is absolute, and its last part is one of the target's ``system_libraries``: the kernel
    finds the loader by this path alone, so one of the build would make a program that cannot be started anywhere else.
    """
    subject.require_target()
    for file in subject.shared_objects:
        directory, _, name = file.interpreter.rpartition("/")
        if file.interpreter and (directory not in _LOADER_PLACES or name not in subject.target.system_libraries):
            yield f"{file.path}: is started by {file.interpreter}, expected a loader of the target in /lib or /lib64"


@check("elf-libpython", "interpreter and libpython export the whole C API, and the same")
def libpython(subject: Subject) -> Iterator[str]:
    """What the objects of the core and of the builtin modules define for others to use (the names that begin with
    ``Py`` or ``_Py``) is exported by the interpreter and by the shared libpython. Extension modules that were compiled
    against one then work with the other, and nothing that the headers declare is missing at run time.
    """
    files = {file.path: file for file in subject.shared_objects}
    expected = defined_api(subject)
    for path in filter(None, (subject.document.python_exe, subject.document.build_info.core.shared_lib)):
        file = files.get(path)
        yield from wrong_api(path, file.dynamic.exported if file and file.dynamic else (), expected)


def defined_api(subject: Subject) -> frozenset[str]:
    """Return the names of the C API that objects of the core and of the builtin modules define for others to use."""
    info = subject.document.build_info
    entries = [entry for entry in info.extensions.values() if entry.linkage == "builtin"]
    paths = (*info.core.objs, *(path for entry in entries for path in entry.objs))
    return frozenset(name for path in paths for name in subject.object(path).visible if _is_api(name))


def wrong_api(name: str, exported: Iterable[str], expected: frozenset[str]) -> Iterator[str]:
    """Yield what a program or library of this name exports too little and too much of the C API."""
    found = frozenset(filter(_is_api, exported))
    yield from (f"{name}: does not export {symbol}, which the objects define" for symbol in sorted(expected - found))
    yield from (f"{name}: exports {symbol}, which no object defines" for symbol in sorted(found - expected))


def _is_api(name: str) -> bool:
    return name.startswith(("Py", "_Py"))


@check("elf-stable-abi", "libpython3.so leads to the libpython of this version")
def stable_abi(subject: Subject) -> Iterator[str]:
    """Programs that keep to the stable ABI are linked with ``libpython3.so``. It exports nothing itself, but needs the
    libpython of the version, by its soname, and that library is in the archive. Debug builds have none; what CPython
    installs by that name in a free-threaded build, which has no stable ABI, is looked at where it is there.
    """
    shared_lib = subject.document.build_info.core.shared_lib
    kind = _RELEASE_LIBRARY.search(shared_lib or "")
    files = {file.path: file for file in subject.shared_objects}
    path = str(PurePosixPath(shared_lib).with_name("libpython3.so")) if shared_lib else ""
    if shared_lib is None or kind is None or (kind["free"] and path not in files):
        raise NotApplicable(f"{shared_lib or 'a build without a shared libpython'} has no libpython3.so")
    stable, library = (files[name].dynamic if name in files else None for name in (path, shared_lib))
    soname = library.soname if library else ""
    if soname != PurePosixPath(shared_lib).name:
        yield f"{shared_lib}: soname {soname or 'none'}, expected its own file name"
    if stable is None:
        yield f"{path}: no shared library"
    elif soname not in stable.needed:
        yield f"{path}: needs {', '.join(stable.needed) or 'nothing'}, expected {soname} among it"


CHECKS = (machine, glibc_floor, needed, loader, rpath, exports, libpython, stable_abi)
