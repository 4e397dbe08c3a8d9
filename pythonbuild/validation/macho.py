"""Checks on the programs and libraries for macOS: will dyld load them on the systems that are promised?

What a universal file holds for another processor than the target's is refused, what it holds for the target's is looked
at slice by slice.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from pythonbuild.config.model import DarwinRules
from pythonbuild.distribution.binaries import object_format
from pythonbuild.distribution.bitcode import read_bitcode
from pythonbuild.distribution.machofile import (
    LIBRARY,
    OBJECT,
    PROGRAM,
    Slice,
    is_macho_content,
    object_kinds,
    os_version,
)
from pythonbuild.distribution.objectfile import BITCODE_MAGICS
from pythonbuild.validation.checks import NotApplicable, Subject, check
from pythonbuild.validation.elf import defined_api, dependency_symbols, wrong_api
from pythonbuild.validation.metadata import object_contents

_LOADER, _EXECUTABLE, _RPATH = "@loader_path/", "@executable_path/", "@rpath/"
#: Room for one name as long as a path can be on macOS (PATH_MAX); -headerpad_max_install_names makes it for every one.
_PADDING = 1024


def _slices(subject: Subject) -> Iterator[tuple[str, str, Slice]]:
    """Yield path, name in findings and content of every slice."""
    for file in subject.macho_files:
        yield from ((file.path, name, part) for name, part in file.named_slices())


def _rules(subject: Subject) -> DarwinRules:
    if subject.target.darwin is None:
        raise NotApplicable(f"the target's system is {subject.target.os}: no Mach-O files")
    return subject.target.darwin


@check("macho-readable", "every program and library can be read, and holds all that its headers tell of")
def readable(subject: Subject) -> Iterator[str]:
    """What is called ``.dylib`` or ``.so``, and the interpreter that PYTHON.json names, is a Mach-O file. In every
    Mach-O file the load commands have the sizes that they say, each segment and table lies within the file, and slices
    do not overlap.

    A file with a finding is looked at no further: it was cut off or changed on its way, or is another system's.
    """
    yield from (file.problem for file in subject.macho_files if file.problem)


@check("macho-architecture", "every program and library is for the target's processor, and for no other")
def architecture(subject: Subject) -> Iterator[str]:
    """The processor in the header of every Mach-O file is that of the target; a universal file has a slice for each of
    the target's processors, and none besides. ``arm64e`` is another one than ``arm64``: its ABI is Apple's alone.
    """
    wanted = _rules(subject).minimum_os
    for file in subject.macho_files:
        found = [part.arch for part in file.slices]
        for arch in found:
            if arch not in wanted:
                yield f"{file.path}: is for {arch}, expected {' and '.join(wanted)}"
        if found and not set(found) - wanted.keys():
            yield from (f"{file.path}: is not for {arch}" for arch in wanted if arch not in found)


@check("macho-objects", "every object and every member of a static library is for the target's processor")
def objects(subject: Subject) -> Iterator[str]:
    """Each ``.o`` file, and each object in the ``.a`` files, is a relocatable Mach-O object for the target's processor,
    or, in builds with link-time optimisation, LLVM bitcode for it. PYTHON.json says what CPython's objects are.
    """
    subject.require_target()
    wanted = _rules(subject).minimum_os
    bitcode = "lto" in str(subject.description.plain.get("build_options", ""))
    for name, content in object_contents(subject):
        if bytes(content[:4]) in BITCODE_MAGICS:
            if not bitcode:
                yield f"{name}: LLVM bitcode in a build without link-time optimisation"
            elif (arch := read_bitcode(content, name).arch) not in wanted:
                yield f"{name}: is for {arch}, expected {' and '.join(wanted)}"
        elif not is_macho_content(bytes(content[:8])):
            yield f"{name}: no Mach-O file"
        else:
            for arch, kind in object_kinds(content, name):
                if arch not in wanted:
                    yield f"{name}: is for {arch}, expected {' and '.join(wanted)}"
                elif kind != OBJECT:
                    yield f"{name}: no relocatable object (Mach-O type {kind})"
    if subject.description.document is not None:
        info = subject.document.build_info
        found = sorted({object_format(subject.top / path) for path in info.core.objs})
        if found != [info.object_file_format]:
            told = f"build_info.object_file_format: is {info.object_file_format}"
            yield f"{told}, the core's objects are {', '.join(found)}"


@check("macho-minimum-os", "no program or library asks for a newer macOS than the target's oldest")
def minimum_os(subject: Subject) -> Iterator[str]:
    """The load command LC_BUILD_VERSION, or LC_VERSION_MIN_MACOSX, says that the file is for macOS, and for no newer
    one than the deployment target. dyld refuses to start a program that is.

    ``MACOSX_DEPLOYMENT_TARGET``, or ``-mmacosx-version-min``, was not set, or set otherwise.
    """
    rules = _rules(subject)
    for _, name, part in _slices(subject):
        oldest = rules.minimum_os.get(part.arch)
        if part.platform != "macOS":
            yield f"{name}: is for {part.platform or 'no system that it says'}, expected macOS"
        elif oldest and os_version(part.minimum_os) > os_version(oldest):
            yield f"{name}: needs macOS {part.minimum_os}, the target's oldest is {oldest}"


@check("macho-libraries", "only libraries that every system of the target has, or that are shipped, are needed")
def libraries(subject: Subject) -> Iterator[str]:
    """Each library that is loaded is one of the target's ``system_libraries``, of no newer compatibility version than
    the oldest system's; or one that was chosen to be the system's (``link-choices.json`` of the installation); or its
    name begins with ``@rpath``, ``@loader_path`` or ``@executable_path``, and the file that it leads to is in the
    archive.

    Everything else has to be linked statically: a configure script has found a library of the build machine, such as
    Homebrew's.
    """
    rules = _rules(subject)
    search = _Search(subject)
    for path, name, part in _slices(subject):
        for library in part.libraries:
            if library.name in rules.library_versions:
                offered = rules.library_versions[library.name]
                if offered and os_version(library.compatibility) > os_version(offered):
                    yield f"{name}: needs {library.name} {library.compatibility}, the oldest system has {offered}"
            elif library.name.startswith((_LOADER, _EXECUTABLE, _RPATH)):
                if not search.finds(library.name, path, part):
                    yield f"{name}: needs {library.name}, which leads to no file of the archive"
            elif library.name not in subject.system_libraries:
                yield f"{name}: needs {library.name}, which is neither in system_libraries nor in the archive"


class _Search:
    """Looks for libraries as dyld does, with the archive's programs as what may have been started."""

    def __init__(self, subject: Subject) -> None:
        self._top = subject.top
        # What a program that cannot be read would have led to is not known: macho-readable tells of it.
        self._is_blind = any(file.problem for file in subject.macho_files)
        programs = [(path, part) for path, _, part in _slices(subject) if part.kind == PROGRAM]
        self._starts = sorted({posixpath.dirname(path) for path, _ in programs})
        self._rpaths = [place for path, part in programs for rpath in part.rpaths
                        for place in self._places(rpath, posixpath.dirname(path))]  # fmt: skip

    def _places(self, name: str, directory: str) -> list[str]:
        """Return what a name with @loader_path or @executable_path can stand for; ``directory`` is the loader's."""
        if name == "@loader_path" or name.startswith(_LOADER):
            return [posixpath.join(directory, name.partition("/")[2])]
        if name == "@executable_path" or name.startswith(_EXECUTABLE):
            return [posixpath.join(start, name.partition("/")[2]) for start in self._starts]
        return []

    def finds(self, name: str, path: str, part: Slice) -> bool:
        directory = posixpath.dirname(path)
        if name.startswith(_RPATH):
            own = [place for rpath in part.rpaths for place in self._places(rpath, directory)]
            places = [posixpath.join(place, name.removeprefix(_RPATH)) for place in (*own, *self._rpaths)]
        else:
            places = self._places(name, directory)
        if self._is_blind and not name.startswith(_LOADER):
            return True
        return any(self._is_file(posixpath.normpath(place)) for place in places)

    def _is_file(self, path: str) -> bool:
        return not path.startswith(("..", "/")) and (self._top / path).is_file()


