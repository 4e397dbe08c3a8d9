"""The system's libraries as the archive's own interpreter knows them, for compilers of newer systems.

A linker binds each function to the newest version that the machine's C library has, and refuses those that are there
for old programs only (``pthread_yield``, which a dependency still calls). So it is not shown that library but a stub of
it: all that the machine's offers, except that what the archive's programs import is bound to the versions that they
import. The result asks for nothing newer than they do, but for what the compiler's own start files want.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from pythonbuild.debian.glibc_floor import FloorError, Library, Symbol, read_library, version_number
from pythonbuild.distribution.relink_choice import RelinkError
from pythonbuild.distribution.relink_tools import Compiler
from pythonbuild.distribution.symbolversions import Imports

#: The compiler's own start files call it, and must have the version that they were made for.
_START = "__libc_start_main"


def make_stubs(compiler: Compiler, imports: Imports, directory: str) -> list[str]:
    """Make stubs of the system's libraries in a directory (relative to the compiler's own); return their paths.

    Raises RelinkError when the compiler is for another C library.
    """
    sonames = sorted({soname for soname, _ in imports.versions.values()})
    libraries = {soname: _machine_library(compiler, soname) for soname in sonames}
    (compiler.directory / directory).mkdir()
    paths = []
    for soname, symbols in chosen_symbols(libraries, imports).items():
        source, script, stub = (f"{directory}/{soname}{suffix}" for suffix in (".s", ".map", ""))
        (compiler.directory / source).write_text(assembly(symbols), encoding="utf-8")
        (compiler.directory / script).write_text(version_script(symbols), encoding="utf-8")
        flags = ["-shared", "-nostdlib", f"-Wl,-soname,{soname}", f"-Wl,--version-script={script}"]
        compiler.produce("make a stub of the C library", [*flags, source], stub)
        paths.append(stub)
    return paths


def _machine_library(compiler: Compiler, soname: str) -> Library:
    path = compiler.find(soname)
    if path is None:
        raise RelinkError(f"{compiler.name} has no {soname}", expected="a compiler for systems with glibc",
                          advice="give another one with --cc, or --cc pinned")  # fmt: skip
    try:
        return read_library(path)
    except FloorError as error:
        raise RelinkError(f"{compiler.name}: {error}", advice="give another one with --cc, or --cc pinned") from error


def chosen_symbols(libraries: Mapping[str, Library], imports: Imports) -> dict[str, list[Symbol]]:
    """Return what the stub of each library offers, each name once over all of them."""
    wanted = {name: place for name, place in imports.versions.items() if name != _START}
    offered: dict[str, Symbol] = {}
    chosen: dict[str, list[Symbol]] = {soname: [] for soname in libraries}
    for soname, library in libraries.items():
        for symbol in library.symbols:
            offered.setdefault(symbol.name, symbol)
            new = symbol.default and version_number(symbol.version) is not None
            if new and symbol.name not in wanted and symbol.name not in imports.optional:
                chosen[soname].append(symbol)
    for name, (soname, version) in sorted(wanted.items()):
        if name not in offered:
            raise RelinkError(f"the C library of this machine has no {name}", expected=f"{name}@{version} in {soname}",
                              advice="give --cc pinned")  # fmt: skip
        chosen[soname].append(replace(offered[name], version=version, default=True))
    return {soname: symbols for soname, symbols in chosen.items() if symbols}


def assembly(symbols: Sequence[Symbol]) -> str:
    """Return assembly that any assembler of GNU's syntax reads: functions of one byte, objects of their sizes."""
    lines = ['.section .note.GNU-stack,"",%progbits', ".text"]
    for symbol in symbols:
        if symbol.kind == "function":
            lines += [*_begin(symbol), ".byte 0"]
    lines.append(".data")
    # A copy relocation needs the names of one object to stay together, and aligns the copy as it is aligned here.
    for group in _by_place(symbol for symbol in symbols if symbol.kind == "object"):
        lines.append(".balign 64")
        for symbol in group:
            lines += _begin(symbol)
        lines.append(f".zero {max(1, *(symbol.size for symbol in group))}")
    lines.append('.section .tdata,"awT",%progbits')
    for symbol in symbols:
        if symbol.kind == "tls_object":
            lines += [*_begin(symbol), f".zero {max(8, symbol.size)}"]
    return "\n".join(lines) + "\n"


def _by_place(symbols: Iterable[Symbol]) -> list[list[Symbol]]:
    groups: dict[tuple[int, int], list[Symbol]] = {}
    for symbol in symbols:
        groups.setdefault(symbol.place, []).append(symbol)
    return [groups[place] for place in sorted(groups)]


def _begin(symbol: Symbol) -> list[str]:
    return [
        f"{'.weak' if symbol.weak else '.globl'} {symbol.name}",
        f".type {symbol.name}, %{symbol.kind}",
        f".size {symbol.name}, {max(1, symbol.size)}",
        f"{symbol.name}:",
    ]


def version_script(symbols: Iterable[Symbol]) -> str:
    """Return the linker's script that gives each name its version."""
    nodes: dict[str, list[str]] = {}
    for symbol in symbols:
        nodes.setdefault(symbol.version, []).append(symbol.name)
    return "".join(f"{version} {{ {' '.join(f'{name};' for name in names)} }};\n"
                   for version, names in sorted(nodes.items()))  # fmt: skip
