"""Checks on the programs and DLLs for Windows: will they load on the systems that are promised, and protected?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from pythonbuild.config.model import WindowsRules
from pythonbuild.distribution.peimage import (
    CONSOLE,
    DLL,
    DYNAMIC_BASE,
    GUARD_CF,
    GUI,
    HIGH_ENTROPY_VA,
    MACHINES,
    NX_COMPAT,
    RELOCS_STRIPPED,
    PeImage,
)
from pythonbuild.validation.checks import NotApplicable, Remark, Subject, check

#: The libpython of a version, and what names it may export: CPython's, and what Windows calls in a DLL with _ctypes.
_LIBPYTHON = re.compile(r"python3(\d+t?(_d)?)?\.dll", re.IGNORECASE)
_API = re.compile(r"_?Py.*|DllCanUnloadNow|DllGetClassObject")
#: What extension modules export besides their init functions, by the first part of the file's name.
_MORE_EXPORTS = {"_ctypes": re.compile(r"DllCanUnloadNow|DllGetClassObject"), "_ctypes_test": re.compile(r".*")}
_INIT = re.compile(r"PyInit(U)?_.+")


def _images(subject: Subject) -> Iterator[tuple[str, PeImage]]:
    for file in subject.pe_files:
        if file.image is not None:
            yield file.path, file.image


def _linked(subject: Subject) -> Iterator[tuple[str, PeImage]]:
    """Yield what whoever made the archive has linked: pip makes launchers in Scripts from its own templates."""
    return ((path, image) for path, image in _images(subject) if PurePosixPath(path).parent.name != "Scripts")


def _rules(subject: Subject) -> WindowsRules:
    if subject.target.windows is None:
        raise NotApplicable(f"the target's system is {subject.target.os}: no PE files")
    return subject.target.windows


@check("pe-readable", "every program and DLL can be read, and its parts belong together")
def readable(subject: Subject) -> Iterator[str]:
    """What is called ``.exe``, ``.dll`` or ``.pyd``, and the interpreter that PYTHON.json names, is a PE file: its
    sections follow one another in memory, lie within the file and fill the image; directories lie within the image and
    can be decoded; it begins to run in a section with code. Templates of launchers in ``site-packages``, which are for
    several processors, are left in peace by this and the other checks.

    A file with a finding is looked at no further: it was cut off or changed on its way, or is another system's.
    """
    yield from (file.problem for file in subject.pe_files if file.problem)


@check("pe-machine", "every program and DLL is for the target's processor")
def machine(subject: Subject) -> Iterator[str]:
    """The machine number in the header of every PE file of the installation is that of the target. ARM64EC, as some of
    Microsoft's C runtime for arm64 is, has that of x86_64 and counts as arm64.
    """
    files = list(_images(subject))
    expected = MACHINES.get(subject.target.arch)
    if expected is None:
        raise NotApplicable(f"no machine number is known for {subject.target.arch}")
    for path, image in files:
        if image.machine != expected and not (subject.target.arch == "aarch64" and image.emulation_compatible):
            yield f"{path}: PE machine {image.machine:#06x}, expected {expected:#06x} ({subject.target.arch})"


@check("pe-imports", "only DLLs that every system of the target has, or that are shipped, are needed")
def imports(subject: Subject) -> Iterator[str]:
    """Each DLL that is imported from, at the start or at the first call, is one of the target's ``system_libraries``,
    or a file of that name is in the archive. Case does not matter, for Windows neither.

    Everything else has to be linked statically, or shipped.
    """
    files = list(_images(subject))
    shipped = {PurePosixPath(file.path).name.lower() for file in subject.pe_files}
    for path, image in files:
        for name in image.imports:
            lower = name.lower()
            if lower not in shipped and not any(
                fnmatchcase(lower, pattern.lower()) for pattern in subject.system_libraries
            ):
                yield f"{path}: needs {name}, which is neither in system_libraries nor in the archive"


@check("pe-exports", "the libpython exports the C API, extension modules their init functions, and nothing else")
def exports(subject: Subject) -> Iterator[str]:
    """The names that ``python3*.dll`` exports begin with ``Py`` or ``_Py``; extension modules (``.pyd``, in ``DLLs``)
    export ``PyInit_…``. Both may export what Windows asks a DLL with ``_ctypes`` for; ``_ctypes_test`` is there to be
    called. Programs export nothing.

    Another name is one of a dependency, which was compiled to export it (``__declspec(dllexport)``).
    """
    for path, image in _images(subject):
        file = PurePosixPath(path)
        allowed = [_INIT]
        if _LIBPYTHON.fullmatch(file.name):
            allowed = [_API]
        elif file.suffix == ".pyd":
            allowed += [_MORE_EXPORTS[stem] for stem in (file.name.partition(".")[0],) if stem in _MORE_EXPORTS]
        elif file.suffix != ".exe":
            continue  # a DLL of a dependency, with its own interface
        for name in sorted(image.exports):
            if not any(pattern.fullmatch(name) for pattern in allowed):
                yield f"{path}: exports {name}"


@check("pe-debug-paths", "no program or DLL names a directory of the build machine")
def debug_paths(subject: Subject) -> Iterator[str]:
    """The name of the file with the debug information, which the linker leaves in every file, has no directory:
    debuggers look beside the program, and on symbol servers. ``/PDBALTPATH:%_PDB%`` makes it so.

    What is signed is shipped as it was received, such as Microsoft's C runtime, and so are pip's launchers in
    ``Scripts``. In archives of other builders it is only told.
    """
    ours = subject.description.is_packed_by_us
    for path, image in _linked(subject):
        for name in image.debug_paths:
            if re.search(r"[\\/:]", name) and not image.signed:
                line = f"{path}: names {name}, expected a name without directory"
                yield line if ours else Remark(line)


@check("pe-writable-code", "no memory is writable and executable at once")
def writable_code(subject: Subject) -> Iterator[str]:
    """No section has both flags (W^X)."""
    for path, image in _images(subject):
        yield from (f"{path}: section {name} is writable and executable" for name in image.writable_code)


@check("pe-protections", "programs and DLLs are loaded at addresses that nobody can foretell, and data is never run")
def protections(subject: Subject) -> Iterator[str]:
    """The header says DYNAMIC_BASE (ASLR) and NX_COMPAT (DEP), of files of 64 bits HIGH_ENTROPY_VA, too. Relocations
    are not stripped, without which no other address is possible. Where it says GUARD_CF there is a table of the
    functions that may be called; CPython is not compiled with control flow guard, so that it need not.

    These are the linker's defaults: some option has turned one off. pip's launchers in ``Scripts`` are shipped as they
    are.
    """
    for path, image in _linked(subject):
        wanted = {"DYNAMIC_BASE": DYNAMIC_BASE, "NX_COMPAT": NX_COMPAT}
        if image.bits == 64:
            wanted["HIGH_ENTROPY_VA"] = HIGH_ENTROPY_VA
        yield from (f"{path}: does not say {name}" for name, flag in wanted.items() if not image.flags & flag)
        if image.characteristics & RELOCS_STRIPPED:
            yield f"{path}: has no relocations"
        if image.flags & GUARD_CF and not image.guarded:
            yield f"{path}: says GUARD_CF, and has no table of functions"


@check("pe-subsystem", "programs and DLLs are for the console or the desktop, of no newer Windows than the target's")
def subsystem(subject: Subject) -> Iterator[str]:
    """The subsystem is the console's or the desktop's, and its version at most the target's ``subsystem_version``.
    Windows refuses to start what asks for a newer one.
    """
    newest = _rules(subject).subsystem_version
    for path, image in _images(subject):
        if image.subsystem not in (GUI, CONSOLE):
            yield f"{path}: subsystem {image.subsystem}, expected {CONSOLE} (console) or {GUI} (desktop)"
        elif image.subsystem_version > tuple(int(part) for part in newest.split(".")):
            version = ".".join(str(part) for part in image.subsystem_version)
            yield f"{path}: needs version {version} of Windows' subsystem, the target's newest is {newest}"
        is_dll = bool(image.characteristics & DLL)
        if is_dll == path.lower().endswith(".exe"):
            yield f"{path}: the header says that it is {'a DLL' if is_dll else 'no DLL'}"


@check("pe-certificates", "what is signed is as it was signed")
def certificates(subject: Subject) -> Iterator[str]:
    """A table of certificates, wherever there is one, is the last part of the file, each of its entries is a PKCS #7
    message, and names the hash that the file has (Authenticode). Whose certificate it is, is not looked at.

    A finding means that a file was changed after it was signed, or that a tool has left half of a signature behind.
    """
    for path, image in _images(subject):
        yield from (f"{path}: {problem}" for problem in image.certificate_problems)


@check("pe-checksum", "checksums, where there are any, are those of the files")
def checksum(subject: Subject) -> Iterator[str]:
    """The header's checksum is 0, which says nothing, or that of the file. Windows looks at it for drivers and for some
    services only; but who wrote it meant the file as it was then.
    """
    for path, image in _images(subject):
        if image.checksum not in (0, image.sum):
            yield f"{path}: checksum {image.checksum:#x}, the file's is {image.sum:#x}"


CHECKS = (readable, machine, imports, exports, debug_paths, writable_code, protections, subsystem, certificates,
          checksum)  # fmt: skip