@check("macho-two-level", "symbols are looked for in the library that they were linked with")
def two_level(subject: Subject) -> Iterator[str]:
    """Every program and library has the two-level namespace (MH_TWOLEVEL). In a flat one, any library that is loaded
    could take the place of a function: a wheel's OpenSSL that of ours. ``-flat_namespace`` makes one.
    """
    yield from (f"{name}: has a flat namespace" for _, name, part in _slices(subject) if not part.two_level)


@check("macho-rpaths", "shipped libraries are found from wherever the tree stands")
def rpaths(subject: Subject) -> Iterator[str]:
    """Each LC_RPATH begins with ``@loader_path`` or ``@executable_path``. Anything else is a path of the build, or one
    in which anybody could put a library.
    """
    for _, name, part in _slices(subject):
        for rpath in part.rpaths:
            if rpath.partition("/")[0] not in ("@loader_path", "@executable_path"):
                yield f"{name}: searches {rpath or 'the current directory'}, expected @loader_path/…"


@check("macho-install-names", "what is linked with a shipped library finds it wherever the tree stands")
def install_names(subject: Subject) -> Iterator[str]:
    """The install name of every shared library (LC_ID_DYLIB) begins with ``@rpath`` or ``@executable_path``: the linker
    copies it into whatever is linked with the library. ``install_name_tool -id`` sets it.
    """
    for _, name, part in _slices(subject):
        if part.kind == LIBRARY and not part.install_name.startswith((_RPATH, _EXECUTABLE)):
            yield f"{name}: is called {part.install_name or 'nothing'}, expected @rpath/… or @executable_path/…"


