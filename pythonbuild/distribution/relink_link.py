"""Links an interpreter and its libpython from a choice of modules: inittab, program, shared and static library."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from pythonbuild.distribution.relink_choice import RelinkError
from pythonbuild.distribution.relink_objects import machine_of
from pythonbuild.distribution.relink_system import make_stubs
from pythonbuild.distribution.relink_tools import Compiler
from pythonbuild.distribution.relinkable import Library, Relinkable
from pythonbuild.distribution.staticlib import write_library
from pythonbuild.distribution.symbolversions import Imports, read_imports

#: Of the flags that CPython's own table was compiled with, those that its contents could depend on, and that every
#: compiler knows.
_INITTAB_FLAG = re.compile(r"-D.*|-std=.*|-O.*|-fPIC|-fvisibility=hidden|-fwrapv")
_VERSION = re.compile(r"GLIBC_(\d+(?:\.\d+)*)")
#: The directories of the compiler's working directory: the distribution, and what linking takes besides.
TOP, LINK = "python", "link"


@dataclass(frozen=True)
class Linked:
    """What the new programs want of the system: the newest version of glibc ("" where it has none)."""

    glibc: str


def inittab_text(wanted: Relinkable) -> str:
    """Return the C source of the table of builtin modules."""
    modules = list(wanted.builtin.values())
    lines = ["/* The table of builtin modules, written by relink from PYTHON.json. */", '#include "Python.h"', ""]
    lines += [f"extern PyObject* {name}(void);" for name in dict.fromkeys(item.init_fn for item in modules) if name]
    lines += ["", "struct _inittab _PyImport_Inittab[] = {"]
    lines += [f'    {{"{item.name}", {item.init_fn or "NULL"}}},' for item in modules]
    lines += ["    {0, 0}", "};", ""]
    return "\n".join(lines)


def link(wanted: Relinkable, compiler: Compiler, dependencies: Collection[str] = ()) -> Linked:
    """Replace inittab, interpreter and libpython in the compiler's directory ``python``.

    ``dependencies`` are the sonames of shared libraries that the old ones may need and that are not the C library's.
    Raises CompilerError and RelinkError when the compiler cannot link these objects.
    """
    top = compiler.directory / TOP
    (compiler.directory / LINK).mkdir()
    outputs = [path for path in (wanted.interpreter, wanted.shared_library) if path]
    imports = _without(read_imports([top / path for path in outputs]), dependencies)
    compile_inittab(wanted, compiler)
    stubs = make_stubs(compiler, imports, f"{LINK}/system") if compiler.newer and imports.versions else []
    libraries = _library_words(wanted, imports if stubs else Imports({}, frozenset()))
    objects = [f"{TOP}/{path}" for path in wanted.link_objects()]
    shared = [path for path in objects if path != f"{TOP}/{wanted.main_object}"]

    def make(goal: str, path: str, flags: Sequence[str], parts: Iterable[str]) -> None:
        new = f"{LINK}/{PurePosixPath(path).name}"
        search = _search_flags(wanted, path)
        # Static libraries may need each other, whatever their order; the stubs come before what the compiler adds.
        static = ["-Wl,--start-group", *libraries.static, "-Wl,--end-group"]
        system = ["-Wl,--as-needed", *stubs, *libraries.system, "-Wl,--no-as-needed"]
        # What shared libraries want of the C library is no business of the stubs.
        dynamic = ["-Wl,--allow-shlib-undefined", *libraries.dynamic] if libraries.dynamic else []
        words = [*flags, *search, *parts, *static, *dynamic, *system]
        compiler.produce(goal, words, new).replace(top / path)

    if wanted.shared_library:
        soname = PurePosixPath(wanted.shared_library).name
        make("link libpython", wanted.shared_library, [*wanted.library_ldflags, f"-Wl,-soname,{soname}"], shared)
    make("link the interpreter", wanted.interpreter, wanted.program_ldflags, objects)
    if wanted.static_library:
        (top / wanted.static_library).unlink()
        write_library(top / wanted.static_library, [compiler.directory / path for path in shared])
    return Linked(_newest_glibc(read_imports([top / path for path in outputs])))


def _without(imports: Imports, sonames: Collection[str]) -> Imports:
    """Return what is imported from other libraries than these."""
    versions = {name: place for name, place in imports.versions.items() if place[0] not in sonames}
    return replace(imports, versions=versions)


def compile_inittab(wanted: Relinkable, compiler: Compiler, more: Sequence[str] = ()) -> None:
    """Replace the table of builtin modules, with ``more`` flags for the compiler.

    Raises CompilerError, RelinkError for a compiler that compiles for another processor.
    """
    top = compiler.directory / TOP
    machine = machine_of(top / wanted.interpreter)
    (top / wanted.inittab_source).unlink()
    (top / wanted.inittab_source).write_text(inittab_text(wanted), encoding="utf-8", newline="\n")
    flags = [flag for flag in wanted.inittab_flags if _INITTAB_FLAG.fullmatch(flag)]
    words = [*more, *flags, f"-I{TOP}/{wanted.include}", "-c", f"{TOP}/{wanted.inittab_source}"]
    made = compiler.produce("compile the table of builtin modules", words, f"{LINK}/inittab.o")
    found = machine_of(made)
    if found != machine:
        raise RelinkError(f"{compiler.name} cannot link these objects", found=f"a compiler for {found}",
                          expected=f"one for {machine} ({wanted.triple})", advice="give one with --cc")  # fmt: skip
    made.replace(top / wanted.inittab_object)


@dataclass(frozen=True)
class _Words:
    static: list[str]
    dynamic: list[str]
    system: list[str]


def _library_words(wanted: Relinkable, covered: Imports) -> _Words:
    """Return the libraries as the compiler is told them; the system's that stubs stand for are left out."""
    stems = {soname.partition(".so")[0] for soname, _ in covered.versions.values()}
    libraries = wanted.all_libraries()
    return _Words(
        [f"{TOP}/{item.static}" for item in libraries if item.static],
        [f"{TOP}/{item.dynamic}" for item in libraries if item.dynamic and not item.static],
        list(
            dict.fromkeys(
                f"-l:{item.soname}" if item.soname else f"-l{item.name}"
                for item in libraries
                if item.system and f"lib{item.name}" not in stems
            )
        ),
    )


def _search_flags(wanted: Relinkable, path: str) -> list[str]:
    """Return what lets a program at ``path`` find the shared libraries that lie in the archive."""
    places = {str(PurePosixPath(item.dynamic).parent) for item in wanted.all_libraries() if _is_shipped(item)}
    here = str(PurePosixPath(path).parent)
    ways = (PurePosixPath("$ORIGIN", os.path.relpath(place, here)) for place in sorted(places))
    return [f"-Wl,-rpath,{way}" for way in ways]


def _is_shipped(library: Library) -> bool:
    return bool(library.dynamic) and not library.static


def _newest_glibc(imports: Imports) -> str:
    matches = [_VERSION.fullmatch(version) for _, version in imports.versions.values()]
    return max((match[1] for match in matches if match), key=_number, default="")


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