@check("macho-exports", "no symbol of a dependency is exported, where it would clash with other copies in the process")
def exports(subject: Subject) -> Iterator[str]:
    """No name that a program or library exports is defined by a static library of a dependency alone, as for
    ``elf-exports``. The export tries count, and the symbol tables.

    ``-Wl,-hidden-lNAME``, or ``-Wl,-exported_symbols_list``, keeps the names of static libraries inside.
    """
    slices = list(_slices(subject))
    owners = dependency_symbols(subject)
    for _, name, part in slices:
        yield from (f"{name}: exports {symbol} of {owners[symbol]}" for symbol in sorted(part.exported & owners.keys()))


@check("macho-libpython", "interpreter and libpython export the whole C API, and the same")
def libpython(subject: Subject) -> Iterator[str]:
    """What ``elf-libpython`` asks for, of every slice: what the objects of the core and of the builtin modules define
    for others to use (the names that begin with ``Py`` or ``_Py``) is exported by the interpreter and by the shared
    libpython. Extension modules that were compiled against one then work with the other.
    """
    slices = list(_slices(subject))
    subject.require_ours("what another builder exports is not settled here")
    expected = defined_api(subject)
    asked = {subject.document.python_exe, subject.document.build_info.core.shared_lib}
    for path, name, part in slices:
        if path in asked:
            yield from wrong_api(name, part.exported, expected)


@check("macho-header-padding", "there is room for longer install names in the headers")
def header_padding(subject: Subject) -> Iterator[str]:
    """Behind the load commands of every program and library 1024 bytes are free: as many as a path can have. Whoever
    puts the tree into an application changes names by ``install_name_tool``, which can use nothing but this room.

    ``-Wl,-headerpad_max_install_names`` makes it.
    """
    slices = list(_slices(subject))
    subject.require_ours("how much room another builder leaves is not settled here")
    for _, name, part in slices:
        if part.padding < _PADDING:
            yield f"{name}: {part.padding} bytes are free behind the load commands, expected {_PADDING}"


@check("macho-signature", "signatures are there where they have to be, and are those of the files as they are")
def signature(subject: Subject) -> Iterator[str]:
    """Everything for arm64 is signed, if only ad-hoc: the kernel kills what is not. A signature, wherever there is one,
    covers the whole file up to itself, and the hash of each page is that of the page. Who has signed is not looked at.

    A finding means that a file was changed after it was signed: ``codesign --force --sign -`` signs it again.
    """
    for _, name, part in _slices(subject):
        if part.arch.startswith("arm64") and not part.signed:
            yield f"{name}: is not signed"
        yield from (f"{name}: {problem}" for problem in part.signature_problems)


@check("macho-newer-symbols", "no function is needed that the target's oldest macOS has not got")
def newer_symbols(subject: Subject) -> Iterator[str]:
    """Nothing refers to one of the ``newer_symbols`` of ``cpython-unix/targets-macos.yml`` that came after the
    deployment target, unless weakly: then it is null on an older system, and the code asks before it calls it.

    Where it does, a configure script has found the function in the SDK and nobody asked for which macOS.
    """
    rules = _rules(subject)
    for _, name, part in _slices(subject):
        oldest = rules.minimum_os.get(part.arch)
        for symbol in part.imports:
            plain = symbol.name.partition("$")[0]  # such as openat$NOCANCEL
            version = rules.newer_symbols.get(plain)
            if oldest is None or version is None or symbol.weak or os_version(version) <= os_version(oldest):
                continue
            if not symbol.library or symbol.library in rules.library_versions:
                yield f"{name}: needs {symbol.name} of macOS {version}, the target's oldest is {oldest}"


CHECKS = (readable, architecture, objects, minimum_os, libraries, two_level, rpaths, install_names, exports,
          libpython, header_padding, signature, newer_symbols)  # fmt: skip
